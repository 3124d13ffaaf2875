"""Programs that print a table. Nothing in tests/ asserts a time; ratios are measured side by side in one run."""
