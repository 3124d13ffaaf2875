"""The teacher behind an OpenAI-compatible endpoint: calls, retries, rate limiting, and reading its answers."""
