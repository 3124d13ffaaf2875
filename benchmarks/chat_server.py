"""Serve a chat endpoint without a model, for tests and benchmarks: `python -m benchmarks.chat_server [--port PORT] …`.

It answers at once with the graph of a sentence like "Person1 works for Company1." in the prompt. Into a share of the
calls it injects network faults and model faults. The fault of a call depends only on the prompt and on how often it was
sent, so that runs are reproducible.
"""

import argparse
import asyncio
import json
import os
import random
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread
from typing import Any

PASSAGE = re.compile(r"(Person\d+) works for (Company\d+)\.")
NETWORK = ("429", "429 wait", "500", "503", "reset", "silence", "half JSON", "no JSON")
MODEL = (
    *("two objects", "fence", "thinking", "refusal in words", "refusal", "filtered", "tags inside", "repetition"),
    *("another language", "not in the text", "another type", "nothing to parse"),
)


@dataclass
class CallLog:
    """How often the server answered each prompt in full, and which faults it injected."""

    url: str = ""
    answered: Counter[str] = field(default_factory=Counter)
    asked: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    in_flight: int = 0
    max_in_flight: int = 0
    notes: int = -1  # file descriptor of a log of prompts and answers, which survives a killed server

    def note(self, what: str, prompt: str) -> None:
        """Append a line to the log: "asked" or "answered", and the person named in the prompt's passage."""
        match = PASSAGE.search(prompt) if self.notes >= 0 else None
        if match:
            os.write(self.notes, f"{what} {match[1]}\n".encode())


def graph(prompt: str) -> dict[str, Any]:
    """Return the graph that the prompt's passage states."""
    match = PASSAGE.search(prompt)
    if match is None:
        return {"entities": [], "relations": []}
    person, company = match.groups()
    return {
        "entities": [{"id": 0, "text": person, "type": "person"}, {"id": 1, "text": company, "type": "company"}],
        "relations": [{"head": person, "tail": company, "type": "works for"}],
    }


def _answer_with(fault: str, prompt: str) -> tuple[str, str, dict[str, Any]]:
    """Return (answer, finish reason, further fields of the message) for a fault; "" means no fault."""
    right = graph(prompt)
    text = json.dumps(right)
    entity, relation = {"id": 2, "text": "Atlantis", "type": "city"}, {"head": "Atlantis", "tail": "?", "type": "x"}
    match fault:
        case "two objects":
            return f"{text}\n{text}", "stop", {}
        case "fence":
            return f"Here it is:\n```json\n{text}\n```", "stop", {}
        case "thinking":
            return f"<think>a {{ brace</think>{text}", "stop", {}
        case "refusal in words":
            return "I'm sorry, but I cannot help with that.", "stop", {}
        case "refusal":
            return "", "stop", {"refusal": "I cannot."}
        case "filtered":
            return "", "content_filter", {}
        case "tags inside":
            right["entities"].append({"id": 2, "text": "<think>hm</think>", "type": "person"})
        case "repetition":
            return text[:-2] + ', {"head": "Person1"' * 200, "length", {}
        case "another language":
            right = {"entities": [{"id": 0, "text": "一个人", "type": "person"}], "relations": []}
        case "not in the text":
            right = {"entities": [*right["entities"], entity], "relations": [*right["relations"], relation]}
        case "another type":
            right["entities"].append({**right["entities"][0], "type": "spaceship"}) if right["entities"] else None
        case "nothing to parse":
            return "[1, 2", "stop", {}
        case _:
            return text, "stop", {}
    return json.dumps(right, ensure_ascii=False), "stop", {}


def _completion(fault: str, prompt: str) -> bytes:
    content, finish, more = _answer_with(fault, prompt)
    choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": content, **more}}
    usage = {"prompt_tokens": len(prompt) // 4, "completion_tokens": len(content) // 4 + 1}
    return json.dumps({"id": "c", "object": "chat.completion", "choices": [choice], "usage": usage}).encode()


def _http(status: int, body: bytes, extra: str = "") -> bytes:
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{extra}\r\n"
    return head.encode() + body


class _Connection(asyncio.Protocol):
    def __init__(self, log: CallLog, share: float, delay: float) -> None:
        self._log, self._share, self._delay, self._buffer = log, share, delay, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, mark, rest = self._buffer.partition(b"\r\n\r\n")
        if mark and head.startswith(b"GET "):  # a health check
            self._buffer = b""
            self._transport.write(_http(200, b""))
            return
        length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
        if mark and length and len(rest) >= int(length[1]):
            self._buffer = b""  # the client sends one request at a time
            body = json.loads(rest)
            self._log.in_flight += 1
            self._log.max_in_flight = max(self._log.max_in_flight, self._log.in_flight)
            if self._delay:
                asyncio.get_running_loop().call_later(self._delay, self._answer, body["messages"][0]["content"])
            else:
                self._answer(body["messages"][0]["content"])

    def _answer(self, prompt: str) -> None:
        log, fault = self._log, ""
        log.in_flight -= 1
        log.asked[prompt] += 1
        log.note("asked", prompt)
        chance = random.Random(f"{prompt}{log.asked[prompt]}") if self._share else None
        if chance and chance.random() < self._share:
            fault = chance.choice((*NETWORK, *MODEL))
            log.faults[fault] += 1
        match fault:
            case "429" | "500" | "503":
                self._transport.write(_http(int(fault), b'{"error": {"message": "no"}}'))
            case "429 wait":
                self._transport.write(_http(429, b"{}", "Retry-After: 0\r\n"))
            case "reset":
                self._transport.write(_http(200, _completion("", prompt))[:-40])
                self._transport.abort()
            case "silence":
                pass
            case "half JSON":
                self._transport.write(_http(200, _completion("", prompt)[:-40]))
            case "no JSON":
                self._transport.write(_http(200, b"<html>Bad gateway</html>"))
            case _:
                log.answered[prompt] += not self._transport.is_closing()
                self._transport.write(_http(200, _completion(fault, prompt)))
                log.note("answered", prompt)


async def _serve(log: CallLog, port: int, share: float, delay: float) -> asyncio.Server:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(log, share, delay), "127.0.0.1", port)
    log.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    return server


@contextmanager
def serving(share: float = 0.0, delay: float = 0.0, port: int = 0) -> Iterator[CallLog]:
    """Serve in a thread of this process: a `share` of the calls has faults, each answer waits `delay` seconds."""
    log, loop = CallLog(), asyncio.new_event_loop()
    server = loop.run_until_complete(_serve(log, port, share, delay))
    thread = Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield log
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _run(log: CallLog, port: int, share: float, delay: float) -> None:
    server = await _serve(log, port, share, delay)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    """Run from the command line; unknown options (of the server that this program replaces) are ignored."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port; 0: a free one, which is printed")
    parser.add_argument("--share", type=float, default=0.0, help="share of calls with a fault")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--notes", help="file to which each prompt and each answer is appended")
    arguments, _ = parser.parse_known_args()
    log = CallLog()
    if arguments.notes:
        log.notes = os.open(arguments.notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(log.notes, f"server {os.getpid()}\n".encode())
    asyncio.run(_run(log, arguments.port, arguments.share, arguments.delay))


if __name__ == "__main__":
    main()
