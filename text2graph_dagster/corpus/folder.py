"""A corpus is a folder: documents, `ontology.yaml`, and where there are any `knowledge_base.jsonl`, `gold.jsonl`."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from text2graph_dagster.errors import UserError
from text2graph_dagster.identity import digest
from text2graph_dagster.ontology import Ontology, load_ontology

ONTOLOGY, KNOWLEDGE_BASE, GOLD = "ontology.yaml", "knowledge_base.jsonl", "gold.jsonl"
MAX_NAME_CHARACTERS = 100

_NAME = re.compile(r"\w[\w.-]*")


@dataclass(frozen=True)
class CorpusFolder:
    """A folder that was looked at: which file plays which part. `documents` is sorted by relative path."""

    name: str
    path: Path
    ontology: Ontology
    knowledge_base: Path | None
    gold: Path | None
    documents: tuple[Path, ...]


def check_name(name: str) -> str:
    """Return `name` if it can name a corpus, which is a folder and a partition key at once.

    Raises:
        UserError: it is empty, too long, starts with a dot or a dash, or holds a separator or another odd character.
    """
    if not _NAME.fullmatch(name) or ".." in name or len(name) > MAX_NAME_CHARACTERS:
        raise UserError(
            f"the corpus name {name[:200]!r} is not usable; use 1 to {MAX_NAME_CHARACTERS} letters, digits, "
            "underscores, dashes or single dots, beginning with a letter or digit."
        )
    return name


def open_corpus(path: Path) -> CorpusFolder:
    """Look at the folder at `path`, check its name, its ontology and its links, and list its documents.

    The folder itself may be a link; a link inside it must stay inside it. Hidden files and folders are passed over.

    Raises:
        UserError: there is no such folder, its name is not usable, a link leads out of it, the ontology is missing or
            wrong, or there is no document.
    """
    name = check_name(path.name)
    if not path.is_dir():
        raise UserError(f"{path} is not a folder; a corpus is a folder with documents and an {ONTOLOGY}.")
    files = list(_files(path))
    _refuse_escapes(path, files)
    ontology = load_ontology(path / ONTOLOGY)
    documents = tuple(_documents(path, files))
    if not documents:
        raise UserError(f"{path} holds no document; add files (docs/bring-your-corpus.md has the formats).")
    knowledge_base, gold = path / KNOWLEDGE_BASE, path / GOLD
    return CorpusFolder(
        name=name,
        path=path,
        ontology=ontology,
        knowledge_base=knowledge_base if knowledge_base.is_file() else None,
        gold=gold if gold.is_file() else None,
        documents=documents,
    )


def find_documents(path: Path) -> list[tuple[Path, str]]:
    """Return the documents that a file or folder holds, in order, each with its name: its path, beginning with `path`.

    Of a folder that is a corpus these are its documents, of any other all files. Hidden ones are passed over.

    Raises:
        UserError: there is no such path, there is nothing in it, it cannot be listed, or a link in it leads out of it.
    """
    if not path.is_dir():
        if not path.exists():
            raise UserError(f"{path} does not exist: name files or folders that do.")
        return [(path, format_path(path))]
    files = list(_files(path))
    _refuse_escapes(path, files)
    found = [(file, format_path(file)) for file in _documents(path, files) if not file.is_dir()]
    if not found:
        raise UserError(f"{path} holds no document; add files (docs/bring-your-corpus.md has the formats).")
    return found


def _documents(root: Path, files: list[Path]) -> Iterator[Path]:
    """Yield the files that are documents: in a corpus, all but those that play another part."""
    special = {root / ONTOLOGY, root / KNOWLEDGE_BASE, root / GOLD} if root / ONTOLOGY in files else set()
    return (file for file in files if file not in special and not _describes_data(file))


def fingerprint(path: Path) -> str:
    """Return a digest of the names, sizes and times of change of all files: what tells that a corpus has changed.

    Raises:
        UserError: a folder inside cannot be listed.
    """
    parts: list[str] = []
    for file in _files(path):
        try:
            stat = file.lstat()
        except FileNotFoundError:  # it went away between listing and looking: the next look sees the difference
            continue
        parts += [format_relative_path(path, file), str(stat.st_size), str(stat.st_mtime_ns)]
    return digest(*parts)


def format_relative_path(root: Path, file: Path) -> str:
    """Return the file's path inside the corpus in readable form."""
    return format_path(file.relative_to(root))


def format_path(path: Path) -> str:
    """Return a path with forward slashes; bytes that are not UTF-8 are written as \\x…"""
    return path.as_posix().encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _files(root: Path) -> Iterator[Path]:
    """Yield every file and every link under `root` that is not hidden, sorted by relative path."""

    def fail(error: OSError) -> None:
        raise UserError(f"the folder {error.filename} cannot be listed ({error.strerror}); mend its permissions.")

    found: list[Path] = []
    for folder, folders, files in os.walk(root, onerror=fail):
        # os.walk does not enter linked folders; they are listed with the files so that an escape is noticed.
        linked = [name for name in folders if (Path(folder) / name).is_symlink()]
        folders[:] = [name for name in folders if not name.startswith(".") and name not in linked]
        found += [Path(folder) / name for name in [*files, *linked] if not name.startswith(".")]
    yield from sorted(found, key=lambda file: format_relative_path(root, file))


def _describes_data(file: Path) -> bool:
    """Tell whether a file belongs to a directory that `datasets` saved and holds no row of it."""
    beside = {"dataset_info.json": "state.json", "state.json": "dataset_info.json"}.get(file.name)
    return file.name == "dataset_dict.json" or (beside is not None and (file.parent / beside).is_file())


def _refuse_escapes(root: Path, files: list[Path]) -> None:
    inside = root.resolve()
    for file in files:
        if not file.is_symlink():
            continue
        try:
            target = file.resolve()
        except (OSError, RuntimeError):
            continue  # it leads in a circle: reading it fails, and the document goes to quarantine
        if not target.is_relative_to(inside):
            raise UserError(f"the link {file} leads out of the corpus; copy the file into the folder instead.")
