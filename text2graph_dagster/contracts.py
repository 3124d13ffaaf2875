"""One contract per warehouse table: its columns, their meaning, what must hold of them, and the SQL that creates it.

The contract is a pandera schema. `create_table` derives the DuckDB DDL from it, the assets derive the column
documentation in the UI from it, and the gate `contract` validates the rows with it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandera.polars as pa
import polars as pl
import pyarrow

SPAN = pl.Struct({"start": pl.Int64, "end": pl.Int64})
ENTITIES = pl.List(pl.Struct({"id": pl.Int64, "text": pl.String, "type": pl.String, "mentions": pl.List(SPAN)}))
RELATIONS = pl.List(
    pl.Struct(
        {
            "head": pl.Int64,
            "tail": pl.Int64,
            "type": pl.String,
            "evidence": SPAN,
            "provenance": pl.String,
            "confidence": pl.Float64,
        }
    )
)
MESSAGES = pl.List(pl.Struct({"role": pl.String, "content": pl.String}))
STRINGS = pl.List(pl.String)

SPLITS = ("train", "dev", "test")
STAGES = ("raw_corpus", "teacher_graphs", "cot_traces", "filtered_dataset")

_Dtype = pl.DataType | type[pl.DataType]


@dataclass(frozen=True)
class Contract:
    """A table's name, the columns that identify a row, and its pandera schema."""

    name: str
    key: tuple[str, ...]
    schema: pa.DataFrameSchema

    @property
    def dtypes(self) -> dict[str, pl.DataType]:
        """Polars dtypes by column, in order."""
        return {name: column.dtype.type for name, column in self.schema.columns.items()}

    def conform(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return `frame` with exactly the contract's columns and dtypes; absent nullable columns become null.

        Raises:
            ValueError: a column is missing or unknown.
        """
        columns = self.schema.columns
        missing = [name for name, column in columns.items() if name not in frame.columns and not column.nullable]
        unknown = [name for name in frame.columns if name not in columns]
        if missing or unknown:
            raise ValueError(f"{self.name}: columns missing {missing}, unknown {unknown}")
        return frame.select(
            (pl.col(name) if name in frame.columns else pl.lit(None)).cast(dtype).alias(name)
            for name, dtype in self.dtypes.items()
        )

    def empty(self) -> pl.DataFrame:
        """Return a frame without rows."""
        return pl.DataFrame(schema=self.dtypes)

    def frame(self, rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
        """Return rows, with every column of the contract, as a frame."""
        return frame_of(rows, self.dtypes)

    def create_table(self) -> str:
        """Return the DuckDB statement that creates the table if it is not there.

        The key is not a PRIMARY KEY: DuckDB checks that index eagerly, so deleting and inserting the same key in one
        transaction fails. The schema's `unique` holds it instead.
        """
        columns = ", ".join(
            f'"{name}" {_sql_type(dtype)}{"" if self.schema.columns[name].nullable else " NOT NULL"}'
            for name, dtype in self.dtypes.items()
        )
        return f'CREATE TABLE IF NOT EXISTS "{self.name}" ({columns})'


def frame_of(rows: Sequence[Mapping[str, Any]], dtypes: Mapping[str, Any]) -> pl.DataFrame:
    """Return rows as a frame; through Arrow, which reads nested values twenty times faster than polars does."""
    schema = pl.DataFrame(schema=dtypes).to_arrow().schema
    columns = [pyarrow.array([row[field.name] for row in rows], type=field.type) for field in schema]
    return pl.DataFrame(pyarrow.table(columns, schema=schema))


def _sql_type(dtype: Any) -> str:
    if isinstance(dtype, pl.List):
        return f"{_sql_type(dtype.inner)}[]"
    if isinstance(dtype, pl.Struct):
        return f"STRUCT({', '.join(f'{chr(34)}{f.name}{chr(34)} {_sql_type(f.dtype)}' for f in dtype.fields)})"
    if isinstance(dtype, pl.Datetime):
        return "TIMESTAMP"
    return {pl.String: "VARCHAR", pl.Int64: "BIGINT", pl.Float64: "DOUBLE", pl.Boolean: "BOOLEAN"}[dtype.base_type()]


def _column(dtype: _Dtype, description: str, *checks: pa.Check, nullable: bool = False) -> pa.Column:
    return pa.Column(dtype, checks=list(checks), nullable=nullable, description=description)


def _contract(name: str, key: tuple[str, ...], columns: Mapping[str, pa.Column]) -> Contract:
    return Contract(name, key, pa.DataFrameSchema(dict(columns), strict=True, unique=list(key) or None))


def _one_of(*values: str) -> pa.Check:
    return pa.Check.isin(list(values))


def _share() -> pa.Check:
    return pa.Check.in_range(0.0, 1.0)


_CORPUS = _column(pl.String, "name of the corpus, the partition key")
_PASSAGE = _column(pl.String, "digest of the normalised text", pa.Check.str_length(32, 32))
_ENTITIES = _column(ENTITIES, "entities with every place where the passage names them")
_RELATIONS = _column(
    RELATIONS,
    "relations between these entities, with the words that state them, where they come from, how likely they are",
)

RAW_CORPUS = _contract(
    "raw_corpus",
    ("corpus", "doc_id", "start"),
    {
        "corpus": _CORPUS,
        "passage_id": _PASSAGE,
        "doc_id": _column(pl.String, "the document, by its file and line"),
        "start": _column(pl.Int64, "first code point in the cleaned document", pa.Check.ge(0)),
        "end": _column(pl.Int64, "code point after the last", pa.Check.gt(0)),
        "text": _column(pl.String, "whole sentences up to the token budget", pa.Check.str_length(min_value=1)),
        "language": _column(pl.String, "language found, as an ISO 639-1 code, or 'other'"),
        "split": _column(pl.String, "train, or the split of the gold document it comes from", _one_of(*SPLITS)),
        "tokens": _column(pl.Int64, "words and punctuation marks", pa.Check.ge(0)),
        "duplicate_of": _column(pl.String, "the passage that is kept in its place", nullable=True),
    },
)
QUARANTINE = _contract(
    "quarantine",
    (),
    {
        "stage": _column(pl.String, "the asset that refused it", _one_of(*STAGES)),
        "corpus": _CORPUS,
        "doc_id": _column(pl.String, "the document, where it is one", nullable=True),
        "passage_id": _column(pl.String, "the passage, where it is one", nullable=True),
        "reason": _column(pl.String, "why, in one word", pa.Check.str_length(min_value=1)),
        "detail": _column(pl.String, "why, in one sentence", nullable=True),
    },
)
ACCOUNTING = _contract(
    "accounting",
    ("stage", "corpus", "item"),
    {
        "stage": _column(pl.String, "the asset that counted", _one_of(*STAGES)),
        "corpus": _CORPUS,
        "item": _column(pl.String, "what was counted"),
        "count": _column(pl.Int64, "how many", pa.Check.ge(0)),
    },
)
TEACHER_CALLS = _contract(
    "teacher_calls",
    ("call_key",),
    {
        "call_key": _column(pl.String, "digest of everything that the answer depends on", pa.Check.str_length(32, 32)),
        "kind": _column(pl.String, "who was asked", _one_of("teacher", "reasoner")),
        "teacher": _column(pl.String, "name of the teacher or reasoner"),
        "prompt_version": _column(pl.String, "version of the prompt"),
        "passage_id": _PASSAGE,
        "request": _column(pl.String, "what was sent"),
        "response": _column(pl.String, "what came back, as it came"),
        "status": _column(pl.String, "outcome of the call"),
        "reason": _column(pl.String, "why it failed, else empty"),
        "prompt_tokens": _column(pl.Int64, "tokens sent", pa.Check.ge(0)),
        "completion_tokens": _column(pl.Int64, "tokens received", pa.Check.ge(0)),
        "cost": _column(pl.Float64, "price of the call", pa.Check.ge(0)),
        "seconds": _column(pl.Float64, "duration of the call", pa.Check.ge(0)),
    },
)
TEACHER_GRAPHS = _contract(
    "teacher_graphs",
    ("corpus", "passage_id", "sample"),
    {
        "corpus": _CORPUS,
        "passage_id": _PASSAGE,
        "sample": _column(pl.Int64, "number of the graph; 0 is the one that is taught", pa.Check.ge(0)),
        "teacher": _column(pl.String, "who gave it; 'vote' where the others of the passage were voted on"),
        "entities": _ENTITIES,
        "relations": _RELATIONS,
        "call_key": _column(pl.String, "the call that gave it; empty for a vote"),
    },
)
COT_TRACES = _contract(
    "cot_traces",
    ("corpus", "passage_id"),
    {
        "corpus": _CORPUS,
        "passage_id": _PASSAGE,
        "rationale": _column(pl.String, "the thinking that leads from the passage to its graph"),
        "verified": _column(pl.Boolean, "whether the graph can be derived again from passage and rationale"),
        "reasons": _column(STRINGS, "what the verifier objected to; of one that took another's place, in that one"),
        "author": _column(pl.String, "who wrote it"),
        "rejected": _column(pl.String, "the rejected rationale whose place it takes", nullable=True),
        "call_key": _column(pl.String, "the call that gave it"),
    },
)
GATES = _contract(
    "gates",
    ("asset", "corpus", "gate", "data_version"),
    {
        "asset": _column(pl.String, "the table that was judged"),
        "corpus": _column(pl.String, "the corpus, or '*' for all together"),
        "gate": _column(pl.String, "name of the gate"),
        "data_version": _column(pl.String, "version of the rows that were judged"),
        "value": _column(pl.Float64, "what was measured", nullable=True),
        "threshold": _column(pl.String, "what is asked for"),
        "passed": _column(pl.Boolean, "the verdict"),
        "judged_at": _column(pl.Datetime("us"), "when, in UTC"),
    },
)
FILTERED_DATASET = _contract(
    "filtered_dataset",
    ("example_id",),
    {
        "example_id": _column(pl.String, "digest of the example", pa.Check.str_length(32, 32)),
        "corpus": _CORPUS,
        "passage_id": _PASSAGE,
        "split": _column(
            pl.String, "the stage it is kept for; with none for grpo, that takes sft's", _one_of("sft", "grpo")
        ),
        "task": _column(pl.String, "what is asked for", _one_of("both", "entities", "relations")),
        "kind": _column(
            pl.String, "all types, some, or an answer that is empty", _one_of("full", "subset", "negative")
        ),
        "messages": _column(MESSAGES, "the prompt and the answer"),
        "entity_types": _column(STRINGS, "entity types asked for, in the prompt's order"),
        "relation_types": _column(STRINGS, "relation types asked for, in the prompt's order"),
        "entities": _ENTITIES,
        "relations": _RELATIONS,
        "score": _column(pl.Float64, "quality of the example", _share()),
    },
)
GOLD_GRAPHS = _contract(
    "gold_graphs",
    ("corpus", "passage_id"),
    {
        "corpus": _CORPUS,
        "passage_id": _PASSAGE,
        "split": _column(pl.String, "dev or test", _one_of("dev", "test")),
        "entities": _ENTITIES,
        "relations": _RELATIONS,
        "exhaustive": _column(pl.Boolean, "whether everything the ontology asks for is annotated"),
    },
)
CHECKPOINTS = _contract(
    "checkpoints",
    ("checkpoint_id",),
    {
        "checkpoint_id": _column(pl.String, "digest of everything it was made from", pa.Check.str_length(32, 32)),
        "stage": _column(pl.String, "what it is", _one_of("base", "sft", "reward_model", "grpo")),
        "path": _column(pl.String, "directory of the model"),
        "sha256": _column(pl.String, "digest of its weights"),
        "parent": _column(pl.String, "the checkpoint it started from", nullable=True),
        "config": _column(pl.String, "settings, as JSON"),
        "dataset_digest": _column(pl.String, "version of filtered_dataset"),
        "metrics": _column(pl.String, "what the training program measured, as JSON"),
        "current": _column(pl.Boolean, "whether it is the one that the next stage takes"),
    },
)
_PENALTY = {
    "grounding": "spans that the passage does not name",
    "schema_legal": "types not asked for, and relations not allowed or with a wrong end",
    "spurious": "relations that gold does not hold",
    "verbosity": "more items than gold holds",
}
ROLLOUTS = _contract(
    "rollouts",
    ("run", "step", "place"),
    {
        "run": _column(pl.String, "the checkpoint that was reinforced by them: the current one's only"),
        "step": _column(pl.Int64, "the step that learnt from it", pa.Check.ge(1)),
        "place": _column(pl.Int64, "its place in the step; a prompt's completions stand together", pa.Check.ge(0)),
        "corpus": _CORPUS,
        "passage_id": _PASSAGE,
        "example_id": _column(pl.String, "the example of filtered_dataset that it answers"),
        "text": _column(pl.String, "the passage as the student read it, its names perhaps invented"),
        "completion": _column(pl.String, "what the student wrote"),
        **{
            name: _column(pl.Float64, f"the reward's part {name}, before its weight", _share(), nullable=True)
            for name in ("json_valid", "format", "entity_f1", "relation_f1")
        },
        **{
            name: _column(pl.Float64, what, pa.Check.in_range(-1.0, 0.0), nullable=True)
            for name, what in _PENALTY.items()
        },
        "judged": _column(
            pl.Float64, "what the reward model thinks of it, in the place of F1", _share(), nullable=True
        ),
        "total": _column(pl.Float64, "the reward: the sum of its parts times their weights"),
        "advantage": _column(pl.Float64, "what it counted for in the update; 0 where a prompt's all earned the same"),
    },
)
PREDICTIONS = _contract(
    "predictions",
    ("run", "system", "corpus", "passage_id"),
    {
        "run": _column(pl.String, "what answered: a checkpoint's id, or the version of the teacher's graphs"),
        "system": _column(pl.String, "who answered"),
        "corpus": _CORPUS,
        "passage_id": _PASSAGE,
        "split": _column(pl.String, "dev or test", _one_of("dev", "test")),
        "raw_output": _column(pl.String, "the answer as it came; null where there is none", nullable=True),
        "stopped": _column(pl.Boolean, "whether the answer ended by itself", nullable=True),
        "entities": _ENTITIES,
        "relations": _RELATIONS,
    },
)
EVAL_REPORT = _contract(
    "eval_report",
    ("run", "system", "corpus", "metric"),
    {
        "run": _column(pl.String, "digest of the evaluation"),
        "system": _column(pl.String, "a system, or a difference of two"),
        "corpus": _column(pl.String, "the corpus, or 'all'"),
        "metric": _column(pl.String, "the figure, named after its protocol"),
        "value": _column(pl.Float64, "the figure", nullable=True),
        "low": _column(pl.Float64, "lower end of its 95 % interval", nullable=True),
        "high": _column(pl.Float64, "upper end of its 95 % interval", nullable=True),
        "n": _column(pl.Int64, "what it was counted over", pa.Check.ge(0)),
    },
)
REPORT_GOLD = _contract(
    "report_gold",
    ("run", "corpus"),
    {
        "run": _column(pl.String, "digest of the evaluation"),
        "corpus": _CORPUS,
        "gold_version": _column(pl.String, "version of the corpus's gold that the figures were taken on"),
    },
)
REPORT_RUNS = _contract(
    "report_runs",
    ("run",),
    {
        "run": _column(pl.String, "digest of the evaluation"),
        "made_at": _column(pl.Datetime("us"), "when it was last asked for, in UTC"),
        "path": _column(pl.String, "the HTML page"),
    },
)

CONTRACTS: Mapping[str, Contract] = {
    contract.name: contract
    for contract in (
        RAW_CORPUS,
        QUARANTINE,
        ACCOUNTING,
        TEACHER_CALLS,
        TEACHER_GRAPHS,
        COT_TRACES,
        GATES,
        FILTERED_DATASET,
        GOLD_GRAPHS,
        CHECKPOINTS,
        ROLLOUTS,
        PREDICTIONS,
        EVAL_REPORT,
        REPORT_GOLD,
        REPORT_RUNS,
    )
}
