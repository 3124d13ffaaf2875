"""From a folder of documents and an ontology to a small model that extracts that graph from that text."""

__version__ = "0.1.0"
