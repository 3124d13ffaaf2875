"""Write the grammar of an answer for constrained decoding with llguidance: one grammar for a batch of requests.

The grammar is in llguidance's dialect of Lark (a context-free grammar whose rules may have a numeric parameter and
compare it). It fixes the student's wire form and counts the entities, so that a head or tail that is a
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

from text2graph_dagster.graph.wire import RULE, SEPARATOR, WireForm, escape_line
from text2graph_dagster.settings import DecodingSettings
from text2graph_dagster.unicode import IDEOGRAPHS

MAX_ENTITIES = 64  # in one answer
# Without `no_forcing` the engine allows only its own tokenisation of text that must come next.
_COMMON = r"""%llguidance {"no_forcing": true}
STRING: "\"" CHARACTER* "\""
ANY: CHARACTER*
CHARACTER: /[^"\\\x00-\x1F]|\\(["\\bfnrt]|u00[01][0-9a-f])/
space: /\s{0,4}/
LINE: (/[^\\|\n\r]/|/\\[\\|nr]/)*
ENTRY: LINE " | "
"""
# A span is not empty and does not begin with (escaped) white space.
_SPAN = r"(WORDS & ~/((\s|\\[bfnrtu])(?s:.)*)?/)"
_BLANK_BEFORE = '" "? '  # nano students write a blank before every span
# An escaped character, or a run of characters without a word boundary. A test compares this pattern with
# `graph.mentions.is_boundary`.
_WORD = re.compile(rf"\\(?:u[0-9a-f]{{4}}|.)|[^\W_{IDEOGRAPHS}]+|.", re.DOTALL)
# What comes before the entities, between them and the relations, after the relations, and between two items.
_JSON_FRAME, _LINES_FRAME = ('{"entities":[', '],"relations":[', "]}", ","), ("", RULE, "", "")
# The rule for a rationale: first if the engine reads its tags as text, second if they are special tokens.
_THOUGHT = ('thought[suffix="</think>"]: /<think>(?s:.)*/', "thought: <think> /(?s:.)*/ </think>")
_TypeRules = dict[tuple[WireForm, tuple[str, ...] | None, str], str]  # (wire form, names or None: any, end) → rule
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
    types: _TypeRules = {}
    for place, form in enumerate(forms):
        lines += _rules(form, str(place), types)
    lines += [f"{rule}: {_alternatives(*key)}" for key, rule in types.items() if key[1] != ()]
    return "\n".join(lines) + "\n"


def form_prefix(place: int) -> str:
    """Return the prefix, for the engine only, of an answer of the form at `place`."""
    return f"{place}:"


def _numbers() -> Iterator[str]:
    """Yield the rule for the id of the next entity, and the rule for a head or tail that is an earlier entity's id."""
    for rule, compared in (("own", "eq"), ("earlier", "gt")):
        yield f"{rule}::_: " + " | ".join(f'"{i}" %if {compared}(_, {i})' for i in range(MAX_ENTITIES))


def _rules(form: AnswerForm, n: str, types: _TypeRules) -> Iterator[str]:
    """Yield the rules of one form. Their names end in `n`; their parameter is the number of entities so far."""
    as_lines = form.wire == "lines"
    name, entry = (f"SPAN{n}", f"ENTRY{n}") if form.copied else ("LINE" if as_lines else "ANY", "ENTRY")
    opening, middle, closing, comma = map(_quote, _LINES_FRAME if as_lines else _JSON_FRAME)
    listed, ends = (form.entity_types, form.relation_types), ("", SEPARATOR if as_lines else "")
    # The engine reads the longest possible word without looking ahead, so a separator that begins with a space must be
    # in one word with what it ends.
    keys = [(form.wire, names if form.requested else None, end) for names, end in zip(listed, ends, strict=True)]
    kinds = [types.setdefault(key, f"type{len(types)}") for key in keys]
    entities, relations = (bool(names) or not form.requested for names in listed)
    thinking = "(thought space)?" if form.thinking else ""
    # llguidance requires that every alternative of a rule with a parameter uses it.
    end, another = f"{closing} {_ALWAYS}", f"relation{n}::_ rest{n}::_"
    room = f"%if lt(_, {MAX_ENTITIES})"
    yield f"answer{n}: {thinking} {opening} entities{n}::0"
    yield f"entities{n}::_: {middle} relations{n}::_" + (f" | entity{n}::_ more{n}::incr(_)" if entities else "")
    yield f"relations{n}::_: {end}" + (f" | {another} %if gt(_, 0)" if relations else "")
    if entities:
        yield f"more{n}::_: {middle} relations{n}::_ | {comma} entity{n}::_ more{n}::incr(_) {room}"
        yield f"entity{n}::_: {_entity(form.wire, name, entry, kinds[0])} {_ALWAYS}"
    if relations:
        yield f"rest{n}::_: {end} | {comma} {another}"
        yield f"relation{n}::_: {_relation(form.wire, name, entry, kinds[1])} {_ALWAYS}"
    if form.copied:
        yield f"WORDS{n}: %regex {json.dumps({'substring_chunks': _words(form.text, form.wire)})}"
        yield f"SPAN{n}: " + ("" if as_lines else _BLANK_BEFORE) + _SPAN.replace("WORDS", f"WORDS{n}")
        if as_lines:
            yield f"{entry}: {name} {_quote(SEPARATOR)}"


def _entity(wire: WireForm, name: str, entry: str, kind: str) -> str:
    if wire == "lines":
        return " ".join((entry, kind, _quote("\n")))
    begins = _quote('{"text":"') if wire == "compact" else _quote('{"id":') + " own::_ " + _quote(',"text":"')
    return " ".join((begins, name, _quote('","type":'), kind, _quote("}")))


def _relation(wire: WireForm, name: str, entry: str, kind: str) -> str:
    if wire == "lines":
        return " ".join((_quote("\n"), entry, kind, name))
    end = "earlier::_" if wire == "indexed" else " ".join((_quote('"'), name, _quote('"')))
    values = {"head": end, "type": kind, "tail": end}
    order = ("head", "tail", "type") if wire == "public" else ("head", "type", "tail")
    parts = [_quote(("," if i else "{") + f'"{key}":') + " " + values[key] for i, key in enumerate(order)]
    return " ".join((*parts, _quote("}")))


def _alternatives(wire: WireForm, names: tuple[str, ...] | None, end: str) -> str:
    """Return the body of a rule that matches a name as the wire form writes it, and `end`; any name if it is None."""
    if names is None:
        return "STRING" if wire != "lines" else "ENTRY" if end else "LINE"
    escape = escape_line if wire == "lines" else _escape_string
    return " | ".join(_quote(escape(name) + end) for name in names)


def _words(text: str, wire: WireForm) -> list[str]:
    """Return a passage as the wire form escapes it, split at every word boundary."""
    return _WORD.findall(escape_line(text) if wire == "lines" else _escape_string(text)[1:-1])


def _escape_string(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _quote(literal: str) -> str:
    """Return a literal in the syntax of the grammar."""
    return json.dumps(literal)
