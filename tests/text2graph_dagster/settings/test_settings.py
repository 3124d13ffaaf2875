"""Configuration: later layers override earlier ones, and misspelt keys are refused."""

import re
from pathlib import Path

import pytest

from text2graph_dagster.errors import UserError
from text2graph_dagster.settings import Settings, merge


def test_layers_override_each_other_in_order(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("sft: {max_steps: 2, batch_size: 4}")
    settings = Settings.load(file, {"sft": {"max_steps": 3}}, {"sft": {"max_steps": 1, "save_steps": 9}})
    assert (settings.sft.max_steps, settings.sft.batch_size, settings.sft.save_steps) == (3, 4, 9)


def test_merge_does_not_change_its_arguments() -> None:
    base = {"a": {"b": 1}}
    assert merge(base, {"a": {"c": 2}}) == {"a": {"b": 1, "c": 2}}
    assert base == {"a": {"b": 1}}


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        ({"sft": {"max_step": 3}}, "sft.max_step: there is no such setting; perhaps max_steps"),
        ({"stf": {}}, "perhaps sft"),
        ({"dataset": {"denoise": {"enabled": False}}}, "dataset.denoise.enabled: there is no such setting"),
        ({"gates": {"nonsense": 1}}, "nonsense"),
        ({"seed": "x"}, "seed"),
        ({"student": {"heads": 3}}, "hidden_size must be a multiple"),
        ({"student": {"base_model": "nano", "layers": 3}}, "layers applies to a student from scratch: set base_model"),
        ({"dataset": {"template": "text", "tasks": {"entities": 1}}}, "every example must ask for all of them"),
        ({"dataset": {"template": "text", "full_ontology_share": 0.5}}, "every example must ask for all of them"),
        ({"grpo": {"loss_type": "nonsense"}}, "grpo.loss_type"),
        ({"evaluation": {"batch_size": 0}}, "evaluation.batch_size"),
    ],
)
def test_a_misspelt_or_impossible_value_is_refused(overrides: dict[str, object], says: str) -> None:
    with pytest.raises(UserError, match=re.escape(says)):
        Settings.load(None, overrides)


def test_a_missing_or_invalid_settings_file_is_a_user_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        Settings.load(tmp_path / "none.yaml")
    (tmp_path / "bad.yaml").write_text("a: [")
    with pytest.raises(UserError, match="not readable YAML"):
        Settings.load(tmp_path / "bad.yaml")
    with pytest.raises(UserError, match="cannot be read"):
        Settings.load(tmp_path)
