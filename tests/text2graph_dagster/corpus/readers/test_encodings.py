"""Encodings: Unicode and common legacy encodings are detected; ambiguous bytes are rejected."""

import random
from pathlib import Path

import pytest

from tests.text2graph_dagster.corpus.readers.document_files import make_corpus, read_corpus
from text2graph_dagster.corpus.readers.documents import Document, Rejection

FRENCH = "Le conseil s'est réuni à Orléans, où l'hôtel de ville fut inauguré par le maire, né à Besançon en été. " * 2
CHINESE = "这家公司成立于一九八五年，总部位于北京，主要生产计算机和软件，创始人是一位大学教授。"
TRADITIONAL = "這家公司成立於一九八五年，總部位於臺北，主要生產電腦和軟體，創辦人是一位大學教授。"


@pytest.mark.parametrize(
    ("data", "text", "encoding"),
    [
        (b"caf\xc3\xa9", "café", "utf-8"),
        (b"\xef\xbb\xbfcaf\xc3\xa9", "café", "utf-8"),
        ("café".encode("utf-16"), "café", "utf-16-le"),
        (b"\xfe\xff" + "café".encode("utf-16-be"), "café", "utf-16-be"),
        (b"\xff\xfe\0\0" + "café".encode("utf-32-le"), "café", "utf-32-le"),
        ("A café in Oslo".encode("utf-16-be"), "A café in Oslo", "utf-16-be"),
        (FRENCH.encode("latin-1"), FRENCH, "cp1252"),
        (CHINESE.encode("gb18030"), CHINESE, "gb18030"),
        (TRADITIONAL.encode("big5"), TRADITIONAL, "big5"),
    ],
)
def test_encoding_is_detected(tmp_path: Path, data: bytes, text: str, encoding: str) -> None:
    (document,) = read_corpus(make_corpus(tmp_path, {"a.TXT": data}))
    assert document == Document("a.TXT", text, "a.TXT", None, len(data), encoding)


def test_random_bytes_are_rejected(tmp_path: Path) -> None:
    rng = random.Random(5)
    files = {f"{n}.txt": bytes(rng.choice(range(1, 256)) for _ in range(n)) for n in (30, 200, 3_000)}
    items = read_corpus(make_corpus(tmp_path, files))
    assert [item.reason for item in items if isinstance(item, Rejection)] == ["wrong_encoding"] * 3
