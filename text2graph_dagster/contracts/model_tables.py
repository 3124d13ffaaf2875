"""Contracts of the tables about students: examples, checkpoints, rollouts, predictions, reports."""

import pandera.polars as pa
import polars as pl

from text2graph_dagster.contracts.columns import (
    CORPUS,
    ENTITIES_COLUMN,
    MESSAGES,
    PASSAGE_ID,
    RELATIONS_COLUMN,
    STRINGS,
    check_one_of,
    check_share,
    make_column,
    make_contract,
)

FILTERED_DATASET = make_contract(
    "filtered_dataset",
    ("example_id",),
    {
        "example_id": make_column(pl.String, "digest of the example", pa.Check.str_length(32, 32)),
        "corpus": CORPUS,
        "passage_id": PASSAGE_ID,
        "split": make_column(
            pl.String,
            "the stage that trains on it; if there are no grpo examples, GRPO uses the sft examples",
            check_one_of("sft", "grpo"),
        ),
        "task": make_column(pl.String, "what is requested", check_one_of("both", "entities", "relations")),
        "kind": make_column(
            pl.String,
            "full: all types requested; subset: some types; negative: empty answer",
            check_one_of("full", "subset", "negative"),
        ),
        "messages": make_column(MESSAGES, "the prompt and the answer"),
        "entity_types": make_column(STRINGS, "requested entity types, in the order of the prompt"),
        "relation_types": make_column(STRINGS, "requested relation types, in the order of the prompt"),
        "entities": ENTITIES_COLUMN,
        "relations": RELATIONS_COLUMN,
        "score": make_column(pl.Float64, "quality of the example", check_share()),
    },
)
CHECKPOINTS = make_contract(
    "checkpoints",
    ("checkpoint_id",),
    {
        "checkpoint_id": make_column(pl.String, "digest of everything it was made from", pa.Check.str_length(32, 32)),
        "stage": make_column(pl.String, "the stage that made it", check_one_of("base", "sft", "reward_model", "grpo")),
        "path": make_column(pl.String, "directory of the model"),
        "sha256": make_column(pl.String, "digest of its weights"),
        "parent": make_column(pl.String, "the checkpoint it started from", nullable=True),
        "config": make_column(pl.String, "settings, as JSON"),
        "dataset_digest": make_column(pl.String, "version of filtered_dataset"),
        "metrics": make_column(pl.String, "measurements of the training program, as JSON"),
        "current": make_column(pl.Boolean, "whether the next stage uses this checkpoint"),
    },
)
_PENALTY = {
    "grounding": "penalty for spans that are not in the passage",
    "schema_legal": "penalty for unrequested types, and for relations with a wrong signature, head or tail",
    "spurious": "penalty for relations that are not in gold",
    "verbosity": "penalty for more items than gold has",
}
ROLLOUTS = make_contract(
    "rollouts",
    ("run", "step", "place"),
    {
        "run": make_column(
            pl.String, "the RL checkpoint trained on the rollouts; only rollouts of the current one are kept"
        ),
        "step": make_column(pl.Int64, "the optimizer step that used the rollout", pa.Check.ge(1)),
        "place": make_column(pl.Int64, "its place in the step; completions of a prompt are adjacent", pa.Check.ge(0)),
        "corpus": CORPUS,
        "passage_id": PASSAGE_ID,
        "example_id": make_column(pl.String, "the example of filtered_dataset"),
        "text": make_column(pl.String, "the passage as prompted, possibly with replaced names"),
        "completion": make_column(pl.String, "the completion of the student"),
        **{
            name: make_column(
                pl.Float64, f"the reward component {name}, before its weight", check_share(), nullable=True
            )
            for name in ("json_valid", "format", "entity_f1", "relation_f1")
        },
        **{
            name: make_column(pl.Float64, what, pa.Check.in_range(-1.0, 0.0), nullable=True)
            for name, what in _PENALTY.items()
        },
        "judged": make_column(pl.Float64, "score of the reward model, in place of F1", check_share(), nullable=True),
        "total": make_column(pl.Float64, "the reward: the weighted sum of its components"),
        "advantage": make_column(
            pl.Float64, "its advantage in the update; 0 if all completions of the prompt have the same reward"
        ),
    },
)
PREDICTIONS = make_contract(
    "predictions",
    ("run", "system", "corpus", "passage_id"),
    {
        "run": make_column(pl.String, "id of the checkpoint, or version of the teacher's graphs"),
        "system": make_column(pl.String, "name of the system"),
        "corpus": CORPUS,
        "passage_id": PASSAGE_ID,
        "split": make_column(pl.String, "dev or test", check_one_of("dev", "test")),
        "raw_output": make_column(pl.String, "the raw answer; null if there is none", nullable=True),
        "stopped": make_column(pl.Boolean, "whether the answer ended with the EOS token", nullable=True),
        "entities": ENTITIES_COLUMN,
        "relations": RELATIONS_COLUMN,
    },
)
EVAL_REPORT = make_contract(
    "eval_report",
    ("run", "system", "corpus", "metric"),
    {
        "run": make_column(pl.String, "digest of the evaluation"),
        "system": make_column(pl.String, "a system, or a difference of two"),
        "corpus": make_column(pl.String, "the corpus, or 'all'"),
        "metric": make_column(pl.String, "the metric, named after its protocol"),
        "value": make_column(pl.Float64, "value of the metric", nullable=True),
        "low": make_column(pl.Float64, "lower end of the 95 % interval", nullable=True),
        "high": make_column(pl.Float64, "upper end of the 95 % interval", nullable=True),
        "n": make_column(pl.Int64, "number of items or passages that it was computed from", pa.Check.ge(0)),
    },
)
REPORT_GOLD = make_contract(
    "report_gold",
    ("run", "corpus"),
    {
        "run": make_column(pl.String, "digest of the evaluation"),
        "corpus": CORPUS,
        "gold_version": make_column(pl.String, "version of the gold graphs that were used"),
    },
)
REPORT_RUNS = make_contract(
    "report_runs",
    ("run",),
    {
        "run": make_column(pl.String, "digest of the evaluation"),
        "made_at": make_column(pl.Datetime("us"), "time of the last report, in UTC"),
        "path": make_column(pl.String, "the HTML page"),
    },
)
