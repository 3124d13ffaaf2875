"""From a passage back to its document: raw_corpus counts in the cleaned text, this in the text as it came."""

from collections.abc import Iterator
from pathlib import Path

from text2graph_dagster.corpus.folder import format_relative_path, open_corpus
from text2graph_dagster.corpus.readers.documents import Document
from text2graph_dagster.corpus.readers.registry import read_file
from text2graph_dagster.corpus.text.cleaning import clean_with_map
from text2graph_dagster.errors import UserError
from text2graph_dagster.graph.model import Span
from text2graph_dagster.settings import CorpusSettings

_DEFAULTS = CorpusSettings()


def find_source_span(
    corpus: Path, doc_id: str, start: int, end: int, settings: CorpusSettings = _DEFAULTS
) -> tuple[str, Span]:
    """Return the document's text as its reader gave it, and where [start, end) of its cleaned text stands in it.

    For text files and rows that is the file's own text, decoded; for pages, PDF and Word the text that was extracted.
    The document is read and cleaned again: the table would double in size if it held the map.

    Raises:
        UserError: the corpus has no such document (any more), or the document is shorter.
    """
    document = next((found for found in _named(corpus, doc_id, settings) if found.doc_id == doc_id), None)
    if document is None:
        raise UserError(f"{corpus} holds no document {doc_id!r}; it may have changed since raw_corpus was made.")
    _, offsets = clean_with_map(document.text)
    try:
        return document.text, offsets.source_span(start, end)
    except ValueError as error:
        raise UserError(f"{doc_id}: {error}; it has changed since raw_corpus was made.") from None


def _named(corpus: Path, doc_id: str, settings: CorpusSettings) -> Iterator[Document]:
    """Yield the documents of the files that `doc_id` can be in: it is `file`, `file:number` or `file#id`."""
    folder = open_corpus(corpus)
    for path in folder.documents:
        name = format_relative_path(folder.path, path)
        if doc_id == name or doc_id.startswith((f"{name}:", f"{name}#")):
            yield from (item for item in read_file(path, name, settings) if isinstance(item, Document))
