"""Training programs: `sft`, then `reward_model` and `grpo`; `entailment` runs the NLI model that checks labels.

Read a program from the top: it reads its configuration, reads the data, makes the model and the trainer, trains, writes
the model and evaluates it. `model/` makes the student, `data/` turns examples into token rows, `rl/` has GRPO's parts.
Apart from these programs, only `inference` imports torch, transformers and trl.
"""
