"""Index of the documents in every file, so that unchanged files are not read again."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from text2graph_dagster.corpus.sorted_keys import Array, contains
from text2graph_dagster.files import write_parquet_atomically, write_text_atomically


@dataclass
class FileIndex:
    """The document digests of every file, by a digest of the file's name and content.

    `sizes` has the size in bytes of every JSON Lines file by name. If such a file still starts with its old content,
    only the appended lines are read.
    """

    folder: Path
    sizes: dict[str, int] = field(default_factory=dict)
    _documents: dict[int, Array] = field(default_factory=dict)
    _sizes_now: dict[str, int] = field(default_factory=dict)
    _forgotten: list[int] = field(default_factory=list)
    _read: list[tuple[Array, Array]] = field(default_factory=list)  # file digests, and the document of each

    @classmethod
    def open(cls, folder: Path, known: Array) -> "FileIndex":
        """Load the index of a folder; files with documents that are not in `known` (sorted) are read again."""
        index = cls(folder)
        if index._path.exists():
            for (file,), rows in pl.read_parquet(index._path).group_by("file", maintain_order=True):
                documents = rows["document"].to_numpy()
                if file and contains(known, documents).all():  # file 0: it changed while it was read
                    index._documents[int(file)] = documents
        if index._sizes_path.exists():
            index.sizes = json.loads(index._sizes_path.read_text())
        return index

    @property
    def _path(self) -> Path:
        return self.folder / "files.parquet"

    @property
    def _sizes_path(self) -> Path:
        return self.folder / "sizes.json"

    def documents_of(self, file: int) -> Array | None:
        """Return the documents of a file that is already in the index with this content, or None."""
        return self._documents.get(file)

    def add(self, file: int | Array, documents: Array) -> None:
        """Record the documents of a file; `file` may also be an array with the file of every document."""
        self._read.append((np.broadcast_to(np.asarray(file, dtype=np.uint64), documents.shape), documents))

    def record_size(self, name: str, size: int) -> None:
        """Record the size of a JSON Lines file."""
        self._sizes_now[name] = size

    def forget(self, file: int) -> None:
        """Mark a file that changed while it was read, so that the next run reads it again."""
        self._forgotten.append(file)

    def save(self) -> Array:
        """Save the records of this run, and return the sorted digests of all documents."""
        nothing = np.empty(0, np.uint64)
        files = np.concatenate([nothing, *(files for files, _ in self._read)])
        documents = np.concatenate([nothing, *(documents for _, documents in self._read)])
        files[np.isin(files, np.array(self._forgotten, dtype=np.uint64))] = 0
        write_parquet_atomically(pl.DataFrame({"file": files, "document": documents}), self._path)
        write_text_atomically(json.dumps(self._sizes_now), self._sizes_path)
        return np.sort(documents)
