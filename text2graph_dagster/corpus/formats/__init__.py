"""One reader per file format; `text2graph_dagster.corpus.readers` chooses."""
