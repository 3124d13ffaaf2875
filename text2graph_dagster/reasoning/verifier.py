"""Verify a rationale in the composed form: derive the graph from the rationale and the passage, and compare it.

The derivation does not use the graph. Quoted surfaces must be in the sentences that are claimed to name them. Types and
relations must be in the ontology. Head and tail of a relation must be named in the sentences that are claimed to state
it.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from text2graph_dagster.graph.mentions import find_occurrences
from text2graph_dagster.graph.model import Graph
from text2graph_dagster.ontology import Ontology
from text2graph_dagster.reasoning.sentence_numbers import SentenceIndex

MAX_CHARACTERS = 8_000

_QUOTED = r'"(?:[^"\\]|\\.)*"'
_MENTION = re.compile(
    rf"(?P<surface>{_QUOTED})\s*[(（](?:(?P<name>{_QUOTED})[,，]\s*)?(?P<type>[^()（）]+(?:\([^()]*\))?)[)）]"
)
_NAMES = re.compile(r"(?:Sentence (?P<en>\d+) names |第(?P<zh>\d+)句提到)(?P<rest>.+?)[.。]")
_STATES = re.compile(
    r"(?:Sentences? (?P<first>\d+)(?: to (?P<last>\d+))? states?: |第(?P<zfirst>\d+)(?:至(?P<zlast>\d+))?句说明：)"
    rf"(?P<head>{_QUOTED}) - (?P<type>.+?) - (?P<tail>{_QUOTED})[.。]"
)
_REJECTS = re.compile(
    rf"(?:Sentence (?P<en>\d+) also allows to ask about (?P<head>{_QUOTED}) and (?P<tail>{_QUOTED}), "
    r"but does not state: "
    rf"|第(?P<zh>\d+)句还可以考虑(?P<zhead>{_QUOTED})和(?P<ztail>{_QUOTED})，但没有说明：)(?P<types>.+?)[.。]"
)
_NOTHING = re.compile(
    r"No sentence (?:names anything|states a relation) of the listed types\."
    r"|没有句子(?:提到所列类型的实体|说明所列类型的关系)。"
)
# Words that reveal that the author was shown the answer.
_TELLTALE = re.compile(
    r"\bJSON\b|\bas (?:given|provided)\b|\bground truth\b|给定的(?:图|答案)|如(?:给定|所给)", re.IGNORECASE
)

Name = tuple[str, str]  # text and type of an entity


@dataclass(frozen=True, slots=True)
class RationaleVerdict:
    """Whether the graph could be derived; `reasons` are the objections; each begins with a code."""

    verified: bool
    reasons: tuple[str, ...] = ()


@dataclass(slots=True)
class _Derived:
    """A rationale's statements that the passage supports, and objections to its other statements."""

    named: dict[Name, set[tuple[int, str]]] = field(default_factory=dict)
    stated: dict[tuple[str, str, str], set[tuple[int, int]]] = field(default_factory=dict)
    rejected: set[tuple[str, str, str]] = field(default_factory=set)
    reasons: list[str] = field(default_factory=list)


def verify_rationale(
    rationale: str, passage: str, ontology: Ontology, graph: Graph, language: str = ""
) -> RationaleVerdict:
    """Derive the graph from the rationale and the passage, and compare it with `graph`.

    `language` is the passage's (by default the ontology's); it determines sentence boundaries.
    """
    reasons = find_leaks(rationale)
    if not rationale.strip():
        reasons.append("empty")
    if len(rationale) > MAX_CHARACTERS:
        return RationaleVerdict(False, (*reasons, f"too_long: {len(rationale)} characters"))
    sentences = SentenceIndex.of(passage, language or ontology.language)
    derived = _derive(rationale, sentences, ontology)
    reasons += derived.reasons
    reasons += _differences(derived, sentences, graph)
    return RationaleVerdict(not reasons, tuple(dict.fromkeys(reasons)))


def find_leaks(rationale: str) -> list[str]:
    """Return signs that the author was shown the answer: JSON, thinking tags, references to the answer."""
    outside_quotes = re.sub(_QUOTED, '""', rationale)
    found = []
    if "{" in outside_quotes or "}" in outside_quotes:
        found.append("leaks_json")
    if "<think>" in rationale or "</think>" in rationale:
        found.append("holds_tags")
    if telltale := _TELLTALE.search(outside_quotes):
        found.append(f"refers_to_the_answer: {telltale.group()}")
    return found


def _derive(rationale: str, sentences: SentenceIndex, ontology: Ontology) -> _Derived:
    derived = _Derived()
    lines = [line.strip() for line in rationale.split("\n") if line.strip()]
    for line in lines:
        if names := _NAMES.fullmatch(line):
            _read_names(names, line, sentences, ontology, derived)
    for line in lines:
        if states := _STATES.fullmatch(line):
            _read_statement(states, sentences, ontology, derived)
        elif rejects := _REJECTS.fullmatch(line):
            _read_rejection(rejects, sentences, ontology, derived)
        elif not _NAMES.fullmatch(line) and not _NOTHING.fullmatch(line):
            derived.reasons.append(f"unread: {line[:80]}")
    return derived


def _read_names(
    found: re.Match[str], line: str, sentences: SentenceIndex, ontology: Ontology, derived: _Derived
) -> None:
    number = int(found["en"] or found["zh"])
    mentions = list(_MENTION.finditer(found["rest"]))
    if _MENTION.sub("", found["rest"]).strip(" ,、"):
        derived.reasons.append(f"unread: {line[:80]}")
    for mention in mentions:
        surface = json.loads(mention["surface"])
        name = (json.loads(mention["name"]) if mention["name"] else surface, mention["type"])
        if name[1] not in ontology.entity_names:
            derived.reasons.append(f"unknown_type: {name[1]}")
        elif not _is_in_sentence(surface, number, sentences):
            derived.reasons.append(f"not_in_sentence: {surface} in {number}")
        else:
            derived.named.setdefault(name, set()).add((number, surface))


def _is_in_sentence(surface: str, number: int, sentences: SentenceIndex) -> bool:
    if not 1 <= number <= len(sentences.spans):
        return False
    span = sentences.spans[number - 1]
    return bool(find_occurrences(surface, sentences.text[span.start : span.end]))


def _read_statement(found: re.Match[str], sentences: SentenceIndex, ontology: Ontology, derived: _Derived) -> None:
    first = int(found["first"] or found["zfirst"])
    last = int(found["last"] or found["zlast"] or first)
    triple = (json.loads(found["head"]), found["type"], json.loads(found["tail"]))
    if fault := _find_fault(triple, first, last, ontology, derived):
        derived.reasons.append(fault)
    else:
        derived.stated.setdefault(triple, set()).add((first, last))


def _read_rejection(found: re.Match[str], sentences: SentenceIndex, ontology: Ontology, derived: _Derived) -> None:
    number = int(found["en"] or found["zh"])
    head, tail = json.loads(found["head"] or found["zhead"]), json.loads(found["tail"] or found["ztail"])
    for kind in re.split(r"[,，]\s*", found["types"]):
        if fault := _find_fault((head, kind, tail), number, number, ontology, derived):
            derived.reasons.append(f"rejects_{fault}")
        else:
            derived.rejected.add((head, kind, tail))


def _find_fault(
    triple: tuple[str, str, str], first: int, last: int, ontology: Ontology, derived: _Derived
) -> str | None:
    """Return an objection if a statement about sentences `first` to `last` cannot be true, else None."""
    head, kind, tail = triple
    if kind not in ontology.relation_names:
        return f"unknown_relation: {kind}"
    heads, tails = _types_in(head, first, last, derived), _types_in(tail, first, last, derived)
    if not heads or not tails:
        return f"end_not_named: {head if not heads else tail} in {first} to {last}"
    if not any(ontology.allows(h, kind, t) for h in heads for t in tails):
        return f"signature: {kind}"
    return None


def _types_in(text: str, first: int, last: int, derived: _Derived) -> list[str]:
    return [
        kind
        for (name, kind), where in derived.named.items()
        if name == text and any(first <= number <= last for number, _ in where)
    ]


def _differences(derived: _Derived, sentences: SentenceIndex, graph: Graph) -> Iterator[str]:
    """Yield the differences between the derived graph and the teacher's."""
    named: dict[Name, set[tuple[int, str]]] = {}
    for entity in graph.entities:
        named.setdefault((entity.text, entity.type), set()).update(sentences.find_mentions(entity))
    stated: dict[tuple[str, str, str], set[tuple[int, int]]] = {}
    entities = graph.by_id()
    for relation in graph.relations:
        head, tail = entities[relation.head], entities[relation.tail]
        key = (head.text, relation.type, tail.text)
        stated.setdefault(key, set()).add(sentences.find_evidence(relation, head, tail))
    yield from (f"missing_entity: {text} ({kind})" for text, kind in named if (text, kind) not in derived.named)
    yield from (f"extra_entity: {text} ({kind})" for text, kind in derived.named if (text, kind) not in named)
    yield from (f"other_mentions: {n[0]}" for n in named if n in derived.named and named[n] != derived.named[n])
    yield from (f"missing_relation: {' - '.join(t)}" for t in stated if t not in derived.stated)
    yield from (f"extra_relation: {' - '.join(t)}" for t in derived.stated if t not in stated)
    yield from (f"other_sentences: {' - '.join(t)}" for t in stated if derived.stated.get(t, stated[t]) != stated[t])
    yield from (
        f"rejects_its_own: {' - '.join(t)}" for t in sorted(derived.rejected) if t in stated or t in derived.stated
    )
