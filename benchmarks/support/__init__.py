"""Modules that several benchmarks share, or that one benchmark starts."""
