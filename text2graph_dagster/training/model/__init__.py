"""The student: making it, its tokenizer, adapters and optimizer."""
