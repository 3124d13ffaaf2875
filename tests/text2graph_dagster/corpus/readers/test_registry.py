"""Reading documents: every one is a document or is refused with a reason."""

import json
import os
import random
from pathlib import Path

import pytest

from text2graph_dagster.corpus.folder import open_corpus
from text2graph_dagster.corpus.readers.registry import Document, Rejection, read_documents
from text2graph_dagster.settings import CorpusSettings

FRENCH = "Le conseil s'est réuni à Orléans, où l'hôtel de ville fut inauguré par le maire, né à Besançon en été. " * 2
CHINESE = "这家公司成立于一九八五年，总部位于北京，主要生产计算机和软件，创始人是一位大学教授。"
TRADITIONAL = "這家公司成立於一九八五年，總部位於臺北，主要生產電腦和軟體，創辦人是一位大學教授。"


def read(tmp_path: Path, files: dict[str, bytes], max_bytes: int = 10_000) -> list[Document | Rejection]:
    path = tmp_path / "corpus"
    path.mkdir()
    (path / "ontology.yaml").write_text("entity_types: [thing]")
    for name, data in files.items():
        (path / name).write_bytes(data)
    return list(read_documents(open_corpus(path), CorpusSettings(max_document_bytes=max_bytes)))


def only(tmp_path: Path, name: str, data: bytes) -> Document | Rejection:
    items = read(tmp_path, {name: data})
    assert len(items) == 1
    return items[0]


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
def test_encodings_of_a_file(tmp_path: Path, data: bytes, text: str, encoding: str) -> None:
    assert only(tmp_path, "a.TXT", data) == Document("a.TXT", text, "a.TXT", None, len(data), encoding)


def test_random_bytes_are_no_text(tmp_path: Path) -> None:
    rng = random.Random(5)
    files = {f"{n}.txt": bytes(rng.choice(range(1, 256)) for _ in range(n)) for n in (30, 200, 3_000)}
    items = read(tmp_path, files)
    assert [item.reason for item in items if isinstance(item, Rejection)] == ["wrong_encoding"] * 3


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.txt", b"", "empty"),
        ("a.txt", b" \r\n\t", "empty"),
        ("a.txt", b"\xef\xbb\xbf\n", "empty"),
        ("a.txt", b"cut off\0\0", "nul_character"),
        ("a.txt", b"\xff\0\xe9\0binary", "nul_character"),
        ("a.txt", "café".encode("latin-1"), "wrong_encoding"),
        ("a.txt", b"\xff\xfeodd", "wrong_encoding"),
        ("a.txt", b"x" * 10_001, "too_large"),
        ("a.epub", b"PK", "unsupported_format"),
        ("a.txt", b"PK\x03\x04 an archive", "unsupported_format"),
        ("a.jsonl", b'{"text": "cut', "broken_json"),
        ("a.jsonl", b'["a list"]', "broken_json"),
        ("a.jsonl", b"[" * 9_000, "broken_json"),
        ("a.jsonl", b'{"text": ' + b"9" * 9_000 + b"}", "broken_json"),
        ("a.jsonl", b'{"title": "x"}', "no_text"),
        ("a.jsonl", b'{"text": 17}', "no_text"),
        ("a.jsonl", b'{"text": " \\n "}', "empty"),
        ("a.jsonl", b'{"text": "a\\u0000b"}', "nul_character"),
        ("a.jsonl", b'{"text": "caf\xe9"}', "wrong_encoding"),
        ("a.jsonl", b'{"text": "' + b"x" * 10_000 + b'"}', "too_large"),
    ],
)
def test_bad_input_is_refused_with_its_reason(tmp_path: Path, name: str, data: bytes, reason: str) -> None:
    item = only(tmp_path, name, data)
    assert isinstance(item, Rejection)
    assert item.reason == reason
    assert item.doc_id.startswith(name)
    assert item.detail
    assert item.size == len(data)


def test_a_bad_line_does_not_hide_the_others(tmp_path: Path) -> None:
    lines = [b'\xef\xbb\xbf{"text": "one"}', b"", b"{", b'{"text": "' + b"x" * 30_000 + b'"}', b'{"text": "two"}\r']
    items = read(tmp_path, {"a.jsonl": b"\n".join(lines)})
    assert [(i.doc_id, i.text if isinstance(i, Document) else i.reason) for i in items] == [
        ("a.jsonl:1", "one"),
        ("a.jsonl:3", "broken_json"),
        ("a.jsonl:4", "too_large"),
        ("a.jsonl:5", "two"),
    ]


def test_ids_are_unique_whatever_the_lines_say(tmp_path: Path) -> None:
    ids = ["x", "x", 7, "7", True, None, "", "line\nbreak", "\ud800", "y" * 300]
    data = "\n".join(json.dumps({"id": own, "text": "t"}) for own in ids).encode()
    items = read(tmp_path, {"a.jsonl": data, "b.jsonl": b'{"id": "x", "text": "t"}'})
    assert [item.doc_id for item in items] == [
        "a.jsonl#x",
        "a.jsonl:2",
        "a.jsonl#7",
        *(f"a.jsonl:{line}" for line in range(4, 11)),
        "b.jsonl#x",
    ]


def test_the_sizes_add_up_to_the_files(tmp_path: Path) -> None:
    files = {"a.jsonl": b'{"text": "a"}\n{"text"\n' + b"x" * 25_000 + b"\n", "b.txt": b"b", "c.bin": b"c"}
    assert sum(item.size for item in read(tmp_path, files)) == sum(map(len, files.values()))


def test_something_that_is_no_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "corpus"
    path.mkdir()
    (path / "ontology.yaml").write_text("entity_types: [thing]")
    (path / "gone.txt").symlink_to("never-there.txt")
    os.mkfifo(path / "pipe.txt")
    items = list(read_documents(open_corpus(path)))
    assert [(item.doc_id, item.reason) for item in items if isinstance(item, Rejection)] == [
        ("gone.txt", "unreadable"),
        ("pipe.txt", "unreadable"),
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_permission_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "corpus"
    path.mkdir()
    (path / "ontology.yaml").write_text("entity_types: [thing]")
    for name in ("a.txt", "b.jsonl"):
        (path / name).write_text("x")
        (path / name).chmod(0)
    assert [i.reason for i in read_documents(open_corpus(path)) if isinstance(i, Rejection)] == ["unreadable"] * 2
