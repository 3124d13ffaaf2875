"""The identity of a checkpoint: a digest of everything that determines a training program's result."""

from collections.abc import Mapping
from typing import Any

from text2graph_dagster.identity import digest_json
from text2graph_dagster.ontology import Ontology

# Part of every checkpoint's identity: increment it when the same input gives a different result.
TRAINING_VERSION = 4


def make_checkpoint_id(
    stage: str,
    *,
    config: Mapping[str, Any],
    dataset: str,
    dev: str,
    ontologies: Mapping[str, Ontology],
    parent: str | None,
    base: str,
    reward_model: str | None,
) -> str:
    """Return the identity of the checkpoint that a stage produces from this input.

    Args:
        config: the settings that affect the result.
        dataset: the version of filtered_dataset.
        dev: the version of the dev gold.
        parent: the id of the checkpoint that the stage starts from.
        base: the base model's identity.
        reward_model: the id of the reward model's checkpoint.
    """
    return digest_json(
        {
            "stage": stage,
            "config": config,
            "dataset": dataset,
            "dev": dev,
            "ontologies": {name: ontology.digest for name, ontology in ontologies.items()},
            "parent": parent,
            "base": base,
            "version": TRAINING_VERSION,
            **({"judge": reward_model} if reward_model else {}),
        }
    )
