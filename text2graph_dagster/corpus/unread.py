"""Which documents have to be read: those of files that changed since they were read last."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from text2graph_dagster.corpus.folder import CorpusFolder, relative_name
from text2graph_dagster.corpus.readers import read_documents
from text2graph_dagster.corpus.staging import Item, Staging
from text2graph_dagster.identity import digest
from text2graph_dagster.progress import Progress
from text2graph_dagster.settings import CorpusSettings

PROGRESS_EVERY = 200


def version_of(folder: CorpusFolder, settings: CorpusSettings) -> str:
    """Return a digest of everything but the documents that their rows depend on: this package's programs among it."""
    package = Path(__file__).parent
    sources = [package.parent / "identity.py", *sorted(package.rglob("*.py"))]
    programs = [path.read_text(encoding="utf-8") for path in sources]
    return digest(folder.name, folder.ontology.language, settings.model_dump_json(), *programs)


def unread(
    folder: CorpusFolder, settings: CorpusSettings, staging: Staging, progress: Progress
) -> Iterator[tuple[int, Item]]:
    """Yield the documents of the files that changed, each with its file's digest."""
    done = 0
    sizes = {path: path.stat().st_size for path in folder.documents if path.is_file()}
    total = sum(sizes.values())
    for path in folder.documents:
        file, before = _file_digest(folder, path), done
        if not (file and staging.holds(file)):
            alone = replace(folder, documents=(path,))
            for number, item in enumerate(read_documents(alone, settings.max_document_bytes), 1):
                done += item.size
                if number % PROGRESS_EVERY == 0:
                    progress(done, total, "bytes read")
                yield file, item
        done = before + sizes.get(path, 0)
        progress(done, total, "bytes read")


def _file_digest(folder: CorpusFolder, path: Path) -> int:
    """Return a number for a file with this name and these bytes, 0 for what is no readable file."""
    try:
        if not path.is_file():
            return 0
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return 0
    return int(digest(relative_name(folder.path, path), content)[:16], 16)
