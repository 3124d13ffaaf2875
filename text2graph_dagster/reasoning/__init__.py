"""Rationales: why a graph follows from a passage.

`composed_reasoner` and `chat_reasoner` write them, `verifier` (composed form) and `prose_verifier` (free prose) derive
the graph from them again, `blind_reading` lets a second model do so, and `traces` runs these steps.
"""
