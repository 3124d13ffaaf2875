"""Rationales: texts that explain why a graph follows from a passage.

`composed_reasoner` and `chat_reasoner` write rationales. `verifier` (composed form) and `prose_verifier` (free prose)
check by rules that a rationale leads to the graph; `blind_reading` checks it with a second model. `traces` runs these
steps.
"""
