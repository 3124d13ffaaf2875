"""The tables of a corpus can be read in parts."""

from pathlib import Path

import polars as pl

from tests.text2graph_dagster.corpus.sample_corpora import build_again, gold_line, make_corpus, note_lines


def test_the_parts_of_the_tables_contain_all_rows(tmp_path: Path) -> None:
    path = make_corpus(tmp_path, {"a.jsonl": note_lines(list(range(9)))}, [gold_line("Ana Berg lives in Oslo.")])
    tables = build_again(path, None)
    assert pl.concat(list(tables.parts())).equals(tables.raw_corpus)
    assert set(tables.raw_corpus["split"]) == {"train", "test"}
