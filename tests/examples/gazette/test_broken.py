"""Unusable documents and near-duplicates."""

import random
import re

import pytest

from examples.gazette.broken import BROKEN_FILES, BROKEN_LINES, near_duplicate
from examples.gazette.generate import Summary
from tests.examples.gazette.small_settings import SMALL


def test_unusable_documents_are_written(written: Summary) -> None:
    contents = {name: (written.folder / name).read_bytes() for name in BROKEN_FILES}
    assert contents["empty.txt"] == b""
    assert b"\0" in contents["nul.txt"]
    with pytest.raises(UnicodeDecodeError):
        contents["latin1.txt"].decode("utf-8")
    assert len(contents["one_line.txt"]) >= SMALL.broken_long_line_bytes
    assert not re.search(rb"[.!?\n]", contents["one_line.txt"])
    lines = (written.folder / "documents.jsonl").read_text(encoding="utf-8").splitlines()
    assert all(lines.count(line) == 1 for line in BROKEN_LINES)


@pytest.mark.parametrize("seed", range(20))
def test_a_near_duplicate_differs_little(seed: int) -> None:
    text = "Kelda, 12 March - Anna Verlin works for Talvik.\nTalvik had no comment."
    copy = near_duplicate(text, random.Random(seed))
    assert copy != text
    assert sum(line in text.split("\n") for line in copy.split("\n")) >= 1
    assert copy.count("\n") <= text.count("\n") + 1
