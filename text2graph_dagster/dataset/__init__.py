"""From passages with graphs to training examples: instructions, decontamination, quality."""
