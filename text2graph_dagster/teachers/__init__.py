"""Teachers extract graphs from passages: a knowledge base, or a model behind an OpenAI-compatible endpoint."""
