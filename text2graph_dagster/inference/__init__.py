"""A student that answers: loading it, decoding, constraints, batches, and what a checkpoint carries."""
