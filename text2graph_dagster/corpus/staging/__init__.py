"""Incremental builds: processed documents in parts on disk, and which files changed since."""
