"""What every started program shares: its configuration, signals, progress, and its output directory."""
