"""What the contracts of several tables share: nested types, common columns, checks."""

from collections.abc import Mapping

import pandera.polars as pa
import polars as pl

from text2graph_dagster.contracts.contract import Contract

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


def make_column(dtype: _Dtype, description: str, *checks: pa.Check, nullable: bool = False) -> pa.Column:
    """Describe a column."""
    return pa.Column(dtype, checks=list(checks), nullable=nullable, description=description)


def make_contract(name: str, key: tuple[str, ...], columns: Mapping[str, pa.Column]) -> Contract:
    """Make a contract whose rows are unique by `key`; an empty key allows repeated rows."""
    return Contract(name, key, pa.DataFrameSchema(dict(columns), strict=True, unique=list(key) or None))


def check_one_of(*values: str) -> pa.Check:
    """Check that the value is one of these."""
    return pa.Check.isin(list(values))


def check_share() -> pa.Check:
    """Check that the value is between 0 and 1."""
    return pa.Check.in_range(0.0, 1.0)


CORPUS = make_column(pl.String, "name of the corpus, the partition key")
PASSAGE_ID = make_column(pl.String, "digest of the normalised text", pa.Check.str_length(32, 32))
ENTITIES_COLUMN = make_column(ENTITIES, "entities with all their mentions in the passage")
RELATIONS_COLUMN = make_column(
    RELATIONS,
    "relations between the entities of the row, with evidence, provenance and confidence",
)
