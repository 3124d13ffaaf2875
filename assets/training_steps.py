"""One training step: the checkpoint for the present data and settings, trained only if it does not exist yet."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg

from assets.model_context import ModelContext
from resources.checkpoints import current_checkpoint, find_checkpoint, make_current
from text2graph_dagster.identity import digest_weights
from text2graph_dagster.inference.base_models import identify_base_model
from text2graph_dagster.training.checkpoint_id import make_checkpoint_id
from text2graph_dagster.training.program_inputs import write_program_inputs

EXAMPLES = """
SELECT f.*, p.text, EXISTS (
    FROM gold_graphs g WHERE g.corpus = f.corpus AND g.passage_id = f.passage_id AND g.split = 'train'
) AS annotated
FROM filtered_dataset f
JOIN (SELECT corpus, passage_id, any_value(text) AS text FROM raw_corpus GROUP BY ALL) p USING (corpus, passage_id)
WHERE f.split = $1 OR NOT EXISTS (FROM filtered_dataset WHERE split = $1)
"""
EXAMPLES_WITH_TRUST = f"""
SELECT *, coalesce(list_min(list_transform(relations, lambda r: r.confidence)), 1.0) >= $2 AS trusted FROM ({EXAMPLES})
"""  # noqa: S608
Checkpoint = Mapping[str, Any]  # a row of the table checkpoints


def train_checkpoint(
    context: ModelContext,
    stage: str,
    sections: set[str],
    parent: Checkpoint | None = None,
    reward_model: Checkpoint | None = None,
) -> dict[str, Any]:
    """Return the stage's checkpoint for the present data and settings; train it if it does not exist.

    Args:
        stage: the name of the program in text2graph_dagster.training: "sft", "reward_model" or "grpo".
        sections: the sections of the settings that the result depends on.
        parent: the checkpoint to start from.
        reward_model: the checkpoint of the reward model that scores completions.

    Raises:
        dagster.RetryRequested: the program failed. It is retried once and resumes from its last saved state.
    """
    warehouse = context.warehouse
    row = _describe(context, stage, sections, parent, reward_model)
    folder = context.home.checkpoints / f"{stage}-{row['checkpoint_id'][:12]}"
    known = find_checkpoint(warehouse, row["checkpoint_id"])
    if known and digest_weights(folder) == known["sha256"]:
        context.log(f"{stage}: nothing has changed; {folder} is reused")
        row = known
    else:
        result = _run_program(context, stage, folder, parent, reward_model)
        metrics = json.dumps({k: v for k, v in result.items() if k not in {"type", "settings"}})
        row = {**row, "path": str(folder), "sha256": digest_weights(folder), "metrics": metrics}
    make_current(warehouse, row)
    return current_checkpoint(warehouse, stage) or {}


def _describe(
    context: ModelContext, stage: str, sections: set[str], parent: Checkpoint | None, reward_model: Checkpoint | None
) -> dict[str, Any]:
    """Return the columns of a checkpoint's row that are known before training: its id and its inputs."""
    sections = {*sections, "seed", *(["reward_model"] if reward_model else [])}
    config = context.settings.model_dump(mode="json", include=sections)
    dataset = context.warehouse.version("filtered_dataset")
    parent_id = parent["checkpoint_id"] if parent else None
    checkpoint_id = make_checkpoint_id(
        stage,
        config=config,
        dataset=dataset,
        dev=context.gold_version("dev"),
        ontologies=context.load_ontologies(),
        parent=parent_id,
        base=identify_base_model(context.settings.student.base_model, context.log),
        reward_model=reward_model["checkpoint_id"] if reward_model else None,
    )
    return {
        "checkpoint_id": checkpoint_id,
        "stage": stage,
        "parent": parent_id,
        "config": json.dumps(config, ensure_ascii=False, sort_keys=True),
        "dataset_digest": dataset,
    }


def _run_program(
    context: ModelContext, stage: str, folder: Path, parent: Checkpoint | None, reward_model: Checkpoint | None
) -> Mapping[str, Any]:
    """Write the program's inputs beside its output, run it, and return its result."""
    reward = context.settings.reward_model
    sql, trust = (EXAMPLES_WITH_TRUST, [reward.min_confidence]) if reward.enabled else (EXAMPLES, [])
    config = write_program_inputs(
        folder,
        context.settings,
        context.warehouse.slices(sql, [stage, *trust], order=("example_id",)),
        context.read_gold_examples("dev"),
        context.ontology_files(),
        base=parent["path"] if parent else None,
        reward_model=reward_model["path"] if reward_model else None,
    )
    try:
        return context.run_program(f"text2graph_dagster.training.{stage}", config)
    except dg.Failure as failure:  # a RetryPolicy would also retry after an interrupt by the user
        raise dg.RetryRequested(max_retries=1) from failure
