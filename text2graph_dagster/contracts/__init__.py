"""One contract per warehouse table: its columns with their meaning, the checks on its rows, and the DDL.

A contract is a pandera schema. The DuckDB DDL and the column documentation in the UI are derived from it, and the gate
`contract` validates the rows with it. The contracts are in `data_tables` and `model_tables`; `CONTRACTS` lists them.
"""

from collections.abc import Mapping

from text2graph_dagster.contracts.columns import ENTITIES, RELATIONS
from text2graph_dagster.contracts.contract import Contract, frame_of
from text2graph_dagster.contracts.data_tables import (
    ACCOUNTING,
    COT_TRACES,
    GATES,
    GOLD_GRAPHS,
    QUARANTINE,
    RAW_CORPUS,
    TEACHER_CALLS,
    TEACHER_GRAPHS,
)
from text2graph_dagster.contracts.model_tables import (
    CHECKPOINTS,
    EVAL_REPORT,
    FILTERED_DATASET,
    PREDICTIONS,
    REPORT_GOLD,
    REPORT_RUNS,
    ROLLOUTS,
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

__all__ = [
    "ACCOUNTING",
    "CHECKPOINTS",
    "CONTRACTS",
    "COT_TRACES",
    "ENTITIES",
    "EVAL_REPORT",
    "FILTERED_DATASET",
    "GATES",
    "GOLD_GRAPHS",
    "PREDICTIONS",
    "QUARANTINE",
    "RAW_CORPUS",
    "RELATIONS",
    "REPORT_GOLD",
    "REPORT_RUNS",
    "ROLLOUTS",
    "TEACHER_CALLS",
    "TEACHER_GRAPHS",
    "Contract",
    "frame_of",
]
