"""Programs that measure and print tables; what they share is in `support/`.

No test asserts a time; ratios are measured side by side in one run.
"""
