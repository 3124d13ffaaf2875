"""Teaching a student: supervised fine-tuning, then reinforcement, each runnable as a program.

Only the programs in here (and the student's inference) import torch, transformers and trl.
"""
