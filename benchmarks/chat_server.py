"""A chat endpoint without a model, for tests and benchmarks: `python -m benchmarks.chat_server [--port PORT] …`.

It answers at once with the graph of "Person1 works for Company1.", taken from the prompt, and with a share of faults:
those of the network, and those of a model. Which call meets which fault is drawn from the prompt and the number of
times that it was asked, so it is the same each time.
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
class Heard:
    """What the server was asked: how often it answered each prompt in full, and which faults it gave."""

    url: str = ""
    answered: Counter[str] = field(default_factory=Counter)
    asked: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    under_way: int = 0
    most_under_way: int = 0
    notes: int = -1  # a file to which each question and each answer is appended: it outlives a server that is killed

    def note(self, what: str, prompt: str) -> None:
        """Write down that a prompt was "asked" or "answered", by the person that its passage names."""
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


def _said(fault: str, prompt: str) -> tuple[str, str, dict[str, Any]]:
    """Return a model's (answer, finish reason, more of its message) under a fault, "" for none."""
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
    content, finish, more = _said(fault, prompt)
    choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": content, **more}}
    usage = {"prompt_tokens": len(prompt) // 4, "completion_tokens": len(content) // 4 + 1}
    return json.dumps({"id": "c", "object": "chat.completion", "choices": [choice], "usage": usage}).encode()


def _http(status: int, body: bytes, extra: str = "") -> bytes:
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{extra}\r\n"
    return head.encode() + body


class _Connection(asyncio.Protocol):
    def __init__(self, heard: Heard, share: float, delay: float) -> None:
        self._heard, self._share, self._delay, self._buffer = heard, share, delay, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, mark, rest = self._buffer.partition(b"\r\n\r\n")
        if mark and head.startswith(b"GET "):  # whether it is well
            self._buffer = b""
            self._transport.write(_http(200, b""))
            return
        length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
        if mark and length and len(rest) >= int(length[1]):
            self._buffer = b""  # the client sends one request at a time
            body = json.loads(rest)
            self._heard.under_way += 1
            self._heard.most_under_way = max(self._heard.most_under_way, self._heard.under_way)
            if self._delay:
                asyncio.get_running_loop().call_later(self._delay, self._answer, body["messages"][0]["content"])
            else:
                self._answer(body["messages"][0]["content"])

    def _answer(self, prompt: str) -> None:
        heard, fault = self._heard, ""
        heard.under_way -= 1
        heard.asked[prompt] += 1
        heard.note("asked", prompt)
        chance = random.Random(f"{prompt}{heard.asked[prompt]}") if self._share else None
        if chance and chance.random() < self._share:
            fault = chance.choice((*NETWORK, *MODEL))
            heard.faults[fault] += 1
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
                heard.answered[prompt] += not self._transport.is_closing()
                self._transport.write(_http(200, _completion(fault, prompt)))
                heard.note("answered", prompt)


async def _serve(heard: Heard, port: int, share: float, delay: float) -> asyncio.Server:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(heard, share, delay), "127.0.0.1", port)
    heard.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    return server


@contextmanager
def serving(share: float = 0.0, delay: float = 0.0, port: int = 0) -> Iterator[Heard]:
    """Serve in a thread of this process; each answer takes `delay` seconds."""
    heard, loop = Heard(), asyncio.new_event_loop()
    server = loop.run_until_complete(_serve(heard, port, share, delay))
    thread = Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield heard
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _run(heard: Heard, port: int, share: float, delay: float) -> None:
    server = await _serve(heard, port, share, delay)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    """Run from the command line; what it does not know are options of the server that it stands in for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: a free one; the port is printed")
    parser.add_argument("--share", type=float, default=0.0, help="of calls that meet a fault")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds that an answer takes")
    parser.add_argument("--notes", help="a file to which each question and each answer is appended")
    arguments, _ = parser.parse_known_args()
    heard = Heard()
    if arguments.notes:
        heard.notes = os.open(arguments.notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(heard.notes, f"server {os.getpid()}\n".encode())
    asyncio.run(_run(heard, arguments.port, arguments.share, arguments.delay))


if __name__ == "__main__":
    main()
