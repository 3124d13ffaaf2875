"""A vLLM server managed by the pipeline: started for the step that needs it, and ended with the step.

vLLM may have its own Python environment, because it is called over the OpenAI protocol and shares no package with the
pipeline. Its process tree (API server, engine, workers) is ended with the step, even if the step is killed.
"""

import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from resources.supervised_process import run_supervised
from text2graph_dagster.errors import UserError
from text2graph_dagster.settings import ServerSettings

Log = Callable[[str], object]

HOST = "127.0.0.1"
MODULE = "vllm.entrypoints.openai.api_server"
POLL_SECONDS, LOG_SECONDS, TAIL_LINES = 0.2, 5.0, 20

# The environment variables that the server inherits. Others are not passed on, because they may be secrets.
INHERITED = {
    "PATH",
    "HOME",
    "USER",
    "TMPDIR",
    "TZ",
    "LANG",
    "LC_ALL",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "REQUESTS_CA_BUNDLE",
}
INHERITED_PREFIXES = (
    "SSL_CERT_",
    "CUDA_",
    "HF_",
    "HIP_",
    "NCCL_",
    "NVIDIA_",
    "OMP_",
    "ROCR_",
    "TORCH",
    "TRITON_",
    "VLLM_",
    "XDG_",
)
SECRET_WORDS = ("KEY", "TOKEN", "SECRET", "PASSWORD")


def build_command(model: str, settings: ServerSettings, port: int) -> list[str]:
    """Return the server's command line."""
    options: dict[str, str] = {
        "--model": settings.weights or model,
        "--served-model-name": model,
        "--host": HOST,
        "--port": str(port),
        "--dtype": settings.dtype,
        "--tensor-parallel-size": str(settings.tensor_parallel_size),
        "--gpu-memory-utilization": str(settings.gpu_memory_utilization),
        # Ignore the model's sampling defaults (e.g. a repetition penalty): they would not be recorded in the ledger.
        "--generation-config": "vllm",
        # No white space in JSON, because a model could fill its token budget with it.
        "--structured-outputs-config": json.dumps({"backend": "xgrammar", "disable_any_whitespace": True}),
        "--uvicorn-log-level": "warning",
    }
    if settings.max_model_len:
        options["--max-model-len"] = str(settings.max_model_len)
    pairs = [part for pair in options.items() for part in pair]
    # Prefix caching helps because every prompt lists the ontology. `extra_args` are last, so that they take precedence.
    return [settings.python or sys.executable, "-m", MODULE, *pairs, "--enable-prefix-caching", *settings.extra_args]


def build_environment(settings: ServerSettings, variables: Mapping[str, str]) -> dict[str, str]:
    """Return the server's environment variables, without secrets except those listed in `pass_env`."""

    def is_inherited(name: str) -> bool:
        harmless = not any(word in name for word in SECRET_WORDS)
        return name in INHERITED or (name.startswith(INHERITED_PREFIXES) and harmless)

    kept = {name: value for name, value in variables.items() if is_inherited(name) or name in settings.pass_env}
    return {**kept, "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1", "PYTHONUNBUFFERED": "1", **settings.env}


@contextmanager
def run_server(model: str, settings: ServerSettings, log_file: Path, log: Log) -> Iterator["RunningServer"]:
    """Start a server, wait until it answers, and end it at the end of the block.

    Raises:
        UserError: the interpreter is missing, or the server ends or does not answer in time. The message has the last
            lines of the server's log.
    """
    python = settings.python or sys.executable
    if not shutil.which(python):
        raise UserError(f"The model server's interpreter {python} does not exist: fix server.python.")
    log_file.parent.mkdir(parents=True, exist_ok=True)
    port = _free_port()
    log(f"starting a model server for {model}; its log is {log_file}")
    with (
        log_file.open("wb") as output,
        run_supervised(
            build_command(model, settings, port),
            build_environment(settings, os.environ),
            settings.grace_seconds,
            output,
        ) as process,
    ):
        server = RunningServer(model, settings, port, log_file, process)
        server.wait(log)
        yield server
    log(f"the model server for {model} has ended")


class RunningServer:
    """A server's process, port and log."""

    def __init__(
        self, model: str, settings: ServerSettings, port: int, log_file: Path, process: "subprocess.Popen[bytes]"
    ) -> None:
        self.base_url = f"http://{HOST}:{port}/v1"
        self._model, self._settings, self._port = model, settings, port
        self._log_file, self._process = log_file, process

    def wait(self, log: Log) -> None:
        """Wait until the server answers, and log its progress every few seconds.

        Raises:
            UserError: the server ended, or did not answer in time.
        """
        started, seconds = time.monotonic(), self._settings.start_seconds
        logged, last = started, ""
        while not self._healthy():
            self.raise_if_ended()
            now = time.monotonic()
            if now - started > seconds:
                raise UserError(
                    f"The model server for {self._model} did not answer within {seconds:.0f} s: raise "
                    f"server.start_seconds, or see {self._log_file}, which ends:\n{self._tail()}"
                )
            if now - logged >= LOG_SECONDS:
                logged, before, last = now, last, self._tail(1)[-160:]
                log(f"waiting for the model server, {now - started:.0f} s" + (f": {last}" if last != before else ""))
            time.sleep(POLL_SECONDS)
        log(f"the model server for {self._model} answers after {time.monotonic() - started:.0f} s")

    def check(self) -> None:
        """Raise if the server has ended.

        Raises:
            UserError: the message has the exit code and the last lines of the log.
        """
        if not self._healthy():
            with suppress(subprocess.TimeoutExpired):  # the server is closing
                self._process.wait(self._settings.grace_seconds + 1)
        self.raise_if_ended()

    def raise_if_ended(self) -> None:
        """Raise if the server's process has ended; this sends no request to the server.

        Raises:
            UserError: the message has the exit code and the last lines of the log.
        """
        code = self._process.poll()
        if code is not None:
            raise UserError(
                f"The model server for {self._model} ended with exit code {code}; its log {self._log_file} ends:\n"
                f"{self._tail()}"
            )

    def _healthy(self) -> bool:
        connection = http.client.HTTPConnection(HOST, self._port, timeout=5)  # never through a proxy
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _tail(self, lines: int = TAIL_LINES) -> str:
        with self._log_file.open("rb") as file:
            file.seek(max(0, self._log_file.stat().st_size - 500 * lines))
            return "\n".join(file.read().decode(errors="replace").strip().splitlines()[-lines:])


class LazyServer:
    """A server that starts at first use and runs until `close`."""

    def __init__(self, model: str, settings: ServerSettings, log_file: Path, log: Log) -> None:
        self._arguments = (model, settings, log_file, log)
        self._running: RunningServer | None = None
        self._stack = ExitStack()

    def start(self) -> RunningServer:
        """Return the server; start it if it is not running.

        Raises:
            UserError: it cannot be started, or has ended.
        """
        if self._running is None:
            self._running = self._stack.enter_context(run_server(*self._arguments))
        self._running.check()
        return self._running

    def close(self) -> None:
        """End the server, if it was started."""
        self._running = None
        self._stack.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    return port
