"""The identity of checkpoints."""

from typing import Any

from text2graph_dagster.ontology import EntityType, Ontology, RelationType
from text2graph_dagster.training.checkpoint_id import make_checkpoint_id

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
