"""Write the grammar of an answer for constrained decoding with llguidance: one grammar for a batch of requests.

The grammar is in llguidance's dialect of Lark (a context-free grammar whose rules may have a numeric parameter and
compare it). It fixes the JSON of the student's wire form and counts the entities, so that a head or tail that is a
number refers to an entity. If `copied`, every name is a span of the passage between word boundaries, so the legality
filter finds it there. The legality filter checks what a context-free grammar cannot: that a head or tail written as
text is the text of an entity, that no item is repeated, and that signatures hold.

Compiling a grammar costs more than checking an answer against it, so the requests of a batch share one grammar. In it,
an answer of the form with index 3 is preceded by ``3:``; only the engine sees this prefix.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from text2graph_dagster.graph.wire import WireForm
from text2graph_dagster.settings import DecodingSettings
from text2graph_dagster.unicode import IDEOGRAPHS

MAX_ENTITIES = 64  # in one answer
# Without `no_forcing` the engine allows only its own tokenisation of text that must come next.
_COMMON = r"""%llguidance {"no_forcing": true}
STRING: "\"" CHARACTER* "\""
ANY: CHARACTER*
CHARACTER: /[^"\\\x00-\x1F]|\\(["\\bfnrt]|u00[01][0-9a-f])/
space: /\s{0,4}/
"""
# A span is not empty and does not begin with (escaped) white space. Nano students write a blank before every span.
_SPAN = r'" "? (WORDS & ~/((\s|\\[bfnrtu])(?s:.)*)?/)'
# An escaped character, or a run of characters without a word boundary. A test compares this pattern with
# `graph.mentions.is_boundary`.
_WORD = re.compile(rf"\\(?:u[0-9a-f]{{4}}|.)|[^\W_{IDEOGRAPHS}]+|.", re.DOTALL)
_OPEN, _MIDDLE, _CLOSE, _COMMA = (json.dumps(piece) for piece in ('{"entities":[', '],"relations":[', "]}", ","))
# The rule for a rationale: first if the engine reads its tags as text, second if they are special tokens.
_THOUGHT = ('thought[suffix="</think>"]: /<think>(?s:.)*/', "thought: <think> /(?s:.)*/ </think>")
_ALWAYS = f"%if le(_, {MAX_ENTITIES})"


@dataclass(frozen=True, slots=True)
class AnswerForm:
    """What the answer to one request may look like."""

    entity_types: tuple[str, ...]
    relation_types: tuple[str, ...]
    text: str
    wire: WireForm
    copied: bool  # names are spans of `text`
    requested: bool  # only requested types are allowed; otherwise a type is any string
    thinking: bool  # a rationale may precede the JSON


@dataclass(frozen=True, slots=True)
class TypeRequest:
    """A request for items of these types in a passage."""

    text: str
    entity_types: tuple[str, ...]
    relation_types: tuple[str, ...]


class AnswerRequest(Protocol):
    """Any object with these attributes, such as a `TypeRequest`, an example or a prompt."""

    @property
    def text(self) -> str: ...
    @property
    def entity_types(self) -> tuple[str, ...]: ...
    @property
    def relation_types(self) -> tuple[str, ...]: ...


def make_forms(
    requests: Iterable[AnswerRequest], decoding: DecodingSettings, wire: WireForm, thinking: bool
) -> list[AnswerForm] | None:
    """Return the form of the answer to every request, or None if decoding is not constrained."""
    if decoding.grammar == "none":
        return None
    constraints = (wire, decoding.grammar == "copy", decoding.types == "requested", thinking)
    return [AnswerForm(r.entity_types, r.relation_types, r.text, *constraints) for r in requests]


def deduplicate_forms(forms: Sequence[AnswerForm]) -> tuple[list[AnswerForm], list[int]]:
    """Return the distinct forms, and for every given form the index of the distinct form with the same answers."""
    compared = [form if form.copied else replace(form, text="") for form in forms]
    places = {form: place for place, form in enumerate(dict.fromkeys(compared))}
    return list(places), [places[form] for form in compared]


def write_grammar(forms: Sequence[AnswerForm], tags_are_tokens: bool = False) -> str:
    """Return the grammar of ``<index>:<answer>`` for every form.

    Args:
        tags_are_tokens: whether the tags around a rationale are special tokens to the engine.
    """
    start = " | ".join(f"{_quote(form_prefix(place))} answer{place}" for place in range(len(forms)))
    return _write(start, forms, tags_are_tokens)


def write_single_grammar(form: AnswerForm) -> str:
    """Return the grammar of an answer of one form, for a server that takes one grammar per request."""
    return _write("answer0", [form])


def _write(start: str, forms: Sequence[AnswerForm], tags_are_tokens: bool = False) -> str:
    lines = [_COMMON, _THOUGHT[tags_are_tokens], f"start: {start}", *_numbers()]
    types: dict[tuple[str, ...] | None, str] = {}
    for place, form in enumerate(forms):
        lines += _rules(form, str(place), types)
    lines += [f"{rule}: {_alternatives(names)}" for names, rule in types.items() if names != ()]
    return "\n".join(lines) + "\n"


def form_prefix(place: int) -> str:
    """Return the prefix, for the engine only, of an answer of the form at `place`."""
    return f"{place}:"


def _numbers() -> Iterator[str]:
    """Yield the rule for the id of the next entity, and the rule for a head or tail that is an earlier entity's id."""
    for rule, compared in (("own", "eq"), ("earlier", "gt")):
        yield f"{rule}::_: " + " | ".join(f'"{i}" %if {compared}(_, {i})' for i in range(MAX_ENTITIES))


def _rules(form: AnswerForm, n: str, types: dict[tuple[str, ...] | None, str]) -> Iterator[str]:
    """Yield the rules of one form. Their names end in `n`; their parameter is the number of entities so far."""
    name = f"SPAN{n}" if form.copied else "ANY"
    listed = (form.entity_types, form.relation_types)
    kinds = [types.setdefault(names if form.requested else None, f"type{len(types)}") for names in listed]
    entities, relations = (bool(names) or not form.requested for names in listed)
    thinking = "(thought space)?" if form.thinking else ""
    # llguidance requires that every alternative of a rule with a parameter uses it.
    end, another = f"{_CLOSE} {_ALWAYS}", f"relation{n}::_ rest{n}::_"
    room = f"%if lt(_, {MAX_ENTITIES})"
    yield f"answer{n}: {thinking} {_OPEN} entities{n}::0"
    yield f"entities{n}::_: {_MIDDLE} relations{n}::_" + (f" | entity{n}::_ more{n}::incr(_)" if entities else "")
    yield f"relations{n}::_: {end}" + (f" | {another} %if gt(_, 0)" if relations else "")
    if entities:
        yield f"more{n}::_: {_MIDDLE} relations{n}::_ | {_COMMA} entity{n}::_ more{n}::incr(_) {room}"
        yield f"entity{n}::_: {_entity(form.wire, name, kinds[0])} {_ALWAYS}"
    if relations:
        yield f"rest{n}::_: {end} | {_COMMA} {another}"
        yield f"relation{n}::_: {_relation(form.wire, name, kinds[1])} {_ALWAYS}"
    if form.copied:
        yield f"WORDS{n}: %regex {json.dumps({'substring_chunks': _words(form.text)})}"
        yield f"SPAN{n}: " + _SPAN.replace("WORDS", f"WORDS{n}")


def _entity(wire: WireForm, name: str, kind: str) -> str:
    begins = _quote('{"text":"') if wire == "compact" else _quote('{"id":') + " own::_ " + _quote(',"text":"')
    return " ".join((begins, name, _quote('","type":'), kind, _quote("}")))


def _relation(wire: WireForm, name: str, kind: str) -> str:
    end = "earlier::_" if wire == "indexed" else " ".join((_quote('"'), name, _quote('"')))
    values = {"head": end, "type": kind, "tail": end}
    order = ("head", "tail", "type") if wire == "public" else ("head", "type", "tail")
    parts = [_quote(("," if i else "{") + f'"{key}":') + " " + values[key] for i, key in enumerate(order)]
    return " ".join((*parts, _quote("}")))


def _alternatives(names: tuple[str, ...] | None) -> str:
    """Return the body of a rule that matches one of the names as JSON, or any JSON string if `names` is None."""
    if names is None:
        return "STRING"
    return " | ".join(_quote(json.dumps(name, ensure_ascii=False)) for name in names)


def _words(text: str) -> list[str]:
    """Return a passage as JSON escapes it, split at every word boundary."""
    return _WORD.findall(json.dumps(text, ensure_ascii=False)[1:-1])


def _quote(literal: str) -> str:
    """Return a literal in the syntax of the grammar."""
    return json.dumps(literal)
