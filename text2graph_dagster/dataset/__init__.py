"""From passages with graphs to training examples: denoising, decontamination, task sampling, selection."""
