"""Which documents every file held when it was read last: a file that did not change is not read again."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from text2graph_dagster.corpus.sorted_keys import Array, contains
from text2graph_dagster.files import write_text_whole, write_whole


@dataclass
class FileIndex:
    """Files by a digest of name and content, and of each the digests of its documents.

    `sizes` are the bytes of the files that hold a document a line, by name: what is appended to such a file can be
    read alone, where what stood there before still begins it.
    """

    folder: Path
    sizes: dict[str, int] = field(default_factory=dict)
    _documents: dict[int, Array] = field(default_factory=dict)
    _sizes_now: dict[str, int] = field(default_factory=dict)
    _forgotten: list[int] = field(default_factory=list)
    _read: list[tuple[Array, Array]] = field(default_factory=list)  # files, and of each the document, in order

    @classmethod
    def open(cls, folder: Path, known: Array) -> "FileIndex":
        """Open what was saved in a folder; files with documents that are not among `known` (sorted) count as unread."""
        found = cls(folder)
        if found._path.exists():
            for (file,), rows in pl.read_parquet(found._path).group_by("file", maintain_order=True):
                documents = rows["document"].to_numpy()
                if file and contains(known, documents).all():  # 0: it could not be read whole
                    found._documents[int(file)] = documents
        if found._sizes_path.exists():
            found.sizes = json.loads(found._sizes_path.read_text())
        return found

    @property
    def _path(self) -> Path:
        return self.folder / "files.parquet"

    @property
    def _sizes_path(self) -> Path:
        return self.folder / "sizes.json"

    def held(self, file: int) -> Array | None:
        """Return the documents of a file that was read before as it is now, or None."""
        return self._documents.get(file)

    def add(self, file: int | Array, documents: Array) -> None:
        """Note that a file holds these documents (or, of each document, the file that holds it)."""
        self._read.append((np.broadcast_to(np.asarray(file, dtype=np.uint64), documents.shape), documents))

    def note_size(self, name: str, size: int) -> None:
        """Note how large a file that holds a document a line is."""
        self._sizes_now[name] = size

    def forget(self, file: int) -> None:
        """Read a file again the next time: it changed while it was read."""
        self._forgotten.append(file)

    def save(self) -> Array:
        """Save what was noted, and return the digests of all documents, sorted."""
        nothing = np.empty(0, np.uint64)
        files = np.concatenate([nothing, *(files for files, _ in self._read)])
        documents = np.concatenate([nothing, *(documents for _, documents in self._read)])
        files[np.isin(files, np.array(self._forgotten, dtype=np.uint64))] = 0
        write_whole(pl.DataFrame({"file": files, "document": documents}), self._path)
        write_text_whole(json.dumps(self._sizes_now), self._sizes_path)
        return np.sort(documents)
