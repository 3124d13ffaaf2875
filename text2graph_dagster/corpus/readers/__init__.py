"""Read documents from files: one module per format, chosen by suffix in `registry`."""
