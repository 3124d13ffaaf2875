"""Frames of traces become training examples of several corpora; every trace is used or left out with a reason."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.text2graph_dagster.dataset.sample_rows import ONTOLOGY, row
from text2graph_dagster.contracts import CONTRACTS, ENTITIES, RELATIONS, frame_of
from text2graph_dagster.dataset.corpus_examples import (
    CorpusExamples,
    CorpusSource,
    DatasetBuilder,
    find_repeated_passages,
    group_by_ontology,
    require_one_ontology,
)
from text2graph_dagster.dataset.decontamination import GoldSearch
from text2graph_dagster.dataset.denoising.corpus_denoising import CorpusDenoiser
from text2graph_dagster.errors import UserError
from text2graph_dagster.identity import digest
from text2graph_dagster.settings import DatasetSettings, DenoiseSettings

TRACES = {
    **dict.fromkeys(("corpus", "passage_id", "text", "language", "rationale", "annotation"), pl.String()),
    "entities": ENTITIES,
    "relations": RELATIONS,
    "samples": pl.List(pl.Struct({"entities": ENTITIES, "relations": RELATIONS})),
    "verified": pl.Boolean(),
}
GOLD = "The council of the old harbour town voted on Monday to give the empty customs house to its young fishermen."
NEVER = CorpusDenoiser(DenoiseSettings(when="never"), samples=100, seed=7)


def trace(number: int, **more: Any) -> dict[str, Any]:
    return row(number) | {"samples": None, "verified": True, "annotation": None} | more


def traces(*rows: dict[str, Any], size: int = 3) -> Iterator[pl.DataFrame]:
    """Yield the traces in slices of `size`, sorted by passage id."""
    yield from frame_of(sorted(rows, key=lambda r: r["passage_id"]), TRACES).iter_slices(size)


def source(corpus: str, *rows: dict[str, Any], naming_gold: pl.DataFrame | None = None) -> CorpusSource:
    return CorpusSource(corpus, ONTOLOGY, traces(*({**r, "corpus": corpus} for r in rows)), [], naming_gold)


def build(folder: Path, *sources: CorpusSource, repeated: pl.DataFrame | None = None, **settings: Any) -> list[Any]:
    (staging := folder / "staging").mkdir(exist_ok=True)
    gold = GoldSearch(pl.DataFrame({"passage_id": [digest(GOLD)], "text": [GOLD]}), folder / "gold")
    builder = DatasetBuilder(DatasetSettings(**settings), 7, NEVER, gold, staging, folder / "cache")
    return builder.build(sources, find_repeated_passages([], 0.8) if repeated is None else repeated)


def reasons(corpus: CorpusExamples) -> dict[str, str]:
    return dict(corpus.left_out.select("passage_id", "reason").iter_rows())


def test_every_trace_is_an_example_or_left_out_with_its_first_reason(tmp_path: Path) -> None:
    named = pl.DataFrame({"passage_id": [digest("4"), digest("2")]})
    rows = [trace(1), trace(2, verified=False), trace(3, text=GOLD.upper(), verified=False), trace(4), trace(5)]
    repeated = frame_of(
        [{"corpus": "a", "passage_id": digest("5"), "reason": "repeated_elsewhere", "detail": "kept as x in b"}],
        dict.fromkeys(("corpus", "passage_id", "reason", "detail"), pl.String()),
    )
    (corpus,) = build(tmp_path, source("a", *rows, naming_gold=named), repeated=repeated)
    assert reasons(corpus) == {
        digest("2"): "not_verified",
        digest("3"): "equal",
        digest("4"): "names_gold_entity",
        digest("5"): "repeated_elsewhere",
    }
    assert corpus.selected["passage_id"].to_list() == [digest("1")]
    assert {corpus.traces, corpus.selected.height + corpus.left_out.height} == {5}
    assert corpus.counts()["left_out: equal"] == 1
    CONTRACTS["quarantine"].schema.validate(corpus.quarantine())
    assert corpus.accounting().columns == list(CONTRACTS["accounting"].dtypes)


@pytest.mark.parametrize(("annotation", "used"), [(None, True), ("exhaustive", True), ("partial", False)])
def test_a_partly_annotated_passage_without_a_relation_is_no_example(
    tmp_path: Path, annotation: str | None, used: bool
) -> None:
    stated = trace(1, annotation="partial")
    empty = trace(2, relations=[], annotation=annotation)
    assert stated["relations"]
    (corpus,) = build(tmp_path, source("a", stated, empty), empty_share=1.0)
    assert reasons(corpus) == ({} if used else {digest("2"): "partly_annotated"})


def test_written_examples_are_the_selected_ones(tmp_path: Path) -> None:
    (corpus,) = build(tmp_path, source("a", *map(trace, range(20))), max_examples=7)
    examples = pl.concat(pl.read_parquet(file) for file in corpus.write(tmp_path))
    CONTRACTS["filtered_dataset"].schema.validate(examples)
    assert sorted(examples["example_id"]) == sorted(corpus.selected["example_id"])
    assert examples.height == 7 and set(reasons(corpus).values()) == {"beyond_max_examples"}


@pytest.mark.parametrize(("mix", "expected"), [({}, [8, 4]), ({"a": 0.5}, [2, 4])])
def test_corpora_are_mixed(tmp_path: Path, mix: dict[str, float], expected: list[int]) -> None:
    corpora = build(tmp_path, source("a", *map(trace, range(8))), source("b", *map(trace, range(4))), mix=mix)
    assert [corpus.selected.height for corpus in corpora] == expected
    assert all(corpus.traces == corpus.selected.height + corpus.left_out.height for corpus in corpora)


def test_only_corpora_that_share_an_ontology_are_compared() -> None:
    other = replace(ONTOLOGY, name="other")
    assert group_by_ontology({"c": ONTOLOGY, "b": other, "a": ONTOLOGY}) == [["a", "c"]]
    assert find_repeated_passages([], 0.8).height == 0


def test_corpora_whose_prompts_list_no_types_must_share_an_ontology() -> None:
    require_one_ontology({"a": ONTOLOGY, "b": ONTOLOGY})
    with pytest.raises(UserError, match="a, b have different ontologies"):
        require_one_ontology({"b": ONTOLOGY, "a": replace(ONTOLOGY, name="other")})


def test_a_repeated_passage_names_the_one_that_is_kept() -> None:
    near = GOLD.replace("Monday", "Munday")
    rows = [("a", GOLD), ("b", near), ("b", "Quite another text, about the weather of the northern coast.")]
    texts = pl.DataFrame(
        [{"corpus": corpus, "passage_id": digest(text), "text": text} for corpus, text in rows]
    ).with_columns(annotated=pl.lit(False))
    (found,) = find_repeated_passages([texts], 0.7).to_dicts()
    assert found["reason"] == "repeated_elsewhere"
    kept, lost = sorted((digest(GOLD), digest(near)))
    assert found["passage_id"] == lost and found["detail"].startswith(f"kept as {kept} in ")
