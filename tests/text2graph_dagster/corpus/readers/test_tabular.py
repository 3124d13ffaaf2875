"""Parquet and Arrow files: every row is a document."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Dataset, DatasetDict

from tests.text2graph_dagster.corpus.readers.document_files import ROW_OUTCOMES, ROWS, outcomes, read_corpus
from text2graph_dagster.corpus.readers.documents import Document, Rejection
from text2graph_dagster.settings import CorpusSettings


def test_parquet_and_arrow_files(corpus: Path) -> None:
    table = pa.Table.from_pylist(ROWS)
    pq.write_table(table, corpus / "a.parquet", row_group_size=2)
    with pa.OSFile(str(corpus / "b.arrow"), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    expected = [(f"{name}{tail}", text) for name in ("a.parquet", "b.arrow") for tail, text in ROW_OUTCOMES]
    assert outcomes(read_corpus(corpus)) == expected


def test_a_directory_saved_by_datasets(corpus: Path) -> None:
    rows = Dataset.from_list(ROWS)
    rows.save_to_disk(str(corpus / "one"), num_shards=2)
    DatasetDict({"train": rows}).save_to_disk(str(corpus / "split"))
    documents = [(item.doc_id, item.text) for item in read_corpus(corpus) if isinstance(item, Document)]
    assert [text for _, text in documents] == ["Ana lives in Oslo.", "Per"] * 2
    assert documents[0][0] == "one/data-00000-of-00002.arrow#a"
    assert not any(item.doc_id.endswith(".json") for item in read_corpus(corpus))


def test_a_table_without_text_is_rejected_once_with_its_columns(corpus: Path) -> None:
    pq.write_table(pa.table({"content": ["Ana", "Per"], "n": [1, 2]}), corpus / "a.parquet")
    (corpus / "b.parquet").write_bytes(b"PAR1 no table PAR1")
    (corpus / "c.arrow").write_bytes(b"no table")
    rejections = read_corpus(corpus)
    assert [r.reason for r in rejections if isinstance(r, Rejection)] == ["no_text", "broken_table", "broken_table"]
    assert isinstance(rejections[0], Rejection)
    assert "content, n" in rejections[0].detail
    assert outcomes(read_corpus(corpus, CorpusSettings(text_field="content")))[0] == ("a.parquet:1", "Ana")


def test_only_the_oversized_row_is_rejected(corpus: Path) -> None:
    pq.write_table(pa.table({"text": ["Ana", "x" * 2_000, "Per"]}), corpus / "a.parquet")
    assert [text for _, text in outcomes(read_corpus(corpus, CorpusSettings(max_document_bytes=1_000)))] == [
        "Ana",
        "too_large",
        "Per",
    ]
