"""The model card repeats the files beside it."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from text2graph_dagster.evaluation.model_card import write_card, write_report
from text2graph_dagster.inference.checkpoint import write_recipe
from text2graph_dagster.settings import Settings

DEV = {"passages": 680, "relation_f1": 0.684, "entity_f1": 0.92, "parse_rate": 0.9985}
RUN: dict[str, Any] = {
    "program": "sft",
    "inputs": {"train": "219b8aac", "ontology:news": "dbe724c1"},
    "model": {"architecture": "qwen2", "parameters": 1_135_360},
    "examples": 1902,
    "steps": 5000,
    "seconds": 245.6,
    "cpu_seconds": 432.7,
    "dev": {**DEV, "relation_f1_low": 0.66, "relation_f1_high": 0.71, "entity_f1_low": 0.9, "entity_f1_high": 0.93},
    "settings": {"seed": 7, "student": {"base_model": "scratch"}},
}
ROWS = [
    {"corpus": "news", "metric": "relation_strict_f1", "value": 0.7, "low": 0.6, "high": 0.8, "n": 1000},
    {"corpus": "news", "metric": "empty_recall", "value": None, "low": None, "high": None, "n": 0},
    {"corpus": "news", "metric": "relation:works for", "value": 0.5, "low": 0.4, "high": 0.6, "n": 9},
]


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    (tmp_path / "types.yaml").write_text("language: zh\nentity_types: [person]\nrelation_types: [works for]\n")
    write_recipe(tmp_path, Settings(), {"news": tmp_path / "types.yaml"})
    return tmp_path


def read_card(checkpoint: Path) -> tuple[dict[str, Any], str]:
    """Return the card's front matter and its text."""
    _, head, text = (checkpoint / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    return yaml.safe_load(head), text


def test_the_card_has_data_scores_intervals_licence_and_digests(checkpoint: Path) -> None:
    write_card(checkpoint, RUN, "apache-2.0")
    head, text = read_card(checkpoint)
    assert (head["license"], head["language"], head["library_name"]) == ("apache-2.0", ["zh"], "transformers")
    assert "base_model" not in head and "from scratch" in text
    for expected in (
        "1,135,360 parameters",
        "1,902 training examples",
        "person",
        "works for",
        "219b8aac",
        "5,000 steps",
    ):
        assert expected in text
    assert "0.684 [0.660, 0.710]" in text and "99.9%" in text
    assert "has not been evaluated on held-out passages yet" in text


def test_the_evaluation_adds_its_scores(checkpoint: Path) -> None:
    (checkpoint / "run.json").write_text(json.dumps(RUN))
    write_card(checkpoint, RUN)
    write_report(checkpoint, {"dataset_digest": "5c26"}, ROWS, "mit")
    head, text = read_card(checkpoint)
    assert head["license"] == "mit"
    assert "| news | Relation F1, strict | 0.700 [0.600, 0.800] | 1,000 |" in text
    assert "| dataset_digest | `5c26` |" in text and "empty" not in text.lower() and "not been evaluated" not in text
    files = {path: path.stat().st_mtime_ns for path in checkpoint.iterdir()}
    write_report(checkpoint, {"dataset_digest": "5c26"}, ROWS, "mit")
    assert files == {path: path.stat().st_mtime_ns for path in checkpoint.iterdir()}


@pytest.mark.parametrize(
    ("base", "named"),
    [
        ("org/Model-0.5B", "org/Model-0.5B"),
        ("/models/Mine", "Mine"),
        ("smollm2", "HuggingFaceTB/SmolLM2-135M-Instruct"),
    ],
)
def test_a_base_model_has_its_public_name_or_no_path(checkpoint: Path, base: str, named: str) -> None:
    without_dev = {name: value for name, value in RUN.items() if name != "dev"}
    write_card(checkpoint, {**without_dev, "settings": {"seed": 7, "student": {"base_model": base}}})
    head, text = read_card(checkpoint)
    assert head["base_model"] == named and f"on top of {named}" in text and "dev;" not in text


def test_dev_scores_without_an_interval_are_shown_too(checkpoint: Path) -> None:
    write_card(checkpoint, {**RUN, "dev": DEV})
    assert "relations\n0.684, entities 0.920" in read_card(checkpoint)[1]
