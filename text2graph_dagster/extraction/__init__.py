"""Extraction of graphs from texts and documents with a trained student.

- `extractor`: the Python API; `command`: the shell command `text2graph extract`.
- `document_run`: documents → passages → one graph per document; `merging`: the graphs of a document's passages.
- `backends`: a server that serves the student; `local_backend`: the student in this process.
- `results`: the result for each document.
"""
