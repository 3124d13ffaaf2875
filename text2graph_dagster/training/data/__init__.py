"""Training data: from rows of filtered_dataset to token rows.

The order of training examples is decided in `curriculum.py`: `plan_batches` for SFT, `choose_prompts` for GRPO.
`schedule.py` follows that order, adds invented names (`name_augmentation.py`) and writes the token rows to disk.
"""
