"""Documents turned into rows once: parts on disk, and which files changed since."""
