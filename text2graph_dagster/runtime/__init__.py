"""Code shared by all programs that run in their own process: configuration, signals, progress, output directory."""
