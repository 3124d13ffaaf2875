"""Programs that measure and print tables; code that they share is in `support/`.

No test asserts a time. For a ratio, both sides are measured in the same run.
"""
