"""The index of files is kept over restarts, and omits files that have to be read again."""

from pathlib import Path

import numpy as np

from text2graph_dagster.corpus.staging.file_index import FileIndex


def test_files_with_known_documents_are_found_after_a_restart(tmp_path: Path) -> None:
    known = np.array([1, 2, 3], dtype=np.uint64)
    index = FileIndex.open(tmp_path, known)
    index.add(10, np.array([2, 1], dtype=np.uint64))
    index.add(np.array([20, 30], dtype=np.uint64), np.array([3, 4], dtype=np.uint64))
    index.add(40, np.array([1], dtype=np.uint64))
    index.record_size("a.jsonl", 7)
    index.forget(40)
    assert index.save().tolist() == [1, 1, 2, 3, 4]
    again = FileIndex.open(tmp_path, known)
    found = {file: again.documents_of(file) for file in (10, 20, 30, 40)}
    assert {file: None if documents is None else documents.tolist() for file, documents in found.items()} == {
        10: [2, 1],
        20: [3],
        30: None,  # document 4 is in no part
        40: None,
    }
    assert again.sizes == {"a.jsonl": 7}
