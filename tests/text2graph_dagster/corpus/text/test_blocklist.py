"""Block-lists: terms between word boundaries, patterns, and errors for invalid lists."""

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from text2graph_dagster.corpus.text.blocklist import digest_blocklist, load_blocklist
from text2graph_dagster.errors import UserError

LIST = "# words to keep out of training\nbad word\nC++\n坏词\nre: pin \\d{4}\nNaïve\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "blocked.txt"
    file.write_text(LIST, encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("A bad word.", 2),
        ("BAD\nWord", 2),
        ("He writes C++.", 3),
        ("这是坏词。", 4),
        ("My PIN 1234 is safe.", 5),
        ("a naïve plan", 6),
    ],
)
def test_a_match_names_the_line_of_the_blocklist(path: Path, text: str, line: int) -> None:
    assert load_blocklist(path).find_hit(text) == f"line {line} of blocked.txt"


@pytest.mark.parametrize("text", ["A bad wordsmith.", "bad, word", "C+ and C", "pin 123", "naïves", "unnaïve", ""])
def test_texts_without_a_blocked_term_do_not_match(path: Path, text: str) -> None:
    assert load_blocklist(path).find_hit(text) is None


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "neither"), (b"# only a comment", "neither"), (b"\xff\xfe\xe9", "UTF-8"), (b"re: (", "RE2")],
)
def test_an_invalid_list_is_an_error(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "l.txt").write_bytes(content)
    with pytest.raises(UserError, match=message):
        load_blocklist(tmp_path / "l.txt")
    with pytest.raises(UserError, match="cannot be read"):
        load_blocklist(tmp_path / "none.txt")


def test_a_pattern_cannot_hang(tmp_path: Path) -> None:
    (tmp_path / "l.txt").write_text("re: (a+)+$\n(a+)+$\n")
    assert load_blocklist(tmp_path / "l.txt").find_hit("a" * 5_000_000 + "!") is None


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), min_size=1, max_size=12))
def test_a_term_is_literal(tmp_path_factory: pytest.TempPathFactory, term: str) -> None:
    entry = unicodedata.normalize("NFC", " ".join(term.split()))
    if not entry or entry.startswith(("#", "re:")):
        return
    path = tmp_path_factory.mktemp("list") / "l.txt"
    path.write_text(entry, encoding="utf-8")
    blocked = load_blocklist(path)
    assert blocked.find_hit(f"Ana ({entry}) Berg") == "line 1 of l.txt" or not entry.isascii()
    assert blocked.find_hit(f"Ana ({entry}) Berg") is not None
    assert blocked.find_hit("") is None


def test_the_digest_of_a_blocklist_depends_on_its_content(path: Path, tmp_path: Path) -> None:
    before = digest_blocklist(path)
    path.write_text("other", encoding="utf-8")
    assert digest_blocklist(path) not in {before, digest_blocklist(None)}
