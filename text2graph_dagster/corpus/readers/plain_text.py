"""Text files, Markdown included: the whole file is one document."""

from collections.abc import Iterator
from pathlib import Path

from text2graph_dagster.corpus.readers.documents import Document, ExtractedText, Rejection
from text2graph_dagster.corpus.readers.encodings import decode_bytes, reject_binary
from text2graph_dagster.corpus.readers.whole_file import read_whole_file
from text2graph_dagster.settings import CorpusSettings


def read(path: Path, name: str, settings: CorpusSettings) -> Iterator[Document | Rejection]:
    """Yield the document of the file, or its rejection."""
    yield read_whole_file(extract, path, name, settings, settings.max_document_bytes)


def extract(path: Path, settings: CorpusSettings) -> ExtractedText | Rejection:
    """Return the decoded text of the file (a rejection has no doc_id)."""
    return decode_text(path.read_bytes())


def decode_text(data: bytes) -> ExtractedText | Rejection:
    """Return the text in the bytes of a file (a rejection has no doc_id)."""
    return reject_binary(data) or decode_bytes(data)
