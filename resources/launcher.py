"""How a training program is started, watched and ended."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

PR_SET_PDEATHSIG = 1
METRICS = "train_metrics"
RESULT = "result"


class _LiveMetrics(dg.PipesTempFileMessageReader):
    """Turns each metrics message into an observation of the asset the moment it arrives: the UI plots them live."""

    def __init__(self, context: dg.AssetExecutionContext) -> None:
        super().__init__()
        self._context = context

    def read_messages(self, handler: dg.PipesMessageHandler) -> Any:
        forward = handler.handle_message

        def handle(message: Any) -> None:
            payload = (message.get("params") or {}).get("payload") if message.get("method") else None
            if isinstance(payload, dict) and payload.get("type") == METRICS:
                values = {key: value for key, value in payload.items() if key != "type" and value is not None}
                self._context.log_event(dg.AssetObservation(asset_key=self._context.asset_key, metadata=values))
            forward(message)

        handler.handle_message = handle  # type: ignore[method-assign]
        return super().read_messages(handler)


class Launcher(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Runs a program of `text2graph_dagster.training` through Dagster Pipes, in a process group of its own.

    Ending the run ends the whole group, and the group ends when the run's process dies: no orphan keeps a GPU.
    """

    prefix: list[str] = Field(default_factory=lambda: [sys.executable], description="e.g. ['accelerate', 'launch']")
    env: dict[str, str] = Field(default_factory=dict)
    grace_seconds: float = 20.0

    def run(self, context: dg.AssetExecutionContext, module: str, config: Path) -> Mapping[str, Any]:
        """Run `python -m module --config config` to its end and return the result that it reported.

        Raises:
            dagster.Failure: the program failed, or ended without a result.
        """
        command = [*self.prefix, "-m", module, "--config", str(config)]
        with dg.open_pipes_session(
            context=context,
            context_injector=dg.PipesTempFileContextInjector(),
            message_reader=_LiveMetrics(context),
        ) as session:
            code = self._run(command, {**os.environ, **self.env, **session.get_bootstrap_env_vars()})
            if code != 0:
                raise dg.Failure(f"{module} ended with exit code {code}; its output stands in this step's logs.")
        results = [m for m in session.get_custom_messages() if isinstance(m, dict) and m.get("type") == RESULT]
        if not results:
            raise dg.Failure(f"{module} ended without reporting a result; its output stands in this step's logs.")
        return results[-1]

    def _run(self, command: Sequence[str], env: Mapping[str, str]) -> int:
        process = subprocess.Popen(
            command,
            env={**env, "PYTHONUNBUFFERED": "1"},
            start_new_session=True,
            preexec_fn=_die_with_parent(),
        )
        try:
            return process.wait()
        finally:
            self._end_group(process)

    def _end_group(self, process: "subprocess.Popen[bytes]") -> None:
        """End whatever is left of the process group, politely first."""
        _signal_group(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(self.grace_seconds)
        _signal_group(process.pid, signal.SIGKILL)
        process.wait()


def _signal_group(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, number)


def _die_with_parent() -> Callable[[], None] | None:
    """Return what makes the child receive SIGTERM when its parent dies (Linux); None elsewhere."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)  # loaded before the fork: loading a library in the child is not safe

    def ask_the_kernel() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)

    return ask_the_kernel
