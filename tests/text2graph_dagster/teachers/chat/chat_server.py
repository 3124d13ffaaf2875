"""A small server on 127.0.0.1 with the OpenAI chat protocol and scripted answers."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

Reply = Callable[[dict[str, Any]], dict[str, Any] | int]


@dataclass
class Seen:
    """The requests that the server received."""

    url: str
    bodies: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)


def message(content: str | None, finish: str = "stop", **more: Any) -> dict[str, Any]:
    """Return a completion with one choice."""
    return {
        "id": "c1",
        "object": "chat.completion",
        "created": 0,
        "model": "m",
        "choices": [
            {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": content, **more}}
        ],
        "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
    }


@contextmanager
def serving(reply: Reply, error: Any = None, models: Sequence[str] = ("m",), catalogue: Any = None) -> Iterator[Seen]:
    """Serve the completions that `reply` returns; a returned number is sent as HTTP status with the body `error`.

    The list of models contains `models`; if `catalogue` is given, it replaces the list.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            listing = catalogue or {"object": "list", "data": [{"id": name, "object": "model"} for name in models]}
            self._send(*((listing, "no") if isinstance(listing, int) else (200, listing)))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with seen.lock:
                seen.bodies.append(body)
                seen.keys.append(self.headers.get("Authorization", ""))
            answer = reply(body)
            status, value = (
                (answer, error or {"error": {"message": "no"}}) if isinstance(answer, int) else (200, answer)
            )
            self._send(status, value)

        def _send(self, status: int, value: Any) -> None:
            data = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    seen = Seen(f"http://127.0.0.1:{server.server_address[1]}/v1")
    with _running(server):
        yield seen


@contextmanager
def _running(server: ThreadingHTTPServer) -> Iterator[None]:
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
