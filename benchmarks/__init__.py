"""Programs that measure and print tables. No test asserts a time; ratios are measured side by side in one run."""
