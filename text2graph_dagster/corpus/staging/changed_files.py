"""Read the documents of the files that changed since the last run."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from text2graph_dagster.corpus.folder import CorpusFolder, format_relative_path
from text2graph_dagster.corpus.readers import json_lines
from text2graph_dagster.corpus.readers.registry import read_documents
from text2graph_dagster.corpus.staging.parts import Item, Staging
from text2graph_dagster.corpus.text.blocklist import digest_blocklist
from text2graph_dagster.identity import digest, digest_programs
from text2graph_dagster.progress import Progress
from text2graph_dagster.settings import CorpusSettings

PROGRESS_EVERY = 200
_BLOCK = 1 << 20


def compute_version(folder: CorpusFolder, settings: CorpusSettings) -> str:
    """Return a digest of what the rows depend on besides the documents: settings, block-list, code of this package."""
    corpus = Path(__file__).parents[1]
    programs = digest_programs([corpus.parent / "identity.py", *corpus.rglob("*.py")])
    blocked = digest_blocklist(settings.blocklist)
    return digest(folder.name, folder.ontology.language, settings.model_dump_json(), blocked, programs)


@dataclass(frozen=True, slots=True)
class _FileState:
    """The content of a file: `digest` is computed from its name and bytes, or 0 if it is not a readable file.

    `head` is the same digest for the first `head_size` bytes (the file's size at the last run), which have `lines`
    lines. `head` is 0 if the file is now shorter, or if these bytes do not end with a line end.
    """

    name: str
    stamp: tuple[int, int] | None
    digest: int = 0
    head: int = 0
    head_size: int = 0
    lines: int = 0


def iterate_changed(
    folder: CorpusFolder, settings: CorpusSettings, staging: Staging, progress: Progress
) -> Iterator[tuple[int, Item]]:
    """Yield the documents of the changed files, each with the digest of its file.

    If lines were appended to a .jsonl file, only the new lines are read.
    """
    done = 0
    sizes = {path: path.stat().st_size for path in folder.documents if path.is_file()}
    total = sum(sizes.values())
    for path in folder.documents:
        state, before = _inspect(folder, path, staging.files.sizes), done
        if not staging.reuse(state.digest):
            for number, item in enumerate(_documents(folder, path, settings, staging, state), 1):
                done += item.size
                if number % PROGRESS_EVERY == 0:
                    progress(done, total, "bytes read")
                yield state.digest, item
            if _stamp(path) != state.stamp:
                staging.files.forget(state.digest)
        if state.digest and _is_json_lines(path):
            staging.files.record_size(state.name, sizes.get(path, 0))
        done = before + sizes.get(path, 0)
        progress(done, total, "bytes read")


def _documents(
    folder: CorpusFolder, path: Path, settings: CorpusSettings, staging: Staging, state: _FileState
) -> Iterator[Item]:
    """Yield the documents of a file, except those in its unchanged head, which are already cached in parts."""
    known = staging.files.documents_of(state.head)
    if known is None:
        yield from read_documents(replace(folder, documents=(path,)), settings)
        return
    staging.files.add(state.digest, known)
    prefix = f"{state.name}#"
    own = staging.doc_ids(known)
    ids = frozenset(own.filter(own.str.starts_with(prefix)).str.strip_prefix(prefix))
    yield from json_lines.read(path, state.name, settings, json_lines.KnownHead(state.head_size, state.lines, ids))


def _inspect(folder: CorpusFolder, path: Path, sizes: Mapping[str, int]) -> _FileState:
    """Compute the digests of a file and of its head in one pass."""
    name, stamp = format_relative_path(folder.path, path), _stamp(path)
    size = sizes.get(name, 0) if _is_json_lines(path) else 0
    sha, lines, left, last = hashlib.sha256(), 0, size, b""
    if stamp is None:
        return _FileState(name, stamp)
    try:
        with path.open("rb") as file:
            while left and (block := file.read(min(left, _BLOCK))):
                sha.update(block)
                lines, left, last = lines + block.count(b"\n"), left - len(block), block
            head = _number(name, sha.hexdigest()) if last.endswith(b"\n") and not left else 0
            while block := file.read(_BLOCK):
                sha.update(block)
    except OSError:
        return _FileState(name, stamp)
    return _FileState(name, stamp, _number(name, sha.hexdigest()), head, size, lines)


def _stamp(path: Path) -> tuple[int, int] | None:
    """Return (size, modification time) of a regular file, else None."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return (stat.st_size, stat.st_mtime_ns) if path.is_file() else None


def _is_json_lines(path: Path) -> bool:
    return path.suffix.lower() == ".jsonl"


def _number(name: str, content: str) -> int:
    return int(digest(name, content)[:16], 16)
