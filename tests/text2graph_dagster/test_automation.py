"""The sensor, the schedule and the automation conditions, tick by tick."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from resources.home import Home
from tests.assets.conftest import write_corpus
from text2graph_dagster.automation import corpora_folder
from text2graph_dagster.errors import UserError


class SensorRunner:
    """The sensor with its cursor, on a home folder."""

    def __init__(self, root: Path) -> None:
        self.home = Home(root=str(root))
        self.home.corpora.mkdir()
        self.instance = dg.DagsterInstance.ephemeral()
        self.cursor: str | None = None

    def tick(self) -> list[tuple[str | None, str | None]]:
        """Evaluate the sensor once; return (partition, run key) of every requested run."""
        made = dg.build_sensor_context(instance=self.instance, cursor=self.cursor, resources={"home": self.home})
        with made as context:
            result = corpora_folder(context)
        assert isinstance(result, dg.SensorResult)
        self.cursor = result.cursor
        return [(r.partition_key, r.run_key) for r in result.run_requests or []]


@pytest.fixture
def sensor(tmp_path: Path) -> SensorRunner:
    return SensorRunner(tmp_path)


def test_a_corpus_runs_once_per_change_even_if_a_change_is_reverted(sensor: SensorRunner) -> None:
    corpus = write_corpus(sensor.home.corpora / "c", documents=2)
    file = corpus / "documents.jsonl"
    shutil.copy2(file, sensor.home.root_path / "before")
    assert sensor.tick() == [("c", None)]
    assert sensor.tick() == []
    file.write_text('{"text": "Changed."}\n')
    assert sensor.tick() == [("c", None)]
    shutil.copy2(sensor.home.root_path / "before", file)
    assert sensor.tick() == [("c", None)]


def test_a_corpus_that_is_removed_and_added_again_runs_again(sensor: SensorRunner) -> None:
    source = write_corpus(sensor.home.root_path / "source", documents=2)
    target = sensor.home.corpora / "c"
    shutil.copytree(source, target)
    assert sensor.tick() == [("c", None)]
    shutil.rmtree(target)
    assert sensor.tick() == []
    shutil.copytree(source, target)
    assert sensor.tick() == [("c", None)]


def test_a_folder_that_cannot_be_listed_does_not_block_the_others(
    sensor: SensorRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "bad", "c"):
        write_corpus(sensor.home.corpora / name, documents=2)

    def listing(folder: Path) -> str:
        if folder.name == "bad":
            raise UserError("the folder bad cannot be listed.")
        return folder.name

    monkeypatch.setattr("text2graph_dagster.automation.fingerprint", listing)
    assert sensor.tick() == [("a", None), ("c", None)]
    assert sensor.tick() == []


DATA = ("raw_corpus", "teacher_graphs", "cot_traces")
MODEL = ("filtered_dataset", "sft_checkpoint", "grpo_checkpoint", "eval_report")


def materialised(instance: dg.DagsterInstance, names: tuple[str, ...], partition: str | None = None) -> None:
    for name in names:
        event = dg.AssetMaterialization(name, partition=partition, tags={"dagster/data_version": "same"})
        instance.report_runless_asset_event(event)


def test_the_nightly_run_of_unchanged_data_requests_the_model_half_once() -> None:
    """Training that failed the day before is retried although no data has changed."""
    from text2graph_dagster.definitions import defs

    instance = dg.DagsterInstance.ephemeral()
    instance.add_dynamic_partitions("corpora", ["c"])
    materialised(instance, DATA, "c")
    materialised(instance, MODEL)
    cursor = None

    def requested(hour: int, minute: int = 0) -> set[str]:
        nonlocal cursor
        at = datetime(2026, 1, 2, hour, minute, tzinfo=UTC)
        result = dg.evaluate_automation_conditions(defs, instance, cursor=cursor, evaluation_time=at)
        cursor = result.cursor
        return {name for name in MODEL if result.get_num_requested(dg.AssetKey(name))}

    requested(1)
    assert requested(2) == set()
    assert requested(3, 1) == set()  # the schedule has ticked, but the data half has not run yet
    materialised(instance, DATA, "c")
    assert requested(3, 2) == set(MODEL)
    materialised(instance, MODEL)
    assert requested(3, 3) == set()
