"""Cached examples equal those built without a cache, and each example is built once."""

from pathlib import Path

import polars as pl
import pytest

from tests.text2graph_dagster.dataset.sample_rows import ONTOLOGY, row
from text2graph_dagster.contracts import frame_of
from text2graph_dagster.dataset.confusions import Confusions
from text2graph_dagster.dataset.example_builder import ExampleBatch, ExampleBuilder
from text2graph_dagster.dataset.example_cache import ExampleCache
from text2graph_dagster.dataset.selection import take_selected
from text2graph_dagster.dataset.task_sampling import TaskSampler
from text2graph_dagster.settings import DatasetSettings


def builder(seed: int = 7) -> ExampleBuilder:
    settings = DatasetSettings()
    return ExampleBuilder(ONTOLOGY, settings, seed, TaskSampler(ONTOLOGY, settings, seed, Confusions()))


def rows(*numbers: int) -> pl.DataFrame:
    return pl.DataFrame([row(n) for n in numbers], infer_schema_length=None)


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list of the ids of all passages built from now on."""
    seen: list[str] = []
    original = ExampleBuilder.build

    def record(self: ExampleBuilder, wanted: list[dict[str, str]]) -> ExampleBatch:
        seen.extend(one["passage_id"] for one in wanted)
        return original(self, wanted)

    monkeypatch.setattr(ExampleBuilder, "build", record)
    return seen


def examples(root: Path, wanted: pl.DataFrame, seed: int = 7) -> pl.DataFrame:
    cache = ExampleCache(root, builder(seed))
    for part in wanted.iter_slices(4):
        cache.add(part)
    files, candidates, left_out = cache.finish()
    assert left_out.height == 0
    parts = [take_selected(pl.read_parquet(file), candidates.filter(file=file.name)) for file in files]
    return pl.concat(parts).sort("example_id")


def build_from_scratch(wanted: pl.DataFrame, seed: int = 7) -> pl.DataFrame:
    return builder(seed).build(wanted.to_dicts()).examples.sort("example_id")


def test_only_new_rows_are_built(tmp_path: Path, built: list[str]) -> None:
    assert examples(tmp_path, rows(*range(10))).equals(build_from_scratch(rows(*range(10))))
    built.clear()
    assert examples(tmp_path, rows(*range(3, 12))).height == 9
    assert built == rows(10, 11)["passage_id"].to_list()
    assert examples(tmp_path, rows(*range(3, 12))).equals(build_from_scratch(rows(*range(3, 12))))


def test_a_changed_row_is_rebuilt_and_its_old_example_unused(tmp_path: Path) -> None:
    before = rows(*range(6))
    examples(tmp_path, before)
    nothing = pl.col("relations").list.head(0)
    after = before.with_columns(relations=pl.when(pl.int_range(pl.len()) == 2).then(nothing).otherwise("relations"))
    assert examples(tmp_path, after).equals(build_from_scratch(after))
    assert not build_from_scratch(after).equals(build_from_scratch(before))


def test_an_example_with_another_confidence_replaces_the_cached_one(tmp_path: Path) -> None:
    """Its id is the same, because neither prompt nor answer has the confidence."""
    relation = pl.element().struct.with_fields(confidence=pl.lit(0.9))
    before = rows(*range(6)).with_columns(pl.col("relations").list.eval(relation))
    changed = pl.element().struct.with_fields(confidence=pl.lit(0.25))
    is_third = pl.int_range(pl.len()) == 2
    after = before.with_columns(
        relations=pl.when(is_third).then(pl.col("relations").list.eval(changed)).otherwise("relations")
    )
    old = examples(tmp_path, before)
    new = examples(tmp_path, after)
    assert new.equals(build_from_scratch(after)) and not new.equals(old)
    assert new["example_id"].equals(old["example_id"])


def test_mostly_unused_parts_are_deleted_in_the_next_run(tmp_path: Path, built: list[str]) -> None:
    examples(tmp_path, rows(*range(10)))
    for _ in range(2):
        assert examples(tmp_path, rows(1, 2)).equals(build_from_scratch(rows(1, 2)))
    built.clear()
    assert examples(tmp_path, rows(1, 2, 3)).height == 3
    assert built == rows(3)["passage_id"].to_list()


def test_another_seed_rebuilds_everything(tmp_path: Path) -> None:
    examples(tmp_path, rows(*range(10)))
    assert examples(tmp_path, rows(*range(10)), 8).equals(build_from_scratch(rows(*range(10)), 8))
    assert len(list(tmp_path.iterdir())) == 1


def test_an_incomplete_part_is_rebuilt(tmp_path: Path) -> None:
    whole = examples(tmp_path, rows(*range(10)))
    for file in tmp_path.rglob("*.light.parquet"):
        file.unlink()
    assert examples(tmp_path, rows(*range(10))).equals(whole)


def test_no_rows_give_no_examples(tmp_path: Path) -> None:
    cache = ExampleCache(tmp_path, builder())
    files, candidates, left_out = cache.finish()
    assert (files, candidates.height, left_out.height) == ([], 0, 0)
    assert candidates.schema == frame_of([], candidates.schema).schema
