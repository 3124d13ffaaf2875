"""A gate measures a number, compares it with a threshold, and stores the verdict with the version of the data.

The threshold comes from `Settings.gates`. Dagster's blocking checks only stop the run they are in (a backfill or a
later run bypasses them). `assets.gates.verdicts` therefore looks up the verdict on the *present* data before anything
is trained.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import dagster as dg
import pandera.errors
import polars as pl

from assets.user_errors import fail_on_user_error
from resources.checkpoints import current_checkpoint
from resources.home import Home
from resources.settings import SettingsResource
from resources.warehouse import Replace, Warehouse
from text2graph_dagster.contracts import CONTRACTS
from text2graph_dagster.settings import Settings

ALL = "*"
_SIGNS: Mapping[str, Callable[[float, float], bool]] = {
    "≥": lambda value, limit: value >= limit,
    "≤": lambda value, limit: value <= limit,
}
_CHECKPOINT_STAGES = {"sft_checkpoint": "sft", "reward_model": "reward_model", "grpo_checkpoint": "grpo"}


@dataclass(frozen=True)
class Scope:
    """What a gate can read; `corpus` is None for gates on all corpora together."""

    warehouse: Warehouse
    settings: Settings
    home: Home
    corpus: str | None


@dataclass(frozen=True)
class Measured:
    """The measured value of a gate; None means that there is nothing to measure, and the gate passes."""

    value: float | None
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Gate:
    """A named measure, and a threshold from the settings that its value is compared with."""

    name: str
    description: str
    sign: Literal["≥", "≤"]
    threshold: Callable[[Settings], float]
    measure: Callable[[Scope], Measured]

    def demand(self, settings: Settings) -> str:
        """Return the condition as text, e.g. '≥ 0.95'."""
        return f"{self.sign} {self.threshold(settings):g}"

    def passes(self, measured: Measured, settings: Settings) -> bool:
        """Tell whether the value meets the condition."""
        return measured.value is None or _SIGNS[self.sign](measured.value, self.threshold(settings))


def sql_gate(
    name: str, description: str, sign: Literal["≥", "≤"], threshold: Callable[[Settings], float], sql: str
) -> Gate:
    """Return a gate whose value is the result of an SQL query; the query's parameter is the scope's corpus, if any."""

    def measure(scope: Scope) -> Measured:
        value = scope.warehouse.value(sql, [scope.corpus] if scope.corpus is not None else [])
        return Measured(None if value is None else float(value))

    return Gate(name, description, sign, threshold, measure)


def contract_gate(table: str) -> Gate:
    """Return the gate that validates the rows with the table's pandera contract."""

    def measure(scope: Scope) -> Measured:
        contract = CONTRACTS[table]
        sql, params = f'SELECT * FROM "{contract.name}"', []  # noqa: S608
        if scope.corpus is not None:
            sql, params = f"{sql} WHERE corpus = ?", [scope.corpus]
        # Rows with equal keys are equal in this column, so they are in one slice, and duplicates are detected.
        order = next(column for column in contract.key if column != "corpus")
        count, sample = 0, pl.DataFrame()
        for rows in scope.warehouse.slices(sql, params, order=[order]):
            failures = find_contract_failures(table, rows)
            count += failures.height
            sample = failures.head(10) if sample.is_empty() else sample
        records = [dg.TableRecord({k: str(v) for k, v in row.items()}) for row in sample.to_dicts()]
        return Measured(count, {"failures": dg.MetadataValue.table(records)} if records else {})

    return Gate("contract", f"rows of {table} that violate its contract", "≤", lambda _: 0, measure)


def find_contract_failures(table: str, rows: pl.DataFrame) -> pl.DataFrame:
    """Return pandera's failure cases, or an empty frame if the rows satisfy the contract."""
    try:
        CONTRACTS[table].schema.validate(rows, lazy=True)
    except pandera.errors.SchemaErrors as error:
        cases: pl.DataFrame = error.failure_cases
        return cases
    return pl.DataFrame()


def measure_dev(scope: Scope, stage: str, figure: str) -> float | None:
    """Return a metric that the stage's training program measured on the gold dev passages; None if not measured."""
    checkpoint = current_checkpoint(scope.warehouse, stage)
    value = ((checkpoint or {"metrics": {}})["metrics"].get("dev") or {}).get(figure)
    return None if value is None else float(value)


def present_version(warehouse: Warehouse, asset: str, corpus: str | None) -> str:
    """Return the version of the asset's data: a checkpoint id, a report's run id, or a digest of the table."""
    if stage := _CHECKPOINT_STAGES.get(asset):
        found = warehouse.value("SELECT checkpoint_id FROM checkpoints WHERE stage = ? AND current", [stage])
        return str(found or "none")
    if asset == "eval_report":
        return str(warehouse.value("SELECT run FROM report_runs ORDER BY made_at DESC LIMIT 1") or "none")
    return warehouse.version(asset, corpus)


def build_gates(
    asset: str, gates: Sequence[Gate], partitions_def: dg.PartitionsDefinition[str] | None = None
) -> dg.AssetChecksDefinition:
    """Return the gates of an asset as blocking checks that are evaluated in one step."""
    key, by_name = dg.AssetKey(asset), {gate.name: gate for gate in gates}
    specs = [
        dg.AssetCheckSpec(g.name, asset=key, description=g.description, blocking=True, partitions_def=partitions_def)
        for g in gates
    ]

    @dg.multi_asset_check(specs=specs, name=f"{asset}_gates", can_subset=True)
    def check(
        context: dg.AssetCheckExecutionContext, warehouse: Warehouse, settings: SettingsResource, home: Home
    ) -> Iterator[dg.AssetCheckResult]:
        corpus = context.partition_key if partitions_def else None
        with fail_on_user_error():
            scope = Scope(warehouse, settings.load(), home, corpus)
            version = present_version(warehouse, asset, corpus)
        for selected in sorted(context.selected_asset_check_keys, key=lambda k: list(by_name).index(k.name)):
            with fail_on_user_error():
                result = _evaluate(asset, by_name[selected.name], scope, version)
            yield result

    return check


def _evaluate(asset: str, gate: Gate, scope: Scope, version: str) -> dg.AssetCheckResult:
    """Measure a gate and store its verdict."""
    measured = gate.measure(scope)
    passed, threshold = gate.passes(measured, scope.settings), gate.demand(scope.settings)
    verdict = {
        "asset": asset,
        "corpus": scope.corpus or ALL,
        "gate": gate.name,
        "data_version": version,
        "value": measured.value,
        "threshold": threshold,
        "passed": passed,
        "judged_at": datetime.now(UTC).replace(tzinfo=None),
    }
    where = {column: str(verdict[column]) for column in CONTRACTS["gates"].key}
    scope.warehouse.commit(Replace("gates", pl.DataFrame([verdict]), where))
    value = "nothing to measure" if measured.value is None else f"{measured.value:.4g}"
    return dg.AssetCheckResult(
        asset_key=dg.AssetKey(asset),
        check_name=gate.name,
        passed=passed,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"{gate.description}: {value}, required {threshold}",
        metadata={
            **({"value": measured.value} if measured.value is not None else {}),
            "threshold": threshold,
            **measured.metadata,
        },
    )
