"""Document ids: unique, and taken from the rows where possible."""

import json
from pathlib import Path

from tests.text2graph_dagster.corpus.readers.document_files import make_corpus, read_corpus


def test_ids_are_unique_and_printable(tmp_path: Path) -> None:
    ids = ["x", "x", 7, "7", True, None, "", "line\nbreak", "\ud800", "y" * 300]
    data = "\n".join(json.dumps({"id": own, "text": "t"}) for own in ids).encode()
    items = read_corpus(make_corpus(tmp_path, {"a.jsonl": data, "b.jsonl": b'{"id": "x", "text": "t"}'}))
    assert [item.doc_id for item in items] == [
        "a.jsonl#x",
        "a.jsonl:2",
        "a.jsonl#7",
        *(f"a.jsonl:{line}" for line in range(4, 11)),
        "b.jsonl#x",
    ]
