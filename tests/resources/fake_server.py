"""A fake vLLM server; the environment variable BEHAVIOUR selects a fault, and inputs are logged in FOLDER.

Faults: crash (exit during loading), silent (never answer), stubborn (ignore SIGTERM), family (have children and
grandchildren that ignore SIGTERM, half of them in their own session), mortal (exit at the first request).
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

SLEEPER = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
PARENT = (
    f"import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', {SLEEPER!r}]).pid, flush=True)\n{SLEEPER}"
)


def start_family() -> list[int]:
    """Start two children with a child each; return the process ids of the four."""
    pids = []
    for own_session in (False, True):
        line = [sys.executable, "-c", PARENT]
        child = subprocess.Popen(line, stdout=subprocess.PIPE, text=True, start_new_session=own_session)
        assert child.stdout
        pids += [child.pid, int(child.stdout.readline())]
    return pids


class Handler(BaseHTTPRequestHandler):
    """Answers chat requests with ANSWER, and everything else with status 200."""

    def do_GET(self) -> None:
        self._send(b"")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with (FOLDER / "asked").open("a") as file:
            file.write(body["model"] + "\n")
        if "mortal" in BEHAVIOUR:
            os._exit(9)
        message = {"role": "assistant", "content": os.environ["ANSWER"]}
        choices = [{"index": 0, "finish_reason": "stop", "message": message}]
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        reply = {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": choices, "usage": usage}
        self._send(json.dumps(reply).encode())

    def log_message(self, *_: object) -> None:
        pass

    def _send(self, data: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


if __name__ == "__main__":
    BEHAVIOUR, FOLDER = os.environ["BEHAVIOUR"].split(), Path(os.environ["FOLDER"])
    if "stubborn" in BEHAVIOUR:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    family = start_family() if "family" in BEHAVIOUR else []
    (FOLDER / "pids").write_text(" ".join(map(str, [os.getpid(), *family])))
    (FOLDER / "seen.json").write_text(json.dumps({"arguments": sys.argv[1:], "variables": dict(os.environ)}))
    (FOLDER / "scratch").write_text(tempfile.mkstemp()[1])
    print("loading weights: 50 %", flush=True)
    if "crash" in BEHAVIOUR:
        print("ValueError: no such model", flush=True)
        os._exit(3)
    if "silent" in BEHAVIOUR:
        time.sleep(600)
    time.sleep(0.5)
    port = int(sys.argv[sys.argv.index("--port") + 1])
    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
