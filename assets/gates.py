"""What gates share: measure, compare with the threshold, write the verdict, and ask for verdicts later.

A gate is a number and a threshold from `Settings.gates`. Its verdict is stored with the version of the data that it
judged. Dagster's blocking checks hold inside one run only (a backfill or a later run goes round them), so whoever
trains asks `failed_gates` for verdicts on the *present* data: no verdict counts as not passed.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import dagster as dg
import pandera.errors
import polars as pl

from assets.user_errors import plain_errors
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


@dataclass(frozen=True)
class Scope:
    """What a gate may look at; `corpus` is None for gates on all corpora together."""

    warehouse: Warehouse
    settings: Settings
    home: Home
    corpus: str | None


@dataclass(frozen=True)
class Measured:
    """A gate's number; None means that there is nothing to measure, which passes."""

    value: float | None
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Gate:
    """A named number that must not cross a threshold: a number itself, or what it reads from the settings."""

    name: str
    description: str
    sign: Literal["≥", "≤"]
    threshold: Callable[[Settings], float]
    measure: Callable[[Scope], Measured]

    def demand(self, settings: Settings) -> str:
        """Return the condition in words, e.g. '≥ 0.95'."""
        return f"{self.sign} {self.threshold(settings):g}"

    def passes(self, measured: Measured, settings: Settings) -> bool:
        """Tell whether the number stays on the right side."""
        return measured.value is None or _SIGNS[self.sign](measured.value, self.threshold(settings))


def sql_gate(
    name: str, description: str, sign: Literal["≥", "≤"], threshold: Callable[[Settings], float], sql: str
) -> Gate:
    """Return a gate whose number one SQL query gives; its parameters are the scope's corpus, if it has one."""

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
        # Rows that agree in the whole key agree in this column, so they are seen together.
        order = next(column for column in contract.key if column != "corpus")
        count, sample = 0, pl.DataFrame()
        for rows in scope.warehouse.slices(sql, params, order=[order]):
            failures = contract_failures(table, rows)
            count += failures.height
            sample = failures.head(10) if sample.is_empty() else sample
        records = [dg.TableRecord({k: str(v) for k, v in row.items()}) for row in sample.to_dicts()]
        return Measured(count, {"failures": dg.MetadataValue.table(records)} if records else {})

    return Gate("contract", f"rows of {table} that break its contract", "≤", lambda _: 0, measure)


def contract_failures(table: str, rows: pl.DataFrame) -> pl.DataFrame:
    """Return pandera's failure cases, an empty frame when the rows keep the contract."""
    try:
        CONTRACTS[table].schema.validate(rows, lazy=True)
    except pandera.errors.SchemaErrors as error:
        cases: pl.DataFrame = error.failure_cases
        return cases
    return pl.DataFrame()


def build_gates(
    asset: dg.AssetsDefinition, gates: Sequence[Gate], partitions_def: dg.PartitionsDefinition[str] | None = None
) -> dg.AssetChecksDefinition:
    """Return one blocking check per gate on `asset`, all evaluated by one step."""
    by_name = {gate.name: gate for gate in gates}
    specs = [
        dg.AssetCheckSpec(
            g.name, asset=asset.key, description=g.description, blocking=True, partitions_def=partitions_def
        )
        for g in gates
    ]

    @dg.multi_asset_check(specs=specs, name=f"{asset.key.to_python_identifier()}_gates", can_subset=True)
    def check(
        context: dg.AssetCheckExecutionContext, warehouse: Warehouse, settings: SettingsResource, home: Home
    ) -> Iterator[dg.AssetCheckResult]:
        corpus = context.partition_key if partitions_def else None
        with plain_errors():
            scope = Scope(warehouse, settings.load(), home, corpus)
            version = present_version(warehouse, asset.key.to_user_string(), corpus)
        for key in sorted(context.selected_asset_check_keys, key=lambda k: list(by_name).index(k.name)):
            with plain_errors():
                verdict = _judge(asset.key, by_name[key.name], scope, version)
            yield verdict

    return check


def _judge(asset: dg.AssetKey, gate: Gate, scope: Scope, version: str) -> dg.AssetCheckResult:
    table = asset.to_user_string()
    measured = gate.measure(scope)
    passed = gate.passes(measured, scope.settings)
    verdict = {
        "asset": table,
        "corpus": scope.corpus or ALL,
        "gate": gate.name,
        "data_version": version,
        "value": measured.value,
        "threshold": gate.demand(scope.settings),
        "passed": passed,
        "judged_at": datetime.now(UTC).replace(tzinfo=None),
    }
    where = {column: str(verdict[column]) for column in CONTRACTS["gates"].key}
    scope.warehouse.commit(Replace("gates", pl.DataFrame([verdict]), where))
    value = "nothing to measure" if measured.value is None else f"{measured.value:.4g}"
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name=gate.name,
        passed=passed,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"{gate.description}: {value}, asked for {verdict['threshold']}",
        metadata={
            **({"value": measured.value} if measured.value is not None else {}),
            "threshold": verdict["threshold"],
            **measured.metadata,
        },
    )


_CHECKPOINT_STAGES = {"sft_checkpoint": "sft", "reward_model": "reward_model", "grpo_checkpoint": "grpo"}


def present_version(warehouse: Warehouse, asset: str, corpus: str | None) -> str:
    """Return the version of what the asset has written: the current checkpoint's id, or the table's content."""
    if stage := _CHECKPOINT_STAGES.get(asset):
        found = warehouse.value("SELECT checkpoint_id FROM checkpoints WHERE stage = ? AND current", [stage])
        return str(found or "none")
    if asset == "eval_report":
        return str(warehouse.value("SELECT run FROM report_runs ORDER BY made_at DESC LIMIT 1") or "none")
    return warehouse.version(asset, corpus)


def failed_gates(
    warehouse: Warehouse, settings: Settings, asset: str, gates: Iterable[Gate], corpus: str | None
) -> list[str]:
    """Return what speaks against the asset's present data, one sentence per gate; an empty list means all passed."""
    version = present_version(warehouse, asset, corpus)
    rows = warehouse.read("SELECT * FROM gates WHERE asset = ? AND corpus = ?", [asset, corpus or ALL]).to_dicts()
    verdicts = {row["gate"]: row for row in rows if row["data_version"] == version}
    outdated = {row["gate"] for row in rows} - set(verdicts)
    objections: list[str] = []
    for gate in gates:
        verdict = verdicts.get(gate.name)
        name = f"{asset}/{gate.name}" + (f" of {corpus}" if corpus else "")
        if verdict is None:
            when = "on other data than the present" if gate.name in outdated else "never"
            objections.append(f"{name} was evaluated {when}" if when != "never" else f"{name} was never evaluated")
        elif verdict["threshold"] != gate.demand(settings):
            objections.append(f"{name} was evaluated with another threshold ({verdict['threshold']})")
        elif not verdict["passed"]:
            objections.append(f"{name} failed ({verdict['value']:.4g}, asked for {verdict['threshold']})")
    return objections
