"""Why a graph follows from a passage: composing a rationale, and verifying one."""
