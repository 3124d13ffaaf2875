"""Map offsets of raw_corpus, which refer to the cleaned text, back to the source text."""

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
    """Return (source text, span): the span of the source text from which [start, end) of the cleaned text was made.

    The source text of text files and rows is the decoded text; for web pages, PDF and Word it is the extracted text.
    The document is read and cleaned again, because storing the offsets would double the size of the table.

    Raises:
        UserError: the corpus has no such document, or the document is shorter than `end` (it has changed).
    """
    document = next((found for found in _documents_of_file(corpus, doc_id, settings) if found.doc_id == doc_id), None)
    if document is None:
        raise UserError(f"{corpus} has no document {doc_id!r}; if the corpus has changed, rebuild raw_corpus.")
    _, offsets = clean_with_map(document.text)
    try:
        return document.text, offsets.source_span(start, end)
    except ValueError as error:
        raise UserError(f"{doc_id}: {error}; the document has changed; rebuild raw_corpus.") from None


def _documents_of_file(corpus: Path, doc_id: str, settings: CorpusSettings) -> Iterator[Document]:
    """Yield the documents of the files that may contain `doc_id` (`file`, `file:number` or `file#id`)."""
    folder = open_corpus(corpus)
    for path in folder.documents:
        name = format_relative_path(folder.path, path)
        if doc_id == name or doc_id.startswith((f"{name}:", f"{name}#")):
            yield from (item for item in read_file(path, name, settings) if isinstance(item, Document))
