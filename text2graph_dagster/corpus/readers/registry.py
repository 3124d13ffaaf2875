"""Documents of a corpus, one after the other: each is a `Document` or is `Rejection` with a reason, none is skipped."""

from collections.abc import Callable, Iterator
from pathlib import Path

from text2graph_dagster.corpus.folder import CorpusFolder, format_relative_path
from text2graph_dagster.corpus.readers import html, json_lines, pdf, tabular, word
from text2graph_dagster.corpus.readers.documents import Document, Rejection, check_text
from text2graph_dagster.corpus.readers.encodings import decode, decode_page
from text2graph_dagster.settings import CorpusSettings

__all__ = ["FORMATS", "Document", "Rejection", "read_documents", "read_file"]

Rows = Callable[[Path, str, CorpusSettings], Iterator[Document | Rejection]]

_TEXT, _PAGES = frozenset({".txt", ".md"}), frozenset({".html", ".htm", ".xhtml"})
_ROWS: dict[str, Rows] = {
    ".jsonl": json_lines.read,
    ".jsonl.gz": json_lines.read,
    ".parquet": tabular.read_parquet,
    ".arrow": tabular.read_arrow,
}
_EXTRACT: dict[str, Callable[[Path, CorpusSettings], str | Rejection]] = {".pdf": pdf.extract, ".docx": word.extract}
FORMATS = (*sorted(_TEXT | _PAGES | set(_EXTRACT)), *_ROWS)
_DEFAULTS = CorpusSettings()
_HINT = "pip install 'text2graph-dagster[documents]'"
# What binary files begin with: one that is named .txt is no text in an odd encoding.
_MAGIC = {
    b"PK\x03\x04": "a zip archive",
    b"\x1f\x8b": "a gzip archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ\0": "an xz archive",
    b"%PDF-": "a PDF",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"\x7fELF": "a program",
    b"\xd0\xcf\x11\xe0": "an old Office file",
}


def read_documents(folder: CorpusFolder, settings: CorpusSettings = _DEFAULTS) -> Iterator[Document | Rejection]:
    """Yield every document of the corpus in the order of its files; at most one document is held in memory."""
    for path in folder.documents:
        if not path.is_dir():  # a link to a folder inside the corpus: its files are listed where they really are
            yield from read_file(path, format_relative_path(folder.path, path), settings)


def read_file(path: Path, name: str, settings: CorpusSettings) -> Iterator[Document | Rejection]:
    """Yield the documents of one file, called `name` in their ids.

    A text, page, PDF or Word file is one document; every line of `.jsonl` and `.jsonl.gz` and every row of `.parquet`
    and `.arrow` is one, with a string in `settings.text_field` and perhaps an `id`. What is larger than
    `settings.max_document_bytes` is refused.
    """
    suffix = "".join(path.suffixes[-2:]).lower() if path.suffix.lower() == ".gz" else path.suffix.lower()
    if not path.is_file():
        yield Rejection(name, "unreadable", "not a regular file; replace it by one")
    elif suffix in _ROWS:
        yield from _ROWS[suffix](path, name, settings)
    elif suffix in _TEXT | _PAGES | set(_EXTRACT):
        yield _read_whole(path, name, suffix, settings)
    else:
        yield Rejection(name, "unsupported_format", f"convert it to one of {', '.join(FORMATS)}", path.stat().st_size)


def _read_whole(path: Path, name: str, suffix: str, settings: CorpusSettings) -> Document | Rejection:
    size, encoding = 0, "utf-8"
    try:
        size = path.stat().st_size
        limit = settings.max_page_bytes if suffix in _PAGES else settings.max_document_bytes
        if size > limit:
            return Rejection(name, "too_large", f"{size} bytes; split files of more than {limit}", size)
        if suffix in _EXTRACT:
            text, encoding = _EXTRACT[suffix](path, settings), ""
        else:
            text, encoding = decode_text(path.read_bytes(), is_page=suffix in _PAGES)
    except OSError as error:
        return Rejection(name, "unreadable", str(error.strerror or error)[:300], size)
    except ModuleNotFoundError as error:
        return Rejection(name, "reader_missing", f"the package {error.name} is missing; {_HINT}", size)
    except Exception as error:  # a parser of others' formats fails in any way: that is one document, not the corpus
        return Rejection(name, "broken_document", f"{type(error).__name__}: {error}"[:300], size)
    if isinstance(text, Rejection):
        return Rejection(name, text.reason, text.detail, size)
    return check_text(name, text, size) or Document(name, text, name, None, size, encoding)


def decode_text(data: bytes, *, is_page: bool = False) -> tuple[str | Rejection, str]:
    """Return the text in the bytes of a file, and its encoding."""
    if kind := next((kind for magic, kind in _MAGIC.items() if data.startswith(magic)), None):
        return Rejection("", "unsupported_format", f"it is {kind}, whatever its name says"), ""
    decoded = decode_page(data) if is_page else decode(data)
    if isinstance(decoded, Rejection):
        return decoded, ""
    return (html.extract(decoded.text) if is_page and decoded.text.strip() else decoded.text), decoded.encoding
