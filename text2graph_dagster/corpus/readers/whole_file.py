"""Read a file that is one document; shared by all formats with one document per file."""

from collections.abc import Callable
from pathlib import Path

from text2graph_dagster.corpus.readers.documents import Document, ExtractedText, Rejection, check_text
from text2graph_dagster.settings import CorpusSettings

Extract = Callable[[Path, CorpusSettings], ExtractedText | Rejection]

_HINT = "pip install 'text2graph-dagster[documents]'"


def read_whole_file(
    extract: Extract, path: Path, name: str, settings: CorpusSettings, max_bytes: int
) -> Document | Rejection:
    """Return the document that `extract` finds in a file of at most `max_bytes`, or a rejection if anything fails."""
    size = 0
    try:
        size = path.stat().st_size
        if size > max_bytes:
            return Rejection(name, "too_large", f"{size} bytes; split files of more than {max_bytes}", size)
        found = extract(path, settings)
    except OSError as error:
        return Rejection(name, "unreadable", str(error.strerror or error)[:300], size)
    except ModuleNotFoundError as error:
        return Rejection(name, "reader_missing", f"the package {error.name} is missing; {_HINT}", size)
    except Exception as error:  # third-party parsers raise any exception; only this document must be rejected
        return Rejection(name, "broken_document", f"{type(error).__name__}: {error}"[:300], size)
    if isinstance(found, Rejection):
        return Rejection(name, found.reason, found.detail, size)
    return check_text(name, found.text, size) or Document(name, found.text, name, None, size, found.encoding)
