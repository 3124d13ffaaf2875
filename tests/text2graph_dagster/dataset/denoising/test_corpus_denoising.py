"""The labels of a corpus are denoised only by steps that improve F1 on its dev gold."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.text2graph_dagster.dataset.denoising.test_denoiser import ONTOLOGY, STATES, corpus
from text2graph_dagster.contracts import ENTITIES, RELATIONS, frame_of
from text2graph_dagster.dataset.denoising.corpus_denoising import CorpusDenoiser, CorpusDenoising
from text2graph_dagster.dataset.denoising.denoiser import Passage
from text2graph_dagster.graph.rows import to_rows
from text2graph_dagster.settings import DenoiseSettings

_STAGED = {"passage_id": pl.String(), "text": pl.String(), "entities": ENTITIES, "relations": RELATIONS}
_TRAINING = {
    "samples": pl.List(pl.Struct({"entities": ENTITIES, "relations": RELATIONS})),
    "annotation": pl.String(),
}
_GOLD = {"doc_id": pl.String(), "gold_entities": ENTITIES, "gold_relations": RELATIONS}
PASSAGES = corpus()


class DevFrames:
    """Dev copies of the passages, two per document; gold is either the labels or the stated relations."""

    def __init__(self, *, gold_is_labels: bool) -> None:
        self.gold_is_labels, self.reads = gold_is_labels, 0

    def __iter__(self) -> Iterator[pl.DataFrame]:
        self.reads += 1
        right = next(row["relations"] for row in map(row_of, PASSAGES) if row["relations"])
        rows = []
        for number, passage in enumerate(PASSAGES):
            row = row_of(passage)
            gold = row["relations"] if self.gold_is_labels else right if STATES in passage.text else []
            rows.append({**row, "doc_id": str(number // 2), "gold_entities": row["entities"], "gold_relations": gold})
        yield frame_of(rows[:100], {**_STAGED, **_GOLD})
        yield frame_of(rows[100:], {**_STAGED, **_GOLD})


def row_of(passage: Passage) -> dict[str, Any]:
    entities, relations = to_rows(passage.graph)
    return {
        "passage_id": passage.passage_id,
        "text": passage.text,
        "entities": entities,
        "relations": relations,
        "samples": None,
    }


def denoise(
    folder: Path, dev: DevFrames, annotated: frozenset[str] = frozenset(), **settings: object
) -> tuple[CorpusDenoising, pl.DataFrame]:
    """Denoise the passages; those whose ids are in `annotated` are annotated."""
    files = [folder / f"{number}.parquet" for number in range(2)]
    for number, file in enumerate(files):
        rows = [
            {**row_of(p), "annotation": "exhaustive" if p.passage_id in annotated else None}
            for p in PASSAGES[number::2]
        ]
        frame_of(rows, {**_STAGED, **_TRAINING}).write_parquet(file)
    denoiser = CorpusDenoiser(DenoiseSettings.model_validate(settings), samples=100, seed=7)
    found = denoiser.denoise(files, dev, ONTOLOGY)
    return found, pl.concat(pl.read_parquet(file) for file in files)


def test_noisy_labels_are_denoised(tmp_path: Path) -> None:
    found, rows = denoise(tmp_path, DevFrames(gold_is_labels=False))
    assert found.decision.drops and found.decision.adds
    assert found.decision.relations == len(PASSAGES) // 2
    assert found.dropped and found.added
    assert all(bool(row["relations"]) == (STATES in row["text"]) for row in rows.to_dicts())
    assert 0 < rows["denoised"].sum() <= found.dropped + found.added


def test_correct_labels_are_left_unchanged(tmp_path: Path) -> None:
    found, rows = denoise(tmp_path, DevFrames(gold_is_labels=True))
    assert "left unchanged" in found.decision.summary
    assert (found.dropped, found.added, rows["denoised"].sum()) == (0, 0, 0)
    labels = {p.passage_id: to_rows(p.graph)[1] for p in PASSAGES}
    for row in rows.to_dicts():
        assert [dict(r, confidence=None) for r in row["relations"]] == labels[row["passage_id"]]


def test_correct_labels_get_a_high_confidence(tmp_path: Path) -> None:
    """All labels were right on dev, so confidence is high even if the cues suggest otherwise."""
    found, rows = denoise(tmp_path, DevFrames(gold_is_labels=True))
    confidences = [relation["confidence"] for row in rows.to_dicts() for relation in row["relations"]]
    assert confidences and min(confidences) > 0.9
    assert "1.00 are right" in found.summary


@pytest.mark.parametrize(("when", "does"), [("always", True), ("never", False)])
def test_the_setting_overrides_gold(tmp_path: Path, when: str, does: bool) -> None:
    dev = DevFrames(gold_is_labels=does)
    found, _ = denoise(tmp_path, dev, when=when)
    assert (found.decision.drops, found.decision.adds, bool(found.dropped), dev.reads) == (does, does, does, does)


def test_annotated_passages_are_not_changed(tmp_path: Path) -> None:
    annotated = frozenset(p.passage_id for p in PASSAGES[::3])
    found, rows = denoise(tmp_path, DevFrames(gold_is_labels=False), annotated)
    assert found.dropped and found.added
    labels = {p.passage_id: to_rows(p.graph)[1] for p in PASSAGES}
    for row in rows.filter(pl.col("passage_id").is_in(list(annotated))).to_dicts():
        assert (row["relations"], row["denoised"]) == (labels[row["passage_id"]], False)


def test_the_weight_of_dev_labels_counts_only_labels_of_the_teacher(tmp_path: Path) -> None:
    unlabelled = frozenset(p.passage_id for p in PASSAGES if not p.graph.relations)
    weights = [
        denoise(tmp_path, DevFrames(gold_is_labels=False), annotated)[0].decision.summary.rpartition(" ")[2]
        for annotated in (frozenset(), unlabelled)
    ]
    assert weights[0] == "1.0" and float(weights[1]) > 1


@pytest.mark.parametrize("when", ["auto", "always"])
def test_if_every_passage_is_annotated_no_label_is_denoised(tmp_path: Path, when: str) -> None:
    dev = DevFrames(gold_is_labels=False)
    found, rows = denoise(tmp_path, dev, frozenset(p.passage_id for p in PASSAGES), when=when)
    assert "every passage is annotated" in found.summary
    assert (found.dropped, found.added, rows["denoised"].sum(), dev.reads) == (0, 0, 0, 0)
