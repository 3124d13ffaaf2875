"""Denoising distant supervision's labels: learn from the corpus, decide on dev gold, calibrate confidence."""
