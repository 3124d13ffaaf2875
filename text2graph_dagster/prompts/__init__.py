"""Prompt templates (Jinja, by language), rendering them, and escaping the documents that they quote."""
