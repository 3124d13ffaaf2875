"""Find names, relation phrases and quotations in a rationale in free prose."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from text2graph_dagster.graph.legality import fold
from text2graph_dagster.graph.mentions import find_occurrences
from text2graph_dagster.graph.model import Graph, Span
from text2graph_dagster.ontology import Ontology, RelationType
from text2graph_dagster.unicode import EAST_ASIAN

_QUOTATION = re.compile(
    r'"(?P<straight>(?:[^"\\\n]|\\.)*)"|“(?P<curly>[^“”\n]*)”|「(?P<corner>[^「」\n]*)」|『(?P<white>[^『』\n]*)』'
    r"|«(?P<guillemet>[^«»\n]*)»"
)
_GAP = re.compile(r"\s*(?:…+|\.{3,})\s*")
_CAPITALS = re.compile(r"[A-Z][\w'’-]*(?:[^\S\n]+[A-Z][\w'’-]*)*")
_UNCASED = re.compile(f"[{EAST_ASIAN}]")
_LETTER = rf"[^\W{EAST_ASIAN}]"  # of a script with blanks between words
_PUNCTUATION = " .,;:!?，。；：！？、"
_MAX_NAME_WORDS = 6  # a quotation with more words is a statement, not a name


@dataclass(frozen=True, slots=True)
class Quotation:
    """A quotation: the span between the quotation marks, and its unescaped text."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class NameMention:
    """A name and the ids of the entities that it may mean; no ids if it is in the passage but not in the graph."""

    span: Span
    ids: frozenset[int]


@dataclass(frozen=True, slots=True)
class RelationWording:
    """A relation phrase. `by_name`: it is a relation's name, not an alias; `quoted`: it is in a quoted statement."""

    span: Span
    relations: frozenset[str]
    by_name: bool
    quoted: bool


def find_quotations(rationale: str) -> list[Quotation]:
    """Return all quotations."""
    found = []
    for match in _QUOTATION.finditer(rationale):
        group = str(match.lastgroup)
        text = match[group].replace('\\"', '"').replace("\\\\", "\\")
        found.append(Quotation(Span(match.start(group), match.end(group)), text))
    return found


def find_misquotes(quotations: Iterable[Quotation], passage: str, ontology: Ontology) -> list[str]:
    """Return the quotations that are neither in the passage nor phrases of the ontology; "…" marks an omission."""
    known, own = {fold(phrase) for phrase in _ontology_phrases(ontology)}, fold(passage)
    parts = [part.strip(_PUNCTUATION) for quotation in quotations for part in _GAP.split(quotation.text)]
    return [part for part in dict.fromkeys(parts) if fold(part) not in known and fold(part) not in own]


def _ontology_phrases(ontology: Ontology) -> list[str]:
    relations = [phrase for relation in ontology.relation_types for phrase in (relation.name, *relation.aliases)]
    return [*ontology.entity_names, *relations]


def find_names(
    rationale: str, passage: str, graph: Graph, quotations: Sequence[Quotation], ontology: Ontology
) -> list[NameMention]:
    """Return the names in a rationale in order, without overlaps: entities of the graph, and others of the passage.

    Other names must begin with a capital letter here and in the passage (unquoted ones inside a sentence of it), so
    they are not recognised in scripts without capital letters.
    """
    surfaces: dict[str, set[int]] = {}
    for entity in graph.entities:
        for surface in (entity.text, *(passage[m.start : m.end] for m in entity.mentions)):
            surfaces.setdefault(surface, set()).add(entity.id)
    spans = {
        (span.start, span.end): frozenset(ids)
        for surface, ids in surfaces.items()
        for span in find_occurrences(surface, rationale)
    }
    taken = _without_overlaps(Span(*place) for place in spans)
    others = [
        span
        for span in _other_names(rationale, passage, quotations, ontology)
        if not any(_overlap(span, t) for t in taken)
    ]
    named = [NameMention(span, spans[span.start, span.end]) for span in taken]
    named += [NameMention(span, frozenset()) for span in _without_overlaps(others)]
    return sorted(named, key=lambda n: n.span.start)


def _other_names(rationale: str, passage: str, quotations: Sequence[Quotation], ontology: Ontology) -> Iterator[Span]:
    known = {phrase.casefold() for phrase in _ontology_phrases(ontology)}
    for quotation in quotations:
        words = quotation.text.split()
        is_name = quotation.text[:1].isupper() and len(words) <= _MAX_NAME_WORDS and quotation.text[-1:] not in ".!?"
        if is_name and quotation.text.casefold() not in known and find_occurrences(quotation.text, passage):
            yield quotation.span
    for match in _CAPITALS.finditer(rationale):
        text = match.group()
        is_name = len(text) > 1 and text.casefold() not in known
        if is_name and any(_is_inside_sentence(span, passage) for span in find_occurrences(text, passage)):
            yield Span(match.start(), match.end())


def _is_inside_sentence(span: Span, text: str) -> bool:
    """Tell whether a capitalised word is inside a sentence, where its capital indicates a name."""
    before = text[: span.start].rstrip("\"'“‘«([ ")
    return bool(before) and (before[-1].isalnum() or before[-1] in ",;-–—")


def _without_overlaps(spans: Iterable[Span]) -> list[Span]:
    """Return the spans in order, without spans that overlap a longer one."""
    kept: list[Span] = []
    for span in sorted(spans, key=lambda s: (s.start - s.end, s.start)):
        if not any(_overlap(span, other) for other in kept):
            kept.append(span)
    return sorted(kept, key=lambda s: s.start)


def _overlap(one: Span, other: Span) -> bool:
    return one.start < other.end and other.start < one.end


def find_wordings(
    rationale: str, ontology: Ontology, names: Sequence[NameMention], quotations: Sequence[Quotation]
) -> list[RelationWording]:
    """Return all relation phrases in the rationale: names, and aliases with a distinctive word."""
    hits: dict[tuple[int, int], dict[str, bool]] = {}
    for pattern, relation, by_name in _relation_patterns(ontology):
        for match in pattern.finditer(rationale):
            relations = hits.setdefault(match.span(), {})
            relations[relation] = relations.get(relation, False) or by_name
    blocked = [name.span for name in names]
    spans = [span for span in (Span(*place) for place in hits) if not any(_overlap(span, b) for b in blocked)]
    statements = [quotation.span for quotation in quotations]
    return [
        RelationWording(
            span,
            frozenset(hits[span.start, span.end]),
            any(hits[span.start, span.end].values()),
            any(s.start <= span.start and span.end <= s.end and s != span for s in statements),
        )
        for span in _without_overlaps(spans)
    ]


@lru_cache(maxsize=8)
def _relation_patterns(ontology: Ontology) -> list[tuple[re.Pattern[str], str, bool]]:
    return [
        (compile_phrase(phrase), relation.name, phrase == relation.name)
        for relation in ontology.relation_types
        for phrase in (relation.name, *_distinctive_aliases(relation))
    ]


def _distinctive_aliases(relation: RelationType) -> list[str]:
    """Return the aliases with a distinctive word, because "in" and "of" are in every sentence."""
    return [a for a in relation.aliases if (len(a) > 1 if _UNCASED.search(a) else any(len(w) > 3 for w in a.split()))]


def compile_phrase(phrase: str, plural: bool = False) -> re.Pattern[str]:
    """Return a pattern that matches a phrase as whole words, with blanks, underscores or hyphens between them."""
    body = r"[\s_-]+".join(map(re.escape, phrase.split()))
    if _UNCASED.search(phrase):
        return re.compile(body, re.IGNORECASE)
    return re.compile(rf"(?<!{_LETTER}){body}{'(?:e?s)?' if plural else ''}(?!{_LETTER})", re.IGNORECASE)
