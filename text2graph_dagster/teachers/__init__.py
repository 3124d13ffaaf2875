"""Who says which graph a passage states: a knowledge base, or any model behind an OpenAI-compatible endpoint."""
