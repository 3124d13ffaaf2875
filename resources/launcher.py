"""Run training and prediction programs as supervised processes."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from resources.supervised_process import run_supervised

OBSERVED = ("train_metrics", "alarm")
RESULT = "result"


class _LiveMetrics(dg.PipesTempFileMessageReader):
    """Reports metrics and alarms as observations of the asset as they arrive, so that the UI plots them live."""

    def __init__(self, context: dg.AssetExecutionContext) -> None:
        super().__init__()
        self._context = context

    def read_messages(self, handler: dg.PipesMessageHandler) -> Any:
        forward = handler.handle_message

        def handle(message: Any) -> None:
            payload = (message.get("params") or {}).get("payload") if message.get("method") else None
            if isinstance(payload, dict) and payload.get("type") in OBSERVED:
                values = {key: value for key, value in payload.items() if key != "type" and value is not None}
                if payload["type"] == "alarm":
                    values["alarm"] = values.pop("name", "")
                self._context.log_event(dg.AssetObservation(asset_key=self._context.asset_key, metadata=values))
            forward(message)

        handler.handle_message = handle  # type: ignore[method-assign]
        return super().read_messages(handler)


class Launcher(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Runs a program of the library through Dagster Pipes.

    The program's whole process tree is ended with the run, even if the run's process is killed. So no orphan process
    keeps the GPU.
    """

    prefix: list[str] = Field(default_factory=lambda: [sys.executable], description="e.g. ['accelerate', 'launch']")
    env: dict[str, str] = Field(default_factory=dict)
    grace_seconds: float = 20.0

    def run(self, context: dg.AssetExecutionContext, module: str, config: Path) -> Mapping[str, Any]:
        """Run `python -m module --config config`, wait for it, and return the result that it reports.

        Raises:
            dagster.Failure: the program failed, or ended without a result.
        """
        command = [*self.prefix, "-m", module, "--config", str(config)]
        with dg.open_pipes_session(
            context=context,
            context_injector=dg.PipesTempFileContextInjector(),
            message_reader=_LiveMetrics(context),
        ) as session:
            env = {**os.environ, **self.env, **session.get_bootstrap_env_vars(), "PYTHONUNBUFFERED": "1"}
            with run_supervised(command, env, self.grace_seconds) as process:
                code = process.wait()
            if code != 0:
                raise dg.Failure(f"{module} ended with exit code {code}; see its output in this step's logs.")
        results = [m for m in session.get_custom_messages() if isinstance(m, dict) and m.get("type") == RESULT]
        if not results:
            raise dg.Failure(f"{module} ended without reporting a result; see its output in this step's logs.")
        return results[-1]
