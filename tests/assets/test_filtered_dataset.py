"""With all settings, every trace becomes an example or is left out with a reason."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assets.filtered_dataset import build_dataset
from resources.warehouse import Replace
from tests.assets.conftest import DATA, Sandbox, gold_line
from text2graph_dagster.contracts import CONTRACTS
from text2graph_dagster.dataset.corpus_examples import CorpusExamples
from text2graph_dagster.dataset.denoising import decision
from text2graph_dagster.errors import UserError
from text2graph_dagster.settings import Settings


@pytest.fixture
def two(sandbox: Sandbox) -> Sandbox:
    """Two corpora with their traces; the large one contains all passages of the small one."""
    for name, documents in (("large", 64), ("small", 24)):
        sandbox.add(name, documents=documents)
        assert sandbox.run(name, *DATA).success
    return sandbox


@pytest.fixture
def apart(two: Sandbox) -> Sandbox:
    """Two corpora like `two`, but with different ontologies."""
    ontology = two.root / "corpora" / "small" / "ontology.yaml"
    ontology.write_text(ontology.read_text().replace("name: tiny", "name: other"))
    return two


def build(sandbox: Sandbox, folder: Path, **dataset: Any) -> dict[str, CorpusExamples]:
    settings = Settings.load(None, {"dataset": dataset})
    return {p.corpus: p for p in build_dataset(sandbox.warehouse, sandbox.home, ["large", "small"], settings, folder)}


def test_every_trace_is_accounted_for_whatever_the_settings(apart: Sandbox, tmp_path: Path) -> None:
    for number, dataset in enumerate(
        (
            {},
            {"max_examples": 5, "absent_share": 0.5},
            {"mix": {"large": 0.5}},
            {"mix_temperature": 3.0},
            {"thinking": True},
            {"disjoint_entities": True},
            {"tasks": {"entities": 1, "relations": 1}, "template": "extract", "denoise": {"when": "never"}},
        )
    ):
        (folder := tmp_path / str(number)).mkdir()
        for corpus in build(apart, folder, **dataset).values():
            examples = pl.concat(pl.read_parquet(file) for file in corpus.write(folder))
            CONTRACTS["filtered_dataset"].schema.validate(examples)
            assert examples.height == corpus.selected.height
            assert corpus.traces == examples.height + corpus.left_out.height > 0
            assert not set(examples["passage_id"]) & set(corpus.left_out["passage_id"])
            assert corpus.quarantine()["reason"].to_list() == corpus.left_out.sort("passage_id")["reason"].to_list()


def test_corpora_are_mixed_by_weight(apart: Sandbox, tmp_path: Path) -> None:
    unmixed = build(apart, tmp_path)
    mixed = build(apart, tmp_path, mix={"large": 0.5})
    assert mixed["small"].selected.height == unmixed["small"].selected.height
    assert mixed["large"].selected.height == mixed["small"].selected.height // 2
    assert set(mixed["large"].left_out["reason"]) >= {"mixed_out"}


def test_a_passage_that_names_a_gold_entity_can_be_left_out(apart: Sandbox, tmp_path: Path) -> None:
    named = {entity["text"] for i in range(6) for entity in gold_line(i)["entities"]}
    kept = build(apart, tmp_path, disjoint_entities=True)["large"]
    examples = pl.concat(pl.read_parquet(file) for file in kept.write(tmp_path))
    assert examples.height and not {e["text"] for row in examples["entities"] for e in row} & named
    assert "names_gold_entity" in set(kept.left_out["reason"])


def test_a_passage_in_two_corpora_with_one_ontology_is_used_once(two: Sandbox, tmp_path: Path) -> None:
    found = build(two, tmp_path)
    used = [set(corpus.selected["passage_id"]) for corpus in found.values()]
    assert used[0] | used[1] and not used[0] & used[1]
    repeated = pl.concat(corpus.left_out for corpus in found.values()).filter(reason="repeated_elsewhere")
    assert repeated.height and all(" in " in detail for detail in repeated["detail"])


def test_a_passage_in_two_corpora_with_different_ontologies_is_used_twice(apart: Sandbox, tmp_path: Path) -> None:
    found = build(apart, tmp_path)
    assert set(found["large"].selected["passage_id"]) & set(found["small"].selected["passage_id"])


def test_prompts_without_types_need_one_ontology(two: Sandbox, tmp_path: Path) -> None:
    (corpus, _) = build(two, tmp_path, template="text").values()
    examples = pl.concat(pl.read_parquet(file) for file in corpus.write(tmp_path))
    texts = {text + "\n" for text in two.warehouse.read("SELECT text FROM raw_corpus")["text"]}
    assert {messages[0]["content"] for messages in examples["messages"]} <= texts
    ontology = two.root / "corpora" / "small" / "ontology.yaml"
    ontology.write_text(ontology.read_text().replace("name: tiny", "name: other"))
    with pytest.raises(UserError, match="large, small have different ontologies"):
        build(two, tmp_path, template="text")


def test_disagreeing_samples_lower_the_score(apart: Sandbox, tmp_path: Path) -> None:
    before = build(apart, tmp_path)["large"].selected
    graphs = apart.warehouse.read("SELECT * FROM teacher_graphs WHERE corpus = 'large' ORDER BY passage_id")
    changed = graphs.filter(pl.col("relations").list.len() > 0).head(1)
    other = changed.with_columns(sample=pl.lit(1, pl.Int64), relations=pl.col("relations").list.head(0))
    apart.warehouse.commit(Replace("teacher_graphs", pl.concat([graphs, other]), {"corpus": "large"}))
    after = build(apart, tmp_path)["large"].selected
    fell = before.join(after, on="passage_id").filter(pl.col("score_right") < pl.col("score"))
    assert fell["passage_id"].to_list() == changed["passage_id"].to_list()


def test_dev_gold_decides_whether_labels_are_denoised(
    apart: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    undecided = build(apart, tmp_path)["large"].denoising.decision
    assert undecided.drops and undecided.adds and "dev gold has only 3 relations" in undecided.summary
    monkeypatch.setattr(decision, "MIN_DEV_RELATIONS", 3)
    decided = build(apart, tmp_path)["large"]
    assert decided.denoising.decision.relations == 3
    assert decided.denoising.decision.gain == 0  # the knowledge base has no facts of dev
    assert "left unchanged" in decided.denoising.decision.summary
    assert decided.counts()["relations_dropped"] == decided.counts()["relations_added"] == 0


def test_relations_that_are_not_entailed_are_removed(apart: Sandbox, tmp_path: Path) -> None:
    scored: list[tuple[str, str]] = []

    def deny(pairs: Sequence[tuple[str, str]]) -> list[float]:
        scored.extend(pairs)
        return [0.0] * len(pairs)

    settings = Settings.load(None, {"dataset": {"denoise": {"when": "always"}}})
    (corpus,) = build_dataset(apart.warehouse, apart.home, ["large"], settings, tmp_path, deny)
    assert corpus.denoising.dropped == len(scored) > 0
    assert any(hypothesis.endswith(" founded Velsoft.") for _, hypothesis in scored)
    examples = pl.concat(pl.read_parquet(file) for file in corpus.write(tmp_path))
    assert examples["relations"].list.len().sum() == 0
