"""Unusable and repeated documents: broken files and lines, and near-duplicates of articles."""

import random
import re
from pathlib import Path

from examples.gazette import fillers

BROKEN_LINES = (
    '{"id": "broken-json", "text": "This line ends in the middle',
    '{"id": "no-text", "title": "A document without a text"}',
    '{"id": "empty-text", "text": ""}',
    '{"id": "blank-text", "text": " \\n "}',
    '{"id": "number-text", "text": 17}',
    '["a list", "and no document"]',
)
BROKEN_FILES = ("empty.txt", "nul.txt", "latin1.txt", "one_line.txt")


def write_broken_files(out: Path, long_line_bytes: int) -> None:
    """Write files that cannot be used, each for another reason (BROKEN_FILES).

    `one_line.txt` is a single line of at least `long_line_bytes` bytes without a sentence end.
    """
    words = " ".join(f"entry{number}" for number in range(1000))
    contents = (
        b"",
        b"The file was cut off\x00\x00\x00 and padded with zero bytes.\x00\n",
        "A caf\u00e9 in the old town was closed for a week.\n".encode("latin-1"),
        " ".join([words] * (long_line_bytes // len(words) + 1)).encode(),
    )
    for name, content in zip(BROKEN_FILES, contents, strict=True):
        (out / name).write_bytes(content)


def near_duplicate(text: str, rng: random.Random) -> str:
    """Return the article with a changed number, or with a boilerplate line appended."""
    changed = re.sub(r"\d+", lambda match: str(rng.randint(2, 28)), text, count=1)
    if changed != text and rng.random() < 0.5:
        return changed
    return f"{changed}\n{boilerplate(rng)}"


def boilerplate(rng: random.Random) -> str:
    """Return a typical line at the end of an article."""
    return rng.choice(fillers.BOILERPLATE).format(n=rng.randint(2, 60), year=rng.randint(2005, 2025))
