"""A corpus's staged files are mended as far as its dev gold says that it helps."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assets.mending import Mended, mend
from tests.text2graph_dagster.dataset.denoising.test_denoiser import ONTOLOGY, STATES, corpus
from text2graph_dagster.contracts import ENTITIES, RELATIONS, frame_of
from text2graph_dagster.dataset.denoising.denoiser import Passage
from text2graph_dagster.graph.rows import to_rows
from text2graph_dagster.settings import Settings

_STAGED = {"passage_id": pl.String(), "text": pl.String(), "entities": ENTITIES, "relations": RELATIONS}
_SAMPLES = {"samples": pl.List(pl.Struct({"entities": ENTITIES, "relations": RELATIONS}))}
_GOLD = {"doc_id": pl.String(), "gold_entities": ENTITIES, "gold_relations": RELATIONS}
PASSAGES = corpus()


class DevGold:
    """Stands in for the warehouse: the passages once more, two to a document, as dev with the gold that is wanted."""

    def __init__(self, *, as_labelled: bool) -> None:
        self.as_labelled, self.asked = as_labelled, 0

    def slices(self, sql: str, params: Sequence[object]) -> Iterator[pl.DataFrame]:
        self.asked += 1
        right = next(row["relations"] for row in map(row_of, PASSAGES) if row["relations"])
        rows = []
        for number, passage in enumerate(PASSAGES):
            row = row_of(passage)
            gold = row["relations"] if self.as_labelled else right if STATES in passage.text else []
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


def mended(folder: Path, gold: DevGold, **denoise: object) -> tuple[Mended, pl.DataFrame]:
    files = [folder / f"{number}.parquet" for number in range(2)]
    for number, file in enumerate(files):
        frame_of([row_of(p) for p in PASSAGES[number::2]], {**_STAGED, **_SAMPLES}).write_parquet(file)
    settings = Settings.load(None, {"dataset": {"denoise": denoise}, "evaluation": {"bootstrap_samples": 100}})
    found = mend(gold, "news", files, ONTOLOGY, settings)  # type: ignore[arg-type]
    return found, pl.concat(pl.read_parquet(file) for file in files)


def test_noisy_labels_are_mended(tmp_path: Path) -> None:
    found, rows = mended(tmp_path, DevGold(as_labelled=False))
    assert found.verdict.drops and found.verdict.adds
    assert found.verdict.relations == len(PASSAGES) // 2
    assert found.dropped and found.added
    assert all(bool(row["relations"]) == (STATES in row["text"]) for row in rows.to_dicts())
    assert 0 < rows["mended"].sum() <= found.dropped + found.added


def test_right_labels_are_left(tmp_path: Path) -> None:
    found, rows = mended(tmp_path, DevGold(as_labelled=True))
    assert "left as they are" in found.verdict.why
    assert (found.dropped, found.added, rows["mended"].sum()) == (0, 0, 0)
    labels = {p.passage_id: to_rows(p.graph)[1] for p in PASSAGES}
    for row in rows.to_dicts():
        assert [dict(r, confidence=None) for r in row["relations"]] == labels[row["passage_id"]]


def test_right_labels_are_said_to_be_right(tmp_path: Path) -> None:
    """Whatever the words say of them: on dev they were right, one and all."""
    found, rows = mended(tmp_path, DevGold(as_labelled=True))
    said = [relation["confidence"] for row in rows.to_dicts() for relation in row["relations"]]
    assert said and min(said) > 0.9
    assert "1.00 are right" in found.why


@pytest.mark.parametrize(("when", "does"), [("always", True), ("never", False)])
def test_the_setting_decides_whatever_gold_says(tmp_path: Path, when: str, does: bool) -> None:
    gold = DevGold(as_labelled=does)
    found, _ = mended(tmp_path, gold, when=when)
    assert (found.verdict.drops, found.verdict.adds, bool(found.dropped), gold.asked) == (does, does, does, does)
