"""Denoising labels of distant supervision: train on the corpus, decide on dev gold, calibrate confidence."""
