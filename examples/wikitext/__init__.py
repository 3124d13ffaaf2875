"""A corpus from local copies of Wikipedia articles and a Wikidata knowledge base."""
