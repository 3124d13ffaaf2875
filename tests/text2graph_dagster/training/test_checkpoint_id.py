"""The identity of checkpoints and of weights."""

from pathlib import Path
from typing import Any

from text2graph_dagster.ontology import EntityType, Ontology, RelationType
from text2graph_dagster.training.checkpoint_id import digest_weights, make_checkpoint_id

ONTOLOGY = Ontology("o", "en", (EntityType("person"),), (RelationType("works for"),))
INPUT: dict[str, Any] = {
    **{"config": {"seed": 1}, "dataset": "1", "dev": "2", "ontologies": {"c": ONTOLOGY}},
    **{"parent": None, "base": "nano", "reward_model": None},
}


def test_the_id_depends_on_every_input() -> None:
    changes: list[dict[str, Any]] = [
        {},
        {"config": {"seed": 2}},
        {"dataset": "2"},
        {"dev": "3"},
        {"ontologies": {}},
        {"parent": "p"},
        {"base": "other"},
        {"reward_model": "r"},
    ]
    assert len({make_checkpoint_id("sft", **{**INPUT, **change}) for change in changes}) == len(changes)
    assert make_checkpoint_id("sft", **INPUT) != make_checkpoint_id("grpo", **INPUT)


def test_ids_of_existing_checkpoints_do_not_change() -> None:
    """If ids changed, all existing checkpoints would be trained again."""
    assert make_checkpoint_id("sft", **INPUT) == "fb6830c266b118fde139d300625f0a34"


def test_weights_are_digested_by_name_and_content(tmp_path: Path) -> None:
    assert digest_weights(tmp_path) == digest_weights(tmp_path / "missing") == ""
    (tmp_path / "a.safetensors").write_bytes(b"1")
    first = digest_weights(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    assert digest_weights(tmp_path) == first != ""
    (tmp_path / "a.safetensors").rename(tmp_path / "b.safetensors")
    assert digest_weights(tmp_path) != first
