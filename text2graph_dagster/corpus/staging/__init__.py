"""Incremental builds: a cache of processed documents in parts on disk, and detection of changed files."""
