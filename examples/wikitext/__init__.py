"""Wikipedia articles and a Wikidata knowledge base as a corpus, from copies that you have."""
