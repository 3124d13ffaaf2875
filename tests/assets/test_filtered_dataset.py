"""filtered_dataset's work: every trace becomes an example or is left out with a reason, whatever the settings."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assets.filtered_dataset import build_dataset
from resources.warehouse import Replace
from tests.assets.conftest import DATA, House, gold_line
from text2graph_dagster.contracts import CONTRACTS
from text2graph_dagster.dataset.corpus_examples import CorpusExamples
from text2graph_dagster.dataset.denoising import decision
from text2graph_dagster.settings import Settings


@pytest.fixture
def two(house: House) -> House:
    """Two corpora with their traces; what the small one says the large one says too."""
    for name, documents in (("large", 64), ("small", 24)):
        house.add(name, documents=documents)
        assert house.run(name, *DATA).success
    return house


@pytest.fixture
def apart(two: House) -> House:
    """The same, about ontologies of their own."""
    ontology = two.root / "corpora" / "small" / "ontology.yaml"
    ontology.write_text(ontology.read_text().replace("name: tiny", "name: other"))
    return two


def parts(house: House, folder: Path, **dataset: Any) -> dict[str, CorpusExamples]:
    settings = Settings.load(None, {"dataset": dataset})
    return {p.corpus: p for p in build_dataset(house.warehouse, house.home, ["large", "small"], settings, folder)}


def test_every_setting_accounts_for_every_trace(apart: House, tmp_path: Path) -> None:
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
        for part in parts(apart, folder, **dataset).values():
            examples = pl.concat(pl.read_parquet(file) for file in part.write(folder))
            CONTRACTS["filtered_dataset"].schema.validate(examples)
            assert examples.height == part.selected.height
            assert part.traces == examples.height + part.left_out.height > 0
            assert not set(examples["passage_id"]) & set(part.left_out["passage_id"])
            assert part.quarantine()["reason"].to_list() == part.left_out.sort("passage_id")["reason"].to_list()


def test_corpora_are_mixed_by_weight(apart: House, tmp_path: Path) -> None:
    as_they_are = parts(apart, tmp_path)
    mixed = parts(apart, tmp_path, mix={"large": 0.5})
    assert mixed["small"].selected.height == as_they_are["small"].selected.height
    assert mixed["large"].selected.height == mixed["small"].selected.height // 2
    assert set(mixed["large"].left_out["reason"]) >= {"mixed_out"}


def test_a_passage_that_names_a_gold_entity_can_be_left_out(apart: House, tmp_path: Path) -> None:
    named = {entity["text"] for i in range(6) for entity in gold_line(i)["entities"]}
    kept = parts(apart, tmp_path, disjoint_entities=True)["large"]
    examples = pl.concat(pl.read_parquet(file) for file in kept.write(tmp_path))
    assert examples.height and not {e["text"] for row in examples["entities"] for e in row} & named
    assert "names_gold_entity" in set(kept.left_out["reason"])


def test_what_two_corpora_say_is_taught_once(two: House, tmp_path: Path) -> None:
    found = parts(two, tmp_path)
    taught = [set(part.selected["passage_id"]) for part in found.values()]
    assert taught[0] | taught[1] and not taught[0] & taught[1]
    repeated = pl.concat(part.left_out for part in found.values()).filter(reason="repeated_elsewhere")
    assert repeated.height and all(" in " in detail for detail in repeated["detail"])


def test_the_same_text_about_another_ontology_is_another_task(apart: House, tmp_path: Path) -> None:
    found = parts(apart, tmp_path)
    assert set(found["large"].selected["passage_id"]) & set(found["small"].selected["passage_id"])


def test_disagreeing_samples_make_a_worse_example(apart: House, tmp_path: Path) -> None:
    before = parts(apart, tmp_path)["large"].selected
    graphs = apart.warehouse.read("SELECT * FROM teacher_graphs WHERE corpus = 'large' ORDER BY passage_id")
    doubted = graphs.filter(pl.col("relations").list.len() > 0).head(1)
    other = doubted.with_columns(sample=pl.lit(1, pl.Int64), relations=pl.col("relations").list.head(0))
    apart.warehouse.commit(Replace("teacher_graphs", pl.concat([graphs, other]), {"corpus": "large"}))
    after = parts(apart, tmp_path)["large"].selected
    fell = before.join(after, on="passage_id").filter(pl.col("score_right") < pl.col("score"))
    assert fell["passage_id"].to_list() == doubted["passage_id"].to_list()


def test_dev_gold_decides_whether_labels_are_mended(
    apart: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unjudged = parts(apart, tmp_path)["large"].denoising.decision
    assert unjudged.drops and unjudged.adds and "dev gold has only 3 relations" in unjudged.summary
    monkeypatch.setattr(decision, "MIN_DEV_RELATIONS", 3)
    judged = parts(apart, tmp_path)["large"]
    assert (
        judged.denoising.decision.relations == 3 and judged.denoising.decision.gain == 0
    )  # the knowledge base knows nothing of dev
    assert "left unchanged" in judged.denoising.decision.summary
    assert judged.counts()["relations_dropped"] == judged.counts()["relations_added"] == 0


def test_a_second_opinion_takes_what_it_does_not_share(apart: House, tmp_path: Path) -> None:
    asked: list[tuple[str, str]] = []

    def deny(pairs: Sequence[tuple[str, str]]) -> list[float]:
        asked.extend(pairs)
        return [0.0] * len(pairs)

    settings = Settings.load(None, {"dataset": {"denoise": {"when": "always"}}})
    (part,) = build_dataset(apart.warehouse, apart.home, ["large"], settings, tmp_path, deny)
    assert part.denoising.dropped == len(asked) > 0
    assert any(hypothesis.endswith(" founded Velsoft.") for _, hypothesis in asked)
    examples = pl.concat(pl.read_parquet(file) for file in part.write(tmp_path))
    assert examples["relations"].list.len().sum() == 0
