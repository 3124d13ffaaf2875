"""The readers of all document formats, by suffix.

To add a format, write a module with `read(path, name, settings)`, which yields a `Document` or a `Rejection` for every
document of a file, and register it in `READERS`. If a file is one document, `read_whole_file` handles size and errors.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from text2graph_dagster.corpus.folder import CorpusFolder, format_relative_path
from text2graph_dagster.corpus.readers import html, json_lines, pdf, plain_text, tabular, word
from text2graph_dagster.corpus.readers.documents import Document, Rejection
from text2graph_dagster.settings import CorpusSettings

__all__ = ["READERS", "Document", "Reader", "Rejection", "read_documents", "read_file"]

Reader = Callable[[Path, str, CorpusSettings], Iterator[Document | Rejection]]

READERS: Mapping[str, Reader] = {
    ".docx": word.read,
    ".htm": html.read,
    ".html": html.read,
    ".md": plain_text.read,
    ".pdf": pdf.read,
    ".txt": plain_text.read,
    ".xhtml": html.read,
    ".jsonl": json_lines.read,
    ".jsonl.gz": json_lines.read,
    ".parquet": tabular.read,
    ".arrow": tabular.read,
}

_DEFAULTS = CorpusSettings()


def read_documents(folder: CorpusFolder, settings: CorpusSettings = _DEFAULTS) -> Iterator[Document | Rejection]:
    """Yield every document of the corpus in the order of its files; at most one document is in memory."""
    for path in folder.documents:
        if not path.is_dir():  # skip a link to a folder of the corpus; its files are listed under their real path
            yield from read_file(path, format_relative_path(folder.path, path), settings)


def read_file(path: Path, name: str, settings: CorpusSettings) -> Iterator[Document | Rejection]:
    """Yield every document of one file, or its rejection; document ids start with `name`.

    A text, HTML, PDF or Word file is one document. In `.jsonl`, `.jsonl.gz`, `.parquet` and `.arrow` files, every line
    or row is a document, with its text in `settings.text_field` and optionally an `id`. Documents larger than
    `settings.max_document_bytes` are rejected.
    """
    suffix = "".join(path.suffixes[-2:]).lower() if path.suffix.lower() == ".gz" else path.suffix.lower()
    if not path.is_file():
        yield Rejection(name, "unreadable", "not a regular file; replace it by one")
    elif suffix in READERS:
        yield from READERS[suffix](path, name, settings)
    else:
        yield Rejection(name, "unsupported_format", f"convert it to one of {', '.join(READERS)}", path.stat().st_size)
