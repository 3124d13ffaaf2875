"""A user error in a gate is one sentence, not a traceback."""

from pathlib import Path

import dagster as dg

from assets.gates.gate import Gate, Measured, Scope, build_gates
from resources.home import Home
from resources.settings import SettingsResource
from resources.warehouse import Warehouse
from text2graph_dagster.errors import UserError


def fail_on_full_disk(scope: Scope) -> Measured:
    raise UserError("there is no space left.")


def test_a_user_error_in_a_gate_fails_the_check_step_without_retry(tmp_path: Path) -> None:
    @dg.asset
    def gates() -> None:
        """An asset whose key is the name of a table."""

    check = build_gates("gates", [Gate("g", "a gate", "≤", lambda _: 0, fail_on_full_disk)])
    resources = {
        "home": Home(root=str(tmp_path)),
        "warehouse": Warehouse(path=str(tmp_path / "w.duckdb")),
        "settings": SettingsResource(),
    }
    result = dg.materialize([gates, check], resources=resources, raise_on_error=False)
    failure = next(e for e in result.all_events if e.is_step_failure)
    assert failure.step_failure_data.error
    assert (
        failure.step_failure_data.error.message.strip()
        == "dagster._core.definitions.events.Failure: there is no space left."
    )
