"""Predicting, scoring and reporting: how good every system is on the same held-out passages, and how sure that is."""
