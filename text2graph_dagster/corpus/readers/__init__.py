"""One module per file format; `registry` chooses the reader of a file."""
