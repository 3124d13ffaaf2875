"""Shared by all programs that run as a process of their own: configuration, signals, progress, output directory."""
