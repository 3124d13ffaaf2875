"""A corpus is a folder of documents with an `ontology.yaml`, and optionally `knowledge_base.jsonl` and `gold.jsonl`.

If `gold.jsonl` has documents of the split train, no other documents are needed.
"""

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
    """The files of a corpus folder by their role; `documents` is sorted by relative path."""

    name: str
    path: Path
    ontology: Ontology
    knowledge_base: Path | None
    gold: Path | None
    documents: tuple[Path, ...]


def check_name(name: str) -> str:
    """Return `name` if it is a valid corpus name, that is, both a folder name and a partition key.

    Raises:
        UserError: it is empty, too long, starts with a dot or a dash, or contains a separator or special character.
    """
    if not _NAME.fullmatch(name) or ".." in name or len(name) > MAX_NAME_CHARACTERS:
        raise UserError(
            f"the corpus name {name[:200]!r} is not usable; use 1 to {MAX_NAME_CHARACTERS} letters, digits, "
            "underscores, dashes or single dots, beginning with a letter or digit."
        )
    return name


def open_corpus(path: Path) -> CorpusFolder:
    """Open the corpus at `path`: check its name, links and ontology, and list its documents.

    The folder itself may be a link; links inside it must not lead out of it. Hidden files and folders are skipped.

    Raises:
        UserError: the folder is missing or its name invalid, a link leads out of it, the ontology is missing or
            invalid, or there are neither documents nor annotated ones.
    """
    name = check_name(path.name)
    if not path.is_dir():
        raise UserError(f"{path} is not a folder; a corpus is a folder with documents and an {ONTOLOGY}.")
    files = list(_list_files(path))
    _check_links(path, files)
    ontology = load_ontology(path / ONTOLOGY)
    documents = tuple(_select_documents(path, files))
    knowledge_base, gold = path / KNOWLEDGE_BASE, path / GOLD
    if not documents and not gold.is_file():
        raise UserError(f"{path} contains no documents; add files (docs/bring-your-corpus.md has the formats).")
    return CorpusFolder(
        name=name,
        path=path,
        ontology=ontology,
        knowledge_base=knowledge_base if knowledge_base.is_file() else None,
        gold=gold if gold.is_file() else None,
        documents=documents,
    )


def find_documents(path: Path) -> list[tuple[Path, str]]:
    """Return the documents of a file or folder in order, each with its name: its path, starting with `path`.

    In a corpus folder, only its documents are returned; in any other folder, all files. Hidden files are skipped.

    Raises:
        UserError: the path does not exist, is empty or cannot be listed, or a link in it leads out of it.
    """
    if not path.is_dir():
        if not path.exists():
            raise UserError(f"{path} does not exist; give an existing file or folder.")
        return [(path, format_path(path))]
    files = list(_list_files(path))
    _check_links(path, files)
    found = [(file, format_path(file)) for file in _select_documents(path, files) if not file.is_dir()]
    if not found:
        raise UserError(f"{path} contains no documents; add files (docs/bring-your-corpus.md has the formats).")
    return found


def _select_documents(root: Path, files: list[Path]) -> Iterator[Path]:
    """Yield the files that are documents: in a corpus, all files without another role."""
    special = {root / ONTOLOGY, root / KNOWLEDGE_BASE, root / GOLD} if root / ONTOLOGY in files else set()
    return (file for file in files if file not in special and not _describes_data(file))


def fingerprint(path: Path) -> str:
    """Return a digest of the names, sizes and modification times of all files, which detects changes of a corpus.

    Raises:
        UserError: a folder inside cannot be listed.
    """
    parts: list[str] = []
    for file in _list_files(path):
        try:
            stat = file.lstat()
        except FileNotFoundError:  # deleted after listing: the next fingerprint differs
            continue
        parts += [format_relative_path(path, file), str(stat.st_size), str(stat.st_mtime_ns)]
    return digest(*parts)


def format_relative_path(root: Path, file: Path) -> str:
    """Return the path of a file relative to the corpus as text; see `format_path`."""
    return format_path(file.relative_to(root))


def format_path(path: Path) -> str:
    """Return a path as text with forward slashes; bytes that are not UTF-8 are written as \\x…"""
    return path.as_posix().encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _list_files(root: Path) -> Iterator[Path]:
    """Yield every file and every link under `root` that is not hidden, sorted by relative path."""

    def fail(error: OSError) -> None:
        raise UserError(f"the folder {error.filename} cannot be listed ({error.strerror}); check its permissions.")

    found: list[Path] = []
    for folder, folders, files in os.walk(root, onerror=fail):
        # os.walk does not enter linked folders; they are listed with the files, so that their links are checked.
        linked = [name for name in folders if (Path(folder) / name).is_symlink()]
        folders[:] = [name for name in folders if not name.startswith(".") and name not in linked]
        found += [Path(folder) / name for name in [*files, *linked] if not name.startswith(".")]
    yield from sorted(found, key=lambda file: format_relative_path(root, file))


def _describes_data(file: Path) -> bool:
    """Tell whether a file is metadata of a directory saved by `datasets`."""
    beside = {"dataset_info.json": "state.json", "state.json": "dataset_info.json"}.get(file.name)
    return file.name == "dataset_dict.json" or (beside is not None and (file.parent / beside).is_file())


def _check_links(root: Path, files: list[Path]) -> None:
    """Raise UserError if a link among `files` leads out of `root`."""
    inside = root.resolve()
    for file in files:
        if not file.is_symlink():
            continue
        try:
            target = file.resolve()
        except (OSError, RuntimeError):
            continue  # a circular link: reading it fails, and the document goes to quarantine
        if not target.is_relative_to(inside):
            raise UserError(f"the link {file} leads out of the corpus; copy the file into the folder instead.")
