"""Parse the answer of a model: an optional rationale, then a graph as JSON or in the wire form `lines`."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from text2graph_dagster.graph.model import ParsedGraph
from text2graph_dagster.graph.wire import RULE, SEPARATOR, unescape_line

ParseFailure = Literal["no_json", "truncated", "not_an_object", "bad_shape", "several_objects", "unclosed_think"]

_OPEN_THINK, _CLOSE_THINK = "<think>", "</think>"
_FENCE = re.compile(r"^```[\w-]*\s*\n(?P<body>.*?)\n?\s*```$", re.DOTALL)


class _DuplicateKeys(dict[str, Any]):
    """A JSON object with a duplicate key. It is not strict, because parsers ignore the first of the two values."""


def _make_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    return value if len(value) == len(pairs) else _DuplicateKeys(value)


_DECODER = json.JSONDecoder(object_pairs_hook=_make_object)


@dataclass
class GraphParseError(ValueError):
    """The answer has no readable graph; `reason` is the kind of failure."""

    reason: ParseFailure
    detail: str = field(default="")

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}" if self.detail else self.reason


def parse(raw: str) -> ParsedGraph:
    """Parse an optional `<think>…</think>`, then a graph in any wire form.

    Around a JSON object, a code fence or prose is tolerated.

    A JSON decoder reads the strings, so a brace inside a string or inside the rationale does no harm. Text around the
    object makes the answer not strict; an object that is cut off is `truncated`; a second object is `several_objects`;
    a rationale that is never closed is `unclosed_think`.

    Raises:
        GraphParseError: there is no readable graph; `reason` is the kind of failure.
    """
    rationale, answer, bare = _split_thinking(raw)
    fenced = _FENCE.match(answer)
    body = fenced["body"].strip() if fenced else answer
    if (lines := _read_lines(body)) is not None:
        return ParsedGraph(*lines, rationale, bare and not fenced)
    value, before, after = _split_object(body)
    entities = tuple([_entity(item) for item in _items(value, "entities")])
    names = _names_by_id(value)
    relations = tuple([_relation(item, names) for item in _items(value, "relations")])
    strict = bare and not fenced and not before and not after and _has_only_known_keys(value)
    return ParsedGraph(entities, relations, rationale, strict)


def _read_lines(body: str) -> tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str, str], ...]] | None:
    """Return (entities, relations) of an answer in the form `lines`; None if it is not in that form.

    Raises:
        GraphParseError: the answer is cut off.
    """
    lines = body.split("\n")
    rule = lines.index(RULE) if RULE in lines else len(lines)
    parts = [line.split(SEPARATOR) for line in (*lines[:rule], *lines[rule + 1 :])]
    wrong = [i for i, part in enumerate(parts) if len(part) != (2 if i < rule else 3)]
    if rule == len(lines) or wrong:
        if len(parts) > 1 and not [i for i in wrong if i < len(parts) - 1]:  # only the last line may be incomplete
            raise GraphParseError("truncated", "the last line is not complete, or the line of hyphens is missing")
        return None
    names = [list(map(unescape_line, part)) for part in parts]  # only now, since every JSON answer comes here first
    return tuple((n[0], n[1]) for n in names[:rule]), tuple((n[0], n[1], n[2]) for n in names[rule:])


def _has_only_known_keys(value: dict[str, Any]) -> bool:
    """Tell whether an object of a readable shape has only the keys of the wire form, and no duplicates."""
    entities, relations = value["entities"], value["relations"]
    if any(type(item) is not dict for item in (value, *entities, *relations)):
        return False
    return (
        len(value) == 2
        and all(len(item) == 2 or (len(item) == 3 and "id" in item) for item in entities)
        and all(len(item) == 3 for item in relations)
    )


def _split_thinking(raw: str) -> tuple[str, str, bool]:
    """Return (rationale, answer, whether there is no text before the rationale)."""
    text = raw.strip()
    if text.startswith("{"):  # there is no rationale; any tag is inside a JSON string
        return "", text, True
    opened, closed = text.find(_OPEN_THINK), text.find(_CLOSE_THINK)
    if opened == -1 and closed == -1:
        return "", text, True
    if closed == -1:
        raise GraphParseError("unclosed_think", "the thinking is never closed")
    if opened > closed:  # "</think>…<think>": the tags are reversed, and the rationale that follows never ends
        raise GraphParseError("unclosed_think", "the closing tag stands before the opening one")
    start = opened + len(_OPEN_THINK) if opened != -1 else 0
    return text[start:closed].strip(), text[closed + len(_CLOSE_THINK) :].strip(), opened == 0


def _split_object(body: str) -> tuple[dict[str, Any], str, str]:
    """Return the single JSON object in `body` with the text before and after it."""
    start = body.find("{")
    if start == -1:
        raise GraphParseError("not_an_object" if body.startswith("[") else "no_json")
    if body.startswith("["):
        raise GraphParseError("not_an_object", "a list stands where an object belongs")
    try:
        value, end = _DECODER.raw_decode(body, start)
    except json.JSONDecodeError as error:
        # An error at the very end of the text means that the answer was cut off; anywhere else it is not JSON.
        cut = error.pos >= len(body.rstrip()) or error.msg.startswith("Unterminated string")
        raise GraphParseError("truncated" if cut else "no_json", error.msg) from None
    except RecursionError:
        raise GraphParseError("no_json", "nested too deeply") from None
    except ValueError as error:  # an integer with more digits than Python converts
        raise GraphParseError("no_json", str(error)) from None
    after = body[end:].strip()
    if _contains_object(after):
        raise GraphParseError("several_objects")
    return value, body[:start].strip(), after


def _contains_object(text: str) -> bool:
    """Tell whether there is a JSON object anywhere in `text`."""
    start = text.find("{")
    while start != -1:
        try:
            _DECODER.raw_decode(text, start)
        except (ValueError, RecursionError):
            start = text.find("{", start + 1)
        else:
            return True
    return False


def _items(value: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    items = value.get(key)
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise GraphParseError("bad_shape", f"{key!r} is not a list of objects")
    return items


def _string(item: Mapping[str, Any], key: str) -> str:
    value = item.get(key)
    if not isinstance(value, str):
        raise GraphParseError("bad_shape", f"{key!r} is not a string")
    return value


def _entity(item: Mapping[str, Any]) -> tuple[str, str]:
    return _string(item, "text"), _string(item, "type")


def _names_by_id(value: Mapping[str, Any]) -> dict[int, str]:
    """Return entity texts by declared id, because some teachers refer to head and tail by id."""
    return {item["id"]: item["text"] for item in value["entities"] if type(item.get("id")) is int}


def _end(item: Mapping[str, Any], key: str, names: Mapping[int, str]) -> str:
    value = item.get(key)
    if type(value) is int and value in names:
        return names[value]
    return _string(item, key)


def _relation(item: Mapping[str, Any], names: Mapping[int, str]) -> tuple[str, str, str]:
    return _end(item, "head", names), _string(item, "type"), _end(item, "tail", names)
