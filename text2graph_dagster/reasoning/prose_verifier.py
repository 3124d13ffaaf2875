"""Verify by rules that a model's rationale in free prose leads to its graph.

Every entity must be named, with its type nearby. Every relation must be stated: its name, head and tail in one sentence
or two consecutive ones. A relation that is not in the graph must not be stated if the ontology allows it. A relation of
the graph must not be denied. Quotations must be in the passage. In addition, the rationale must not refer to the answer
that the model was shown, its length must be within bounds, it must not repeat itself endlessly, and it must be in the
passage's language.

The limits of the rules are described in `claims.py`; a blind reading by a model (`blind_reading.py`) catches some of
what they miss.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import combinations

from text2graph_dagster.graph.model import Graph, Span
from text2graph_dagster.ontology import Ontology
from text2graph_dagster.reasoning.claims import Claim, RationaleSentence, read_sentences
from text2graph_dagster.reasoning.leakage import check_language, check_length, find_repeats, find_telltales
from text2graph_dagster.reasoning.name_finding import (
    NameMention,
    compile_phrase,
    find_misquotes,
    find_names,
    find_quotations,
    find_wordings,
)
from text2graph_dagster.reasoning.verifier import RationaleVerdict, verify_rationale
from text2graph_dagster.rewards.canonical import inverted_relations, orient
from text2graph_dagster.settings import ReasonerSettings
from text2graph_dagster.teachers.protocol import ReasoningRequest

Fact = tuple[tuple[str, str], str, tuple[str, str]]  # (head id, ""), type, (tail id, ""), as returned by `orient`


def verify_model_rationale(rationale: str, request: ReasoningRequest, bounds: ReasonerSettings) -> RationaleVerdict:
    """Verify a model's rationale, which may be in the composed form or in free prose."""
    strict = verify_rationale(rationale, request.text, request.ontology, request.graph, request.language)
    return strict if strict.verified else verify_prose(rationale, request, bounds)


def verify_prose(rationale: str, request: ReasoningRequest, bounds: ReasonerSettings) -> RationaleVerdict:
    """Verify that a rationale in free prose leads to the request's graph; the verdict has all objections."""
    reasons = check_length(rationale, bounds.min_characters, bounds.max_characters)
    if reasons:
        return RationaleVerdict(False, tuple(reasons))
    ontology = request.ontology
    reasons = find_telltales(rationale, request.text)
    quotations = find_quotations(rationale)
    reasons += [f"not_in_passage: {text[:80]}" for text in find_misquotes(quotations, request.text, ontology)]
    names = find_names(rationale, request.text, request.graph, quotations, ontology)
    wordings = find_wordings(rationale, ontology, names, quotations)
    sentences = read_sentences(rationale, request.language, names, wordings, quotations)
    reasons += find_repeats([rationale[s.span.start : s.span.end] for s in sentences], bounds.max_repeats)
    covered = [n.span for n in names] + [w.span for w in wordings] + [q.span for q in quotations]
    reasons += check_language(_own_words(rationale, covered, ontology), request.language)
    comparison = _Comparison(rationale, request.graph, ontology, sentences)
    reasons += [*comparison.check_entities(), *comparison.check_relations()]
    return RationaleVerdict(not reasons, tuple(dict.fromkeys(reasons)))


def _own_words(text: str, spans: Sequence[Span], ontology: Ontology) -> str:
    """Return a rationale's own words, without names, quotations, relation phrases and types."""
    letters = list(text)
    for span in spans:
        letters[span.start : span.end] = " " * (span.end - span.start)
    own = "".join(letters)
    for name in ontology.entity_names:
        own = compile_phrase(name, plural=True).sub(" ", own)
    return " ".join(own.split())


@dataclass(frozen=True)
class _Comparison:
    """Compares a rationale's sentences with the graph it must lead to."""

    text: str
    graph: Graph
    ontology: Ontology
    sentences: Sequence[RationaleSentence]

    def check_entities(self) -> Iterator[str]:
        """Yield entities that are not named, have no type nearby, or have another type than in the graph."""
        for entity in self.graph.entities:
            near = [i for i, s in enumerate(self.sentences) if any(entity.id in n.ids for n in s.names)]
            kind = compile_phrase(entity.type, plural=True)
            if not near:
                yield f"missing_entity: {entity.text} ({entity.type})"
            elif not any(kind.search(self._around(i)) for i in near):
                yield f"missing_type: {entity.text} ({entity.type})"
        yield from self._check_types()

    def _around(self, number: int) -> str:
        """Return a sentence with its two neighbours."""
        first, last = self.sentences[max(0, number - 1)], self.sentences[min(len(self.sentences) - 1, number + 1)]
        return self.text[first.span.start : last.span.end]

    def _check_types(self) -> Iterator[str]:
        kinds = {e.id: e.type for e in self.graph.entities}
        patterns = {name: _typed_pattern(name) for name in self.ontology.entity_names}
        for sentence in self.sentences:
            for name in sentence.names:
                stated = [kind for kind, p in patterns.items() if p.match(self.text, name.span.end, sentence.span.end)]
                if stated and not {kinds[i] for i in name.ids} & set(stated):
                    yield f"extra_entity: {self._surface(name)} ({stated[0]})"

    def check_relations(self) -> Iterator[str]:
        """Yield the graph's relations that are missing or denied, and stated relations that are not in the graph."""
        stated: set[Fact] = set()
        for number, sentence in enumerate(self.sentences):
            for claim in sentence.claims:
                if claim.mood == "asks":
                    continue
                facts, extra = self._match(claim, number)
                if claim.mood == "states":
                    stated |= facts
                    yield from extra
                else:
                    yield from (f"denies: {self._fact_texts[fact]}" for fact in sorted(facts))
        yield from (f"missing_relation: {text}" for fact, text in self._fact_texts.items() if fact not in stated)

    def _match(self, claim: Claim, number: int) -> tuple[set[Fact], list[str]]:
        """Return (the graph's relations that a claim is about, objections to other relations that it states)."""
        facts, extra = set[Fact](), list[str]()
        for head, tail in claim.pairs:
            own = self._facts(claim, head, tail)
            facts |= own
            if not own and not claim.wording.quoted and self._may_hold(claim, head, tail):
                extra.append(f"extra_relation: {self._surface(head)} - {self._words(claim)} - {self._surface(tail)}")
        return (facts, extra) if facts or extra else self._match_open_ends(claim, number)

    def _match_open_ends(self, claim: Claim, number: int) -> tuple[set[Fact], list[str]]:
        """Do the same for an open claim: any two names of its sentence (or of it and a neighbour) may be meant."""
        here = self.sentences[number].names
        near = [
            self._facts_among(claim, pair[0].names + pair[1].names)
            for pair in (
                (self.sentences[i], self.sentences[i + 1])
                for i in (number - 1, number)
                if 0 <= i < len(self.sentences) - 1
            )
        ]
        own = self._facts_among(claim, here)
        several = len({name.ids or self._surface(name) for name in here}) > 1
        if claim.mood == "denies":  # with more than two names, it is unknown which are meant
            return (own if len({name.ids for name in here}) == 2 else set()), []
        if own or not several:
            return own or set().union(*near), []
        may_hold = any(self._may_hold(claim, a, b) for a in here for b in here if a.ids != b.ids)
        if may_hold and claim.wording.by_name and not claim.wording.quoted:
            listed = ", ".join(dict.fromkeys(map(self._surface, here)))
            return set(), [f"extra_relation: {self._words(claim)} among {listed}"]
        return set().union(*near), []

    def _facts_among(self, claim: Claim, names: Sequence[NameMention]) -> set[Fact]:
        """Return the graph's relations that may be meant between any two names.

        The first name is the head. It may also be the tail if the ontology allows only that direction.
        """
        found = {fact for head, tail in combinations(names, 2) for fact in self._facts(claim, head, tail)}
        inverted = {fact for tail, head in combinations(names, 2) for fact in self._facts(claim, head, tail)}
        return found | {fact for fact in inverted if not self._may_be_inverted(fact)}

    def _may_be_inverted(self, fact: Fact) -> bool:
        """Tell whether the ontology also allows the relation between the same entities in the other direction."""
        (head, _), name, (tail, _) = fact
        return self.ontology.allows(self._types[int(tail)], name, self._types[int(head)])

    def _facts(self, claim: Claim, head: NameMention, tail: NameMention) -> set[Fact]:
        """Return the relations of the graph that the claim states, given its head and tail."""
        claimed = {self._fact(h, name, t) for name in claim.wording.relations for h in head.ids for t in tail.ids}
        return claimed & self._fact_texts.keys()

    def _may_hold(self, claim: Claim, head: NameMention, tail: NameMention) -> bool:
        """Tell whether the ontology allows the claim for head and tail, or it inverts a relation of the graph.

        A name that is not in the graph may have any type.
        """
        if head.ids and head.ids == tail.ids:
            return False
        if self._facts(claim, tail, head):
            return True
        heads, tails = self._kinds(head), self._kinds(tail)
        return any(self.ontology.allows(h, r, t) for r in claim.wording.relations for h in heads for t in tails)

    def _kinds(self, name: NameMention) -> Sequence[str]:
        return [self._types[i] for i in sorted(name.ids)] or self.ontology.entity_names

    def _fact(self, head: int, kind: str, tail: int) -> Fact:
        return orient((str(head), ""), (str(tail), ""), kind, self._inverted)

    @cached_property
    def _inverted(self) -> Mapping[str, str]:
        return inverted_relations(self.ontology)

    @cached_property
    def _types(self) -> Mapping[int, str]:
        return {entity.id: entity.type for entity in self.graph.entities}

    @cached_property
    def _fact_texts(self) -> Mapping[Fact, str]:
        """The graph's relations, each as text."""
        ends = self.graph.by_id()
        return {
            self._fact(r.head, r.type, r.tail): f"{ends[r.head].text} - {r.type} - {ends[r.tail].text}"
            for r in self.graph.relations
        }

    def _surface(self, name: NameMention) -> str:
        return self.text[name.span.start : name.span.end]

    def _words(self, claim: Claim) -> str:
        return self.text[claim.wording.span.start : claim.wording.span.end]


@lru_cache(maxsize=512)
def _typed_pattern(name: str) -> re.Pattern[str]:
    """Return a pattern for a type stated after a name: in brackets, or with "is a"."""
    kind = compile_phrase(name).pattern
    copula = rf"\s(?:is|was)\s+(?:an?\s+|the\s+)?{kind}(?!\w)|\s?(?:是|为)(?:一?[个家座位所名种])?{kind}"
    return re.compile(rf"[\"”」』]?(?:\s*[(（]\s*{kind}\s*[)）]|{copula})", re.IGNORECASE)
