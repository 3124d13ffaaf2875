"""The rows of eval_report equal values that were counted by hand."""

import polars as pl
import pytest

from text2graph_dagster import contracts
from text2graph_dagster.evaluation.figures import HEADLINE, delta_name
from text2graph_dagster.evaluation.score import score_run
from text2graph_dagster.graph.model import Entity, Graph, Relation
from text2graph_dagster.graph.rows import to_rows
from text2graph_dagster.graph.wire import serialise
from text2graph_dagster.ontology import EntityType, Ontology, RelationType

ONTOLOGY = Ontology(
    "t", "en", (EntityType("person"), EntityType("city")), (RelationType("lives in"), RelationType("likes"))
)
TEXT = "Ana lives in Oslo and likes Rome."
ANA, OSLO, ROME = Entity(0, "Ana", "person"), Entity(1, "Oslo", "city"), Entity(2, "Rome", "city")
FULL = Graph((ANA, OSLO, ROME), (Relation(0, 1, "lives in"), Relation(0, 2, "likes")))
HALF = Graph((ANA, OSLO), (Relation(0, 1, "lives in"),))
EMPTY = Graph()
REPEATED = (
    '{"entities":[{"text":"Ana","type":"person"},{"text":"Oslo","type":"city"}],"relations":['
    + ",".join(['{"head":"Ana","type":"lives in","tail":"Oslo"}'] * 3)
    + "]}"
)


def gold_frame(graphs: dict[str, Graph], corpus: str = "a", **extra: list[str]) -> pl.DataFrame:
    rows = [(corpus, name, TEXT, *to_rows(graph)) for name, graph in graphs.items()]
    frame = pl.DataFrame(
        rows,
        schema={
            "corpus": pl.String, "passage_id": pl.String, "text": pl.String,
            "entities": contracts.ENTITIES, "relations": contracts.RELATIONS,
        },
        orient="row",
    )  # fmt: skip
    return frame.with_columns(pl.Series(k, v) for k, v in extra.items())


def prediction_frame(
    answers: dict[tuple[str, str], Graph | tuple[str | None, Graph]], corpus: str = "a"
) -> pl.DataFrame:
    rows = []
    for (system, passage), answer in answers.items():
        raw, graph = answer if isinstance(answer, tuple) else (serialise(answer), answer)
        rows.append((system, corpus, passage, raw, *to_rows(graph)))
    return pl.DataFrame(
        rows,
        schema={
            "system": pl.String, "corpus": pl.String, "passage_id": pl.String, "raw_output": pl.String,
            "entities": contracts.ENTITIES, "relations": contracts.RELATIONS,
        },
        orient="row",
    )  # fmt: skip


GOLD = gold_frame({"p1": FULL, "p2": FULL, "p3": EMPTY, "p4": HALF})
PREDICTIONS = prediction_frame(
    {
        ("sft", "p1"): FULL,
        ("sft", "p2"): (REPEATED, HALF),
        ("sft", "p3"): EMPTY,
        ("sft", "p4"): ("no graph", EMPTY),
        ("sft-grpo", "p1"): FULL,
        ("sft-grpo", "p2"): FULL,
        ("sft-grpo", "p3"): HALF,
        # p4 is missing
    }
)


def scored(**options) -> pl.DataFrame:
    return score_run("r", GOLD, PREDICTIONS, {"a": ONTOLOGY}, ["sft", "sft-grpo"], samples=200, **options)


@pytest.fixture(scope="module")
def rows() -> dict[tuple[str, str], dict]:
    return {(row["system"], row["metric"]): row for row in scored().to_dicts()}


@pytest.mark.parametrize(
    ("metric", "sft", "grpo"),
    [
        # gold has 2 + 2 + 0 + 1 relations
        ("relation_strict_precision", 3 / 3, 4 / 5),
        ("relation_strict_recall", 3 / 5, 4 / 5),
        ("relation_strict_f1", 6 / 8, 8 / 10),
        ("raw:relation_strict_precision", 3 / 5, 4 / 5),
        ("raw:relation_strict_f1", 6 / 10, 8 / 10),
        ("relation_strict_macro_f1", (2 * 2 / (2 + 3) + 2 * 1 / (1 + 2)) / 2, (2 * 2 / (3 + 3) + 1) / 2),
        ("relation_strict_passage_f1", (1 + 2 / 3 + 1 + 0) / 4, (1 + 1 + 0 + 0) / 4),
        ("entity_strict_f1", 2 * 5 / (5 + 8), 2 * 6 / (8 + 8)),
        ("exact_graph", 2 / 4, 2 / 4),
        ("raw:exact_graph", 2 / 4, 2 / 4),
        ("empty_precision", 1.0, None),
        ("empty_recall", 1.0, 0.0),
        ("triple_ratio", 3 / 5, 5 / 5),
        ("raw:triple_ratio", 5 / 5, 5 / 5),
        ("raw:parse_rate", 3 / 4, 3 / 4),
        ("raw:grounded_share", 1.0, 1.0),
        ("relation_strict_f1:likes", 2 * 1 / (1 + 2), 1.0),
        ("entity_strict_recall:person", 2 / 3, 2 / 3),
    ],
)
def test_figures(rows, metric: str, sft: float, grpo: float | None) -> None:
    assert rows["sft", metric]["value"] == pytest.approx(sft)
    assert rows["sft-grpo", metric]["value"] == (None if grpo is None else pytest.approx(grpo))


def test_n_is_the_sample_size_of_the_figure(rows) -> None:
    assert rows["sft", "relation_strict_f1"]["n"] == 4
    assert rows["sft", "relation_strict_f1:likes"]["n"] == 2
    assert rows["sft", "empty_precision"]["n"] == 1
    assert rows["sft", "empty_recall"]["n"] == 1
    assert rows["sft-grpo", "empty_precision"]["n"] == 0
    assert rows["sft", "raw:grounded_share"]["n"] == (3 + 4) + (2 + 6)


def test_every_interval_contains_its_figure(rows) -> None:
    for row in rows.values():
        if row["value"] is not None:
            assert row["low"] - 1e-9 <= row["value"] <= row["high"] + 1e-9, row


def test_headline_figures_have_differences_between_systems(rows) -> None:
    delta = rows["sft-grpo - sft", delta_name("sft-grpo", "sft", "relation_strict_f1")]
    assert delta["value"] == pytest.approx(0.8 - 0.75)
    assert delta["low"] < 0 < delta["high"]
    assert delta["n"] == 4
    assert {m for _, m in rows if m.startswith("delta:")} == {delta_name("sft-grpo", "sft", m) for m in HEADLINE}


def test_equal_systems_have_a_difference_of_exactly_zero() -> None:
    one = PREDICTIONS.filter(system="sft")
    both = pl.concat([one, one.with_columns(system=pl.lit("twin"))])
    got = score_run("r", GOLD, both, {"a": ONTOLOGY}, ["sft", "twin"], samples=200)
    deltas = got.filter(pl.col("metric").str.starts_with("delta:"), pl.col("value").is_not_null())
    assert deltas.height > 10
    assert set(deltas["low"]) | set(deltas["value"]) | set(deltas["high"]) == {0.0}


def test_the_result_depends_on_the_seed_and_not_on_the_order_of_rows() -> None:
    shuffled = score_run("r", GOLD.reverse(), PREDICTIONS.reverse(), {"a": ONTOLOGY}, ["sft", "sft-grpo"], samples=200)
    assert shuffled.equals(scored())
    assert not scored(seed=8).equals(scored())


def test_a_system_without_any_prediction_is_listed_with_a_score_of_zero() -> None:
    got = score_run("r", GOLD, PREDICTIONS, {"a": ONTOLOGY}, ["ghost"], samples=100)
    value = dict(got.select("metric", "value").iter_rows())
    assert value["relation_strict_f1"] == 0
    assert value["relation_strict_passage_f1"] == 0
    assert value["relation_strict_precision"] is None
    assert value["raw:parse_rate"] == 0


def test_several_corpora_are_also_scored_together() -> None:
    gold = pl.concat([GOLD, gold_frame({"q1": FULL}, "b")])
    predictions = pl.concat([PREDICTIONS, prediction_frame({("sft", "q1"): FULL}, "b")])
    got = score_run("r", gold, predictions, {"a": ONTOLOGY, "b": ONTOLOGY}, ["sft"], samples=100)
    value = {(c, m): (v, n) for c, m, v, n in got.select("corpus", "metric", "value", "n").iter_rows()}
    assert value["a", "relation_strict_f1"] == (pytest.approx(6 / 8), 4)
    assert value["b", "relation_strict_f1"] == (1.0, 1)
    assert value["all", "relation_strict_f1"] == (pytest.approx(10 / 12), 5)
    assert ("all", "relation_strict_f1:likes") not in value


def test_passages_of_one_document_are_resampled_together() -> None:
    graphs = {f"p{i}": FULL if i % 2 else HALF for i in range(20)}
    predictions = prediction_frame({("sft", name): HALF for name in graphs})
    documents = [f"d{i // 10}" for i in range(20)]
    alone, together = (
        score_run("r", gold_frame(graphs, **extra), predictions, {"a": ONTOLOGY}, ["sft"], samples=300)
        for extra in ({}, {"doc_id": documents})
    )
    metric = pl.col("metric") == "relation_strict_f1"
    assert together.filter(metric)["low"][0] == pytest.approx(alone.filter(metric)["value"][0])
    assert alone.filter(metric)["low"][0] < alone.filter(metric)["value"][0]


def test_the_rows_meet_the_contract() -> None:
    contract = contracts.EVAL_REPORT
    contract.schema.validate(contract.conform(scored()))


def test_a_system_that_answered_another_corpus_only_is_not_scored() -> None:
    gold = pl.concat([gold_frame({"p1": FULL}), gold_frame({"p1": FULL}, "b")])
    student = [prediction_frame({("sft", "p1"): FULL}, corpus) for corpus in ("a", "b")]
    predictions = pl.concat([prediction_frame({("teacher", "p1"): HALF}), *student])
    rows = score_run("r", gold, predictions, {"a": ONTOLOGY, "b": ONTOLOGY}, ["teacher", "sft"], 20)
    scored = rows.filter(metric="relation_strict_f1").select("corpus", "system").rows()
    assert sorted(scored) == [("a", "sft"), ("a", "teacher"), ("all", "sft"), ("b", "sft")]
    assert set(rows.filter(system="sft - teacher")["corpus"]) == {"a"}
