"""Hostile files: each becomes passages or a row in quarantine, within bounds of time and memory.

The bounds are generous, because the machine may be busy, and limit processor time, not wall-clock time. Quadratic time
or several copies in memory would exceed them many times over.
"""

import gzip
import io
import json
import os
import resource
import tarfile
import time
import tracemalloc
import unicodedata
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.text2graph_dagster.corpus.readers.document_files import make_pdf, make_word
from text2graph_dagster.corpus.build import build_corpus
from text2graph_dagster.corpus.folder import open_corpus
from text2graph_dagster.corpus.readers.registry import read_documents
from text2graph_dagster.settings import CorpusSettings

SECONDS, MEMORY = 60, 600_000_000
MEGA = 1_000_000
STORY = "Ana Berg lives in Oslo. She was born in Bergen, where her brother opened a small bakery in 2003. "
LATIN = "Le conseil s'est réuni à Orléans, où l'hôtel de ville fut inauguré par le maire, né à Besançon en été. "
CHINESE = "这家公司成立于一九八五年，总部位于北京，主要生产计算机和软件，创始人是一位大学教授。"


def archive() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr("a.txt", STORY)
    return out.getvalue()


def tar() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as file:
        info = tarfile.TarInfo("a.txt")
        info.size = len(STORY)
        file.addfile(info, io.BytesIO(STORY.encode()))
    return out.getvalue()


PASSAGES = "passages"
# name → (function that makes its bytes, outcome)
HOSTILE_FILES: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty.txt": (lambda: b"", "empty"),
    "mark_only.txt": (lambda: b"\xef\xbb\xbf", "empty"),
    "nul.txt": (lambda: b"Ana\0Berg", "nul_character"),
    "all_nul.txt": (lambda: b"\0" * 10 * MEGA, "nul_character"),
    "surrogate.jsonl": (lambda: b'{"text": "\\ud800"}', "empty_after_cleaning"),
    "surrogate_inside.jsonl": (lambda: b'{"text": "Ana \\udfff lives in Oslo."}', PASSAGES),
    "surrogate_bytes.txt": (lambda: b"Ana \xed\xa0\x80 lives", "wrong_encoding"),
    "marked.txt": (lambda: b"\xef\xbb\xbf" + STORY.encode(), PASSAGES),
    "utf16.txt": (lambda: STORY.encode("utf-16"), PASSAGES),
    "utf16_unmarked.txt": (lambda: STORY.encode("utf-16-le"), PASSAGES),
    "utf16_odd.txt": (lambda: STORY.encode("utf-16")[:-1], "wrong_encoding"),
    "latin1.txt": (lambda: LATIN.encode("latin-1"), PASSAGES),
    "gb18030.txt": (lambda: CHINESE.encode("gb18030"), PASSAGES),
    "crlf.txt": (lambda: STORY.replace(". ", ".\r\n").encode(), PASSAGES),
    "one_line.txt": (lambda: STORY.encode() * (10 * MEGA // len(STORY)), "repeated_runs"),
    "one_line_of_numbers.txt": (lambda: " ".join(map(str, range(1_400_000))).encode(), "no_sentence_end"),
    "one_word.txt": (lambda: b"x" * 10 * MEGA, "no_sentence_end"),
    "one_word_chinese.txt": (lambda: "字".encode() * (3 * MEGA), "no_sentence_end"),
    "blanks.txt": (lambda: b" " * 10 * MEGA, "empty"),
    "lines.txt": (lambda: b"\n" * 10 * MEGA, "empty"),
    "blanks_inside.txt": (lambda: b"Ana" + b" \n\t" * (3 * MEGA) + b"lives in Oslo.", PASSAGES),
    "stops.txt": (lambda: b"." * 10 * MEGA, "no_sentence_end"),
    "emoji.txt": (lambda: "👩\u200d🚀🎉".encode() * 2_000, "unbroken_run"),
    "few_emoji.txt": (lambda: "🎉🎉 👍".encode(), "no_word"),
    "rtl.txt": (lambda: "تعيش آنا في أوسلو. ولدت في برغن عام ١٩٧٠.".encode(), PASSAGES),
    "overrides.txt": (lambda: "Ana \u202elives\u202c in \u2066Oslo\u2069.".encode(), PASSAGES),
    "marks.txt": (lambda: ("a" + "\u0301\u0316" * MEGA).encode(), "no_sentence_end"),
    "zalgo.txt": (lambda: "".join(f"{char}\u0316\u0334" for char in STORY).encode(), PASSAGES),
    "archive.txt": (archive, "unsupported_format"),
    "tar.txt": (tar, "nul_character"),
    "gzip.md": (lambda: gzip.compress(STORY.encode()), "unsupported_format"),
    "encrypted.pdf": (lambda: make_pdf([[STORY]], password="secret"), "encrypted"),
    "scanned.pdf": (lambda: make_pdf([[]]), "no_text"),
    "broken.pdf": (lambda: make_pdf([[STORY]])[:300], "broken_document"),
    "not.docx": (lambda: STORY.encode(), "broken_document"),
    "table.docx": (lambda: make_word([], [["Ana", "Oslo"]] * 2), PASSAGES),
    "bomb.jsonl.gz": (lambda: gzip.compress(b'{"text": "' + b"a" * 60 * MEGA), "too_large"),
    "deep.html": (lambda: b"<div>" * 200_000 + STORY.encode(), "no_text"),
    "deep.jsonl": (lambda: b"[" * MEGA, "broken_json"),
    "attribute.html": (lambda: b"<a b='" + b"x" * 4 * MEGA, "no_text"),
    "many_entities.html": (lambda: b"<p>" + b"&amp;" * 500_000 + STORY.encode(), "no_text"),
}


@pytest.mark.parametrize(("name", "made", "outcome"), [(name, *what) for name, what in HOSTILE_FILES.items()])
def test_every_file_becomes_passages_or_is_rejected(
    corpus: Path, name: str, made: Callable[[], bytes], outcome: str
) -> None:
    (corpus / name).write_bytes(made())
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    tables = build_corpus(open_corpus(corpus), CorpusSettings())
    assert time.process_time() - began < SECONDS
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1_024 < MEMORY
    reasons = tables.quarantine["reason"].to_list()
    assert (outcome in reasons) if outcome != PASSAGES else (reasons == [] and tables.raw_corpus.height > 0)
    assert tables.accounting["documents_in"] == 1
    for text in tables.raw_corpus["text"]:
        assert text.isprintable() or "\n" in text
        assert not any(unicodedata.category(char) in {"Cs", "Cc"} for char in text.replace("\n", ""))
        assert not set(text) & set("\ufeff\u202e\u202c\u2066\u2069")


def test_equal_texts_in_two_normal_forms_are_duplicates(corpus: Path) -> None:
    text = "Åse Bergström lives in Malmö. Her brother Jürgen moved to Zürich."
    for form in ("NFC", "NFD"):
        (corpus / f"{form}.txt").write_text(unicodedata.normalize(form, text), encoding="utf-8")
    tables = build_corpus(open_corpus(corpus), CorpusSettings())
    assert tables.accounting["passages_exact_duplicates"] == 1
    assert tables.accounting["passages_kept"] == 1


def test_circular_links_and_pipes_are_rejected(corpus: Path) -> None:
    (corpus / "a.txt").write_text(STORY)
    (corpus / "loop.txt").symlink_to("loop.txt")
    (corpus / "here").symlink_to(".")
    os.mkfifo(corpus / "pipe.md")
    tables = build_corpus(open_corpus(corpus), CorpusSettings())
    assert dict(tables.quarantine.select("doc_id", "reason").iter_rows()) == {
        "loop.txt": "unreadable",
        "pipe.md": "unreadable",
    }
    assert set(tables.raw_corpus["doc_id"]) == {"a.txt"}


def test_all_files_in_one_corpus_are_accounted_for(corpus: Path) -> None:
    small = {name: data for name, (made, _) in HOSTILE_FILES.items() if len(data := made()) < MEGA}
    for name, data in small.items():
        (corpus / name).write_bytes(data)
    tables = build_corpus(open_corpus(corpus), CorpusSettings())
    counted = tables.accounting
    assert counted["documents_in"] == counted["documents_with_passages"] + counted["documents_quarantined"]
    files = {doc_id.split(":")[0] for column in (tables.raw_corpus, tables.quarantine) for doc_id in column["doc_id"]}
    assert files == set(small)


def test_one_document_is_in_memory_at_a_time(corpus: Path) -> None:
    with gzip.open(corpus / "a.jsonl.gz", "wt", compresslevel=1) as file:
        for number in range(300):
            file.write(json.dumps({"id": number, "text": f"{number} {STORY}" * 1_000}) + "\n")
    tracemalloc.start()
    try:
        count = sum(1 for _ in read_documents(open_corpus(corpus)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 300
    assert peak < 5 * MEGA  # a document has 0.1 MB, all together have 30 MB
