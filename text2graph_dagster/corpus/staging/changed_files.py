"""Which documents have to be read: those of files that changed since they were read last."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from text2graph_dagster.corpus.folder import CorpusFolder, format_relative_path
from text2graph_dagster.corpus.readers import json_lines
from text2graph_dagster.corpus.readers.registry import read_documents
from text2graph_dagster.corpus.staging.parts import Item, Staging
from text2graph_dagster.corpus.text.blocklist import digest_blocklist
from text2graph_dagster.identity import digest, programs_digest
from text2graph_dagster.progress import Progress
from text2graph_dagster.settings import CorpusSettings

PROGRESS_EVERY = 200
_BLOCK = 1 << 20


def compute_version(folder: CorpusFolder, settings: CorpusSettings) -> str:
    """Return a digest of what the rows depend on besides the documents, the programs of this package included."""
    corpus = Path(__file__).parents[1]
    programs = programs_digest([corpus.parent / "identity.py", *corpus.rglob("*.py")])
    blocked = digest_blocklist(settings.blocklist)
    return digest(folder.name, folder.ontology.language, settings.model_dump_json(), blocked, programs)


@dataclass(frozen=True, slots=True)
class _Look:
    """A file as it was found: `digest` stands for its name and bytes, 0 where it is no readable file.

    `head` stands for its name and the bytes that it had the last time; 0 where it does not begin with these any more,
    or they do not end with a line; `lines` is their number.
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
    """Yield the documents of the files that changed, each with its file's digest.

    Of a .jsonl to which lines were added at its end these alone are read.
    """
    done = 0
    sizes = {path: path.stat().st_size for path in folder.documents if path.is_file()}
    total = sum(sizes.values())
    for path in folder.documents:
        look, before = _look(folder, path, staging.files.sizes), done
        if not staging.holds(look.digest):
            for number, item in enumerate(_documents(folder, path, settings, staging, look), 1):
                done += item.size
                if number % PROGRESS_EVERY == 0:
                    progress(done, total, "bytes read")
                yield look.digest, item
            if _stamp(path) != look.stamp:
                staging.files.forget(look.digest)
        if look.digest and _is_json_lines(path):
            staging.files.note_size(look.name, sizes.get(path, 0))
        done = before + sizes.get(path, 0)
        progress(done, total, "bytes read")


def _documents(
    folder: CorpusFolder, path: Path, settings: CorpusSettings, staging: Staging, look: _Look
) -> Iterator[Item]:
    """Yield the documents of a file, without those that it begins with and that the parts hold."""
    known = staging.files.held(look.head)
    if known is None:
        yield from read_documents(replace(folder, documents=(path,)), settings)
        return
    staging.files.add(look.digest, known)
    prefix = f"{look.name}#"
    own = staging.doc_ids(known)
    ids = frozenset(own.filter(own.str.starts_with(prefix)).str.strip_prefix(prefix))
    yield from json_lines.read(path, look.name, settings, json_lines.Head(look.head_size, look.lines, ids))


def _look(folder: CorpusFolder, path: Path, sizes: Mapping[str, int]) -> _Look:
    """Read a file's bytes once, for its digest and for that of what it was the last time."""
    name, stamp = format_relative_path(folder.path, path), _stamp(path)
    size = sizes.get(name, 0) if _is_json_lines(path) else 0
    sha, lines, left, last = hashlib.sha256(), 0, size, b""
    if stamp is None:
        return _Look(name, stamp)
    try:
        with path.open("rb") as file:
            while left and (block := file.read(min(left, _BLOCK))):
                sha.update(block)
                lines, left, last = lines + block.count(b"\n"), left - len(block), block
            head = _number(name, sha.hexdigest()) if last.endswith(b"\n") and not left else 0
            while block := file.read(_BLOCK):
                sha.update(block)
    except OSError:
        return _Look(name, stamp)
    return _Look(name, stamp, _number(name, sha.hexdigest()), head, size, lines)


def _stamp(path: Path) -> tuple[int, int] | None:
    """Return what changes when a file is written, None for what is no file."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return (stat.st_size, stat.st_mtime_ns) if path.is_file() else None


def _is_json_lines(path: Path) -> bool:
    return path.suffix.lower() == ".jsonl"


def _number(name: str, content: str) -> int:
    return int(digest(name, content)[:16], 16)
