"""Where a rationale in free prose names things of the passage, types and relations, and what it quotes."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from text2graph_dagster.graph.legality import fold
from text2graph_dagster.graph.mentions import find_occurrences
from text2graph_dagster.graph.model import Graph, Span
from text2graph_dagster.ontology import Ontology, RelationType
from text2graph_dagster.unicode import EAST_ASIAN

_QUOTES = re.compile(
    r'"(?P<straight>(?:[^"\\\n]|\\.)*)"|“(?P<curly>[^“”\n]*)”|「(?P<corner>[^「」\n]*)」|『(?P<white>[^『』\n]*)』'
    r"|«(?P<guillemet>[^«»\n]*)»"
)
_GAP = re.compile(r"\s*(?:…+|\.{3,})\s*")
_CAPITALS = re.compile(r"[A-Z][\w'’-]*(?:[^\S\n]+[A-Z][\w'’-]*)*")
_UNCASED = re.compile(f"[{EAST_ASIAN}]")
_LETTER = rf"[^\W{EAST_ASIAN}]"  # of a script that writes blanks between words
_MARKS = " .,;:!?，。；：！？、"
_NAME_WORDS = 6  # a quotation of more words is one of a statement, not of a name


@dataclass(frozen=True, slots=True)
class Quotation:
    """Something between quotation marks: the code points of the inside, and what they say."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class NameMention:
    """A name: the ids of the entities that it may mean; none where the graph lacks what the passage names."""

    span: Span
    ids: frozenset[int]


@dataclass(frozen=True, slots=True)
class RelationWording:
    """A relation in words; `by_name`: by its own name, not by an alias; `quoted`: within a quoted statement."""

    span: Span
    relations: frozenset[str]
    by_name: bool
    quoted: bool


def quotes(rationale: str) -> list[Quotation]:
    """Return everything that stands between quotation marks."""
    found = []
    for match in _QUOTES.finditer(rationale):
        group = str(match.lastgroup)
        text = match[group].replace('\\"', '"').replace("\\\\", "\\")
        found.append(Quotation(Span(match.start(group), match.end(group)), text))
    return found


def find_misquotes(found: Iterable[Quotation], passage: str, ontology: Ontology) -> list[str]:
    """Return the quotations that stand neither in the passage nor among the ontology's words; "…" leaves out."""
    known, own = {fold(phrase) for phrase in _words(ontology)}, fold(passage)
    parts = [part.strip(_MARKS) for quote in found for part in _GAP.split(quote.text)]
    return [part for part in dict.fromkeys(parts) if fold(part) not in known and fold(part) not in own]


def _words(ontology: Ontology) -> list[str]:
    relations = [phrase for relation in ontology.relation_types for phrase in (relation.name, *relation.aliases)]
    return [*ontology.entity_names, *relations]


def names(
    rationale: str, passage: str, graph: Graph, found: Sequence[Quotation], ontology: Ontology
) -> list[NameMention]:
    """Return the names in a rationale, in order and not overlapping: the graph's, then others of the passage.

    Of others a rule sees those that are quoted or capitalised as in the passage; where a script has no capitals, none.
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
    others = [span for span in _others(rationale, passage, found, ontology) if not any(_touch(span, t) for t in taken)]
    named = [NameMention(span, spans[span.start, span.end]) for span in taken]
    named += [NameMention(span, frozenset()) for span in _without_overlaps(others)]
    return sorted(named, key=lambda n: n.span.start)


def _others(rationale: str, passage: str, found: Sequence[Quotation], ontology: Ontology) -> Iterator[Span]:
    known = {phrase.casefold() for phrase in _words(ontology)}
    for quote in found:
        words = quote.text.split()
        is_name = quote.text[:1].isupper() and len(words) <= _NAME_WORDS and quote.text[-1:] not in ".!?"
        if is_name and quote.text.casefold() not in known and find_occurrences(quote.text, passage):
            yield quote.span
    for match in _CAPITALS.finditer(rationale):
        text = match.group()
        is_name = len(text) > 1 and text.casefold() not in known
        if is_name and any(_within(span, passage) for span in find_occurrences(text, passage)):
            yield Span(match.start(), match.end())


def _within(span: Span, text: str) -> bool:
    """Tell whether a capitalised word stands within a sentence, where its capital means a name."""
    before = text[: span.start].rstrip("\"'“‘«([ ")
    return bool(before) and (before[-1].isalnum() or before[-1] in ",;-–—")


def _without_overlaps(spans: Iterable[Span]) -> list[Span]:
    """Return the spans, longer ones first, without those that overlap one already kept."""
    kept: list[Span] = []
    for span in sorted(spans, key=lambda s: (s.start - s.end, s.start)):
        if not any(_touch(span, other) for other in kept):
            kept.append(span)
    return sorted(kept, key=lambda s: s.start)


def _touch(one: Span, other: Span) -> bool:
    return one.start < other.end and other.start < one.end


def worded(
    rationale: str, ontology: Ontology, named: Sequence[NameMention], found: Sequence[Quotation]
) -> list[RelationWording]:
    """Return every relation that the rationale words, by name or by an alias with a word of its own."""
    hits: dict[tuple[int, int], dict[str, bool]] = {}
    for pattern, relation, by_name in _phrases(ontology):
        for match in pattern.finditer(rationale):
            places = hits.setdefault(match.span(), {})
            places[relation] = places.get(relation, False) or by_name
    blocked = [name.span for name in named]
    spans = [span for span in (Span(*place) for place in hits) if not any(_touch(span, b) for b in blocked)]
    statements = [quote.span for quote in found]
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
def _phrases(ontology: Ontology) -> list[tuple[re.Pattern[str], str, bool]]:
    return [
        (phrase_pattern(phrase), relation.name, phrase == relation.name)
        for relation in ontology.relation_types
        for phrase in (relation.name, *_telling(relation))
    ]


def _telling(relation: RelationType) -> list[str]:
    """Return the aliases that have a word of their own: "in" and "of" stand in every sentence."""
    return [a for a in relation.aliases if (len(a) > 1 if _UNCASED.search(a) else any(len(w) > 3 for w in a.split()))]


def phrase_pattern(phrase: str, plural: bool = False) -> re.Pattern[str]:
    """Return what finds a phrase as whole words, its blanks also written as underscores or hyphens."""
    body = r"[\s_-]+".join(map(re.escape, phrase.split()))
    if _UNCASED.search(phrase):
        return re.compile(body, re.IGNORECASE)
    return re.compile(rf"(?<!{_LETTER}){body}{'(?:e?s)?' if plural else ''}(?!{_LETTER})", re.IGNORECASE)
