"""The teacher that needs no model: distant supervision from a knowledge base."""
