"""Does a model's rationale in free prose lead back to its graph? A rule reads it, as strictly as a rule can.

Every entity must be named, with its type close by; every relation must be stated, its name and both ends in one
sentence or two that follow each other; nothing outside the graph may be stated, of what the ontology allows; nothing
of the graph may be denied. What is quoted must stand in the passage. Beside that: no word of the answer that was shown,
a length within bounds, no endless repetition, the passage's language.

What the rule cannot see stands in `claims.py`; a model that reads the rationale blindly (`blind.py`) sees some of it.
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
from text2graph_dagster.reasoning.name_finding import NameMention, find_misquotes, names, phrase_pattern, quotes, worded
from text2graph_dagster.reasoning.verifier import RationaleVerdict, verify_rationale
from text2graph_dagster.rewards.canonical import inverted_relations, orient
from text2graph_dagster.settings import ReasonerSettings
from text2graph_dagster.teachers.protocol import ReasoningRequest

Fact = tuple[tuple[str, str], str, tuple[str, str]]  # (head id, ""), type, (tail id, ""), as `turn` compares them


def verify_model_rationale(rationale: str, request: ReasoningRequest, bounds: ReasonerSettings) -> RationaleVerdict:
    """Return the verdict on a model's rationale: it may be in the composed forms, or in free prose."""
    strict = verify_rationale(rationale, request.text, request.ontology, request.graph, request.language)
    return strict if strict.verified else verify_prose(rationale, request, bounds)


def verify_prose(rationale: str, request: ReasoningRequest, bounds: ReasonerSettings) -> RationaleVerdict:
    """Return whether a rationale in free prose leads to the request's graph, and what speaks against it."""
    reasons = check_length(rationale, bounds.min_characters, bounds.max_characters)
    if reasons:
        return RationaleVerdict(False, tuple(reasons))
    reasons = find_telltales(rationale, request.text)
    found = quotes(rationale)
    reasons += [f"not_in_passage: {text[:80]}" for text in find_misquotes(found, request.text, request.ontology)]
    named = names(rationale, request.text, request.graph, found, request.ontology)
    said = worded(rationale, request.ontology, named, found)
    read = read_sentences(rationale, request.language, named, said, found)
    reasons += find_repeats([rationale[s.span.start : s.span.end] for s in read], bounds.max_repeats)
    covered = [n.span for n in named] + [w.span for w in said] + [q.span for q in found]
    reasons += check_language(_without(rationale, covered, request.ontology), request.language)
    reader = _Reader(rationale, request.graph, request.ontology, read)
    reasons += [*reader.entities(), *reader.relations()]
    return RationaleVerdict(not reasons, tuple(dict.fromkeys(reasons)))


def _without(text: str, spans: Sequence[Span], ontology: Ontology) -> str:
    """Return the words of a rationale that are its own: no name, no quotation, no type."""
    letters = list(text)
    for span in spans:
        letters[span.start : span.end] = " " * (span.end - span.start)
    own = "".join(letters)
    for name in ontology.entity_names:
        own = phrase_pattern(name, plural=True).sub(" ", own)
    return " ".join(own.split())


@dataclass(frozen=True)
class _Reader:
    """A rationale that was read sentence by sentence, beside the graph it must lead to."""

    text: str
    graph: Graph
    ontology: Ontology
    read: Sequence[RationaleSentence]

    def entities(self) -> Iterator[str]:
        """Yield entities that are not named, not typed, or typed as the graph does not."""
        for entity in self.graph.entities:
            near = [i for i, s in enumerate(self.read) if any(entity.id in n.ids for n in s.named)]
            kind = phrase_pattern(entity.type, plural=True)
            if not near:
                yield f"missing_entity: {entity.text} ({entity.type})"
            elif not any(kind.search(self._around(i)) for i in near):
                yield f"missing_type: {entity.text} ({entity.type})"
        yield from self._mistyped()

    def _around(self, number: int) -> str:
        """Return a sentence with its two neighbours."""
        first, last = self.read[max(0, number - 1)], self.read[min(len(self.read) - 1, number + 1)]
        return self.text[first.span.start : last.span.end]

    def _mistyped(self) -> Iterator[str]:
        kinds = {e.id: e.type for e in self.graph.entities}
        patterns = {name: _typed_pattern(name) for name in self.ontology.entity_names}
        for sentence in self.read:
            for named in sentence.named:
                said = [name for name, p in patterns.items() if p.match(self.text, named.span.end, sentence.span.end)]
                if said and not {kinds[i] for i in named.ids} & set(said):
                    yield f"extra_entity: {self._surface(named)} ({said[0]})"

    def relations(self) -> Iterator[str]:
        """Yield relations that are not stated, stated though the graph lacks them, or denied though it has them."""
        stated: set[Fact] = set()
        for number, sentence in enumerate(self.read):
            for claim in sentence.claims:
                if claim.mood == "asks":
                    continue
                facts, others = self._weigh(claim, number)
                if claim.mood == "states":
                    stated |= facts
                    yield from others
                else:
                    yield from (f"denies: {self._said[fact]}" for fact in sorted(facts))
        yield from (f"missing_relation: {said}" for fact, said in self._said.items() if fact not in stated)

    def _weigh(self, claim: Claim, number: int) -> tuple[set[Fact], list[str]]:
        """Return the relations of the graph that a claim is about, and what it states that is none."""
        facts, others = set[Fact](), list[str]()
        for head, tail in claim.pairs:
            own = self._facts(claim, head, tail)
            facts |= own
            if not own and not claim.worded.quoted and self._may_hold(claim, head, tail):
                others.append(f"extra_relation: {self._surface(head)} - {self._words(claim)} - {self._surface(tail)}")
        return (facts, others) if facts or others else self._weigh_loosely(claim, number)

    def _weigh_loosely(self, claim: Claim, number: int) -> tuple[set[Fact], list[str]]:
        """Return the same where the words do not fix the ends: any two names of the sentence, else of two sentences."""
        here = self.read[number].named
        near = [
            self._between(claim, pair[0].named + pair[1].named)
            for pair in ((self.read[i], self.read[i + 1]) for i in (number - 1, number) if 0 <= i < len(self.read) - 1)
        ]
        own = self._between(claim, here)
        several = len({named.ids or self._surface(named) for named in here}) > 1
        if claim.mood == "denies":  # of more than two names nobody knows which are meant
            return (own if len({named.ids for named in here}) == 2 else set()), []
        if own or not several:
            return own or set().union(*near), []
        may_hold = any(self._may_hold(claim, a, b) for a in here for b in here if a.ids != b.ids)
        if may_hold and claim.worded.by_name and not claim.worded.quoted:
            listed = ", ".join(dict.fromkeys(map(self._surface, here)))
            return set(), [f"extra_relation: {self._words(claim)} among {listed}"]
        return set().union(*near), []

    def _between(self, claim: Claim, named: Sequence[NameMention]) -> set[Fact]:
        """Return the relations that may be meant between any two names: the head first, unless types tell it apart."""
        found = {fact for head, tail in combinations(named, 2) for fact in self._facts(claim, head, tail)}
        turned = {fact for tail, head in combinations(named, 2) for fact in self._facts(claim, head, tail)}
        return found | {fact for fact in turned if not self._may_be_turned(fact)}

    def _may_be_turned(self, fact: Fact) -> bool:
        """Tell whether the ontology allows the relation between these ends the other way round, too."""
        (head, _), name, (tail, _) = fact
        return self.ontology.allows(self._types[int(tail)], name, self._types[int(head)])

    def _facts(self, claim: Claim, head: NameMention, tail: NameMention) -> set[Fact]:
        """Return the relations of the graph that the claim states if these are its ends."""
        said = {self._fact(h, name, t) for name in claim.worded.relations for h in head.ids for t in tail.ids}
        return said & self._said.keys()

    def _may_hold(self, claim: Claim, head: NameMention, tail: NameMention) -> bool:
        """Tell whether the ontology allows it, or it is turned round; of a name that the graph lacks any type is."""
        if head.ids and head.ids == tail.ids:
            return False
        if self._facts(claim, tail, head):
            return True
        heads, tails = self._kinds(head), self._kinds(tail)
        return any(self.ontology.allows(h, r, t) for r in claim.worded.relations for h in heads for t in tails)

    def _kinds(self, named: NameMention) -> Sequence[str]:
        return [self._types[i] for i in sorted(named.ids)] or self.ontology.entity_names

    def _fact(self, head: int, kind: str, tail: int) -> Fact:
        return orient((str(head), ""), (str(tail), ""), kind, self._turned)

    @cached_property
    def _turned(self) -> Mapping[str, str]:
        return inverted_relations(self.ontology)

    @cached_property
    def _types(self) -> Mapping[int, str]:
        return {entity.id: entity.type for entity in self.graph.entities}

    @cached_property
    def _said(self) -> Mapping[Fact, str]:
        """The graph's relations, each in words."""
        ends = self.graph.by_id()
        return {
            self._fact(r.head, r.type, r.tail): f"{ends[r.head].text} - {r.type} - {ends[r.tail].text}"
            for r in self.graph.relations
        }

    def _surface(self, named: NameMention) -> str:
        return self.text[named.span.start : named.span.end]

    def _words(self, claim: Claim) -> str:
        return self.text[claim.worded.span.start : claim.worded.span.end]


@lru_cache(maxsize=512)
def _typed_pattern(name: str) -> re.Pattern[str]:
    """Return what finds a type that is said of a name: in brackets behind it, or by "is a"."""
    kind = phrase_pattern(name).pattern
    copula = rf"\s(?:is|was)\s+(?:an?\s+|the\s+)?{kind}(?!\w)|\s?(?:是|为)(?:一?[个家座位所名种])?{kind}"
    return re.compile(rf"[\"”」』]?(?:\s*[(（]\s*{kind}\s*[)）]|{copula})", re.IGNORECASE)
