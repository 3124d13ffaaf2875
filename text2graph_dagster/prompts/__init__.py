"""Prompt templates (Jinja, by language), their rendering, and the escaping of the documents that they quote."""
