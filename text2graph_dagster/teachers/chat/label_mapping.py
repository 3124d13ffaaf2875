"""Free labels become types of the ontology, or are refused: what a model calls "WORKS_FOR" is "works for".

A label is read in this order, and the first step that knows it decides: as it is written; folded (case, blanks,
underscores, camelCase); as a declared alias or a knowledge base's name (`^name` reads one backwards); as the passive of
one of these ("founded by" of "founded"), which turns the relation; by similarity to one of them. Where a step leaves
several types, the types of the relation's ends choose; if they cannot, the label is refused.

Similarity knows nothing of meaning: "employee of" is like "employer of". It is therefore bounded by a high threshold,
accepts a unique best only, and never reads a relation against its signatures.
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Literal

from text2graph_dagster.graph.legality import fold
from text2graph_dagster.graph.model import ParsedGraph
from text2graph_dagster.ontology import MAX_NAME_CHARACTERS, Ontology

Kind = Literal["entity", "relation"]
Meaning = tuple[str, bool]  # a type, and whether the relation is turned
Ends = tuple[Collection[str], Collection[str]]  # types that head and tail may have; empty: not known

MAX_TALLIED_LABELS = 10_000  # distinct ones that are told apart in a tally
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NO_WORD = re.compile(r"[\W_]+")
_COPULAS = frozenset(["is", "was", "are", "were", "be", "been", "being", "has", "have", "had"])
_LITTLE = frozenset(["of", "the", "a", "an"])


@dataclass(frozen=True, slots=True)
class MappedAnswer:
    """An answer in the ontology's words: labels that were read as others, and items whose label means nothing."""

    parsed: ParsedGraph
    mapped: Counter[tuple[Kind, str, str]]
    refused: Counter[tuple[Kind, str]]


@dataclass(slots=True)
class LabelTally:
    """How often which label was read as which type, and which was refused."""

    mapped: Counter[tuple[Kind, str, str]] = field(default_factory=Counter)
    refused: Counter[tuple[Kind, str]] = field(default_factory=Counter)

    def add(self, labelled: MappedAnswer) -> None:
        """Count one answer; labels beyond the first `MAX_TALLIED_LABELS` are counted together, as "…"."""
        for (kind, label, name), count in labelled.mapped.items():
            key = (kind, label, name)
            self.mapped[key if key in self.mapped or len(self.mapped) < MAX_TALLIED_LABELS else (kind, "…", "…")] += (
                count
            )
        for (kind, label), count in labelled.refused.items():
            key_ = (kind, label)
            self.refused[key_ if key_ in self.refused or len(self.refused) < MAX_TALLIED_LABELS else (kind, "…")] += (
                count
            )


class LabelMapper:
    """Reads labels as types of one ontology.

    Args:
        ontology: the types.
        least_similarity: in (0, 1]; 1 switches similarity off.
    """

    def __init__(self, ontology: Ontology, least_similarity: float) -> None:
        self._ontology, self._least = ontology, least_similarity
        self._entities = _Words(
            (t.name, [p for p in t.kb_types if not set("*/") & set(p)]) for t in ontology.entity_types
        )
        self._relations = _Words((t.name, [*t.aliases, *t.kb_relations]) for t in ontology.relation_types)

    def read(self, parsed: ParsedGraph) -> MappedAnswer:
        """Return the answer with every label read; items whose label cannot be are left out and counted."""
        mapped, refused = Counter[tuple[Kind, str, str]](), Counter[tuple[Kind, str]]()
        entities, kinds = [], defaultdict[str, set[str]](set)
        for text, label in parsed.entities:
            name = self.entity(label)
            if name is None:
                refused["entity", label[:MAX_NAME_CHARACTERS]] += 1
                continue
            if name != label:
                mapped["entity", label, name] += 1
            entities.append((text, name))
            kinds[fold(text)].add(name)
        relations = []
        for head, label, tail in parsed.relations:
            meaning = self.relation(label, (kinds.get(fold(head), ()), kinds.get(fold(tail), ())))
            if meaning is None:
                refused["relation", label[:MAX_NAME_CHARACTERS]] += 1
                continue
            name, turned = meaning
            if name != label:
                mapped["relation", label, f"{name} (turned)" if turned else name] += 1
            relations.append((tail, name, head) if turned else (head, name, tail))
        answer = replace(parsed, entities=tuple(entities), relations=tuple(relations))
        return MappedAnswer(answer, mapped, refused)

    def entity(self, label: str) -> str | None:
        """Return the entity type that a label means, None if there is no such one."""
        meanings = self._entities.meanings(label) or _best(self._entities.similar(label), self._least)
        return next(iter(meanings))[0] if len(meanings) == 1 else None

    def relation(self, label: str, ends: Ends = ((), ())) -> Meaning | None:
        """Return the relation type that a label means between such ends, and whether it is turned; None if none."""
        meanings = self._relations.meanings(label)
        if not meanings:
            ranked = {m: value for m, value in self._relations.similar(label).items() if self._fits(m, ends)}
            meanings = _best(ranked, self._least)
        if len(meanings) > 1:
            meanings = {meaning for meaning in meanings if self._fits(meaning, ends)}
        return next(iter(meanings)) if len(meanings) == 1 else None

    def _fits(self, meaning: Meaning, ends: Ends) -> bool:
        """Tell whether the relation may hold between ends of these types; what is not known speaks against nothing."""
        name, turned = meaning
        heads, tails = ends[::-1] if turned else ends
        return not heads or not tails or any(self._ontology.allows(h, name, t) for h in heads for t in tails)


@lru_cache(maxsize=8)
def make_label_mapper(ontology: Ontology, least_similarity: float) -> LabelMapper:
    """Return the reader of an ontology, made once."""
    return LabelMapper(ontology, least_similarity)


class _Words:
    """Names and declared phrases of types, by their folded form."""

    def __init__(self, types: Iterable[tuple[str, Iterable[str]]]) -> None:
        self._exact: dict[str, set[Meaning]] = {}
        self._names: dict[str, set[Meaning]] = {}
        self._phrases: dict[str, set[Meaning]] = {}
        self._tokens: dict[tuple[str, ...], set[Meaning]] = {}
        for name, phrases in types:
            self._exact[name] = {(name, False)}
            self._learn(self._names, name, (name, False))
            for phrase in phrases:
                self._learn(self._phrases, phrase.removeprefix("^"), (name, phrase.startswith("^")))
        self.meanings = lru_cache(maxsize=4096)(self._meanings)
        self.similar = lru_cache(maxsize=4096)(self._similar)

    def _learn(self, where: dict[str, set[Meaning]], phrase: str, meaning: Meaning) -> None:
        if tokens := label_tokens(phrase):
            where.setdefault("".join(tokens), set()).add(meaning)
            self._tokens.setdefault(tokens, set()).add(meaning)

    def _meanings(self, label: str) -> set[Meaning]:
        """Return what the label says by a name or a phrase: all that the first step finds that finds any."""
        if label in self._exact:
            return self._exact[label]
        if len(label) > MAX_NAME_CHARACTERS:
            return set()
        tokens = label_tokens(label)
        bare = tuple(_without_copulas(tokens))
        for said in (tokens, bare):
            if found := self._said(said):
                return found
        if bare[-1:] == ("by",):
            return _turned(self._said(bare[:-1]))
        return _turned(self._said((*bare, "by"))) if bare else set()

    def _said(self, tokens: tuple[str, ...]) -> set[Meaning]:
        key = "".join(tokens)
        return self._names.get(key) or self._phrases.get(key) or set()

    def _similar(self, label: str) -> Mapping[Meaning, float]:
        """Return how like the label every type's likest name or phrase is."""
        values = dict[Meaning, float]()
        tokens = label_tokens(label) if len(label) <= MAX_NAME_CHARACTERS else ()
        if not tokens:
            return values
        for phrase, meanings in self._tokens.items():
            value = label_similarity(tokens, phrase)
            values.update({m: max(value, values.get(m, 0.0)) for m in meanings})
        return values


def _turned(meanings: Iterable[Meaning]) -> set[Meaning]:
    return {(name, not turned) for name, turned in meanings}


def _best(ranked: Mapping[Meaning, float], least: float) -> set[Meaning]:
    """Return those that are likest, if they are like enough; a threshold of 1 switches likeness off."""
    top = max(ranked.values(), default=0.0)
    return {meaning for meaning, value in ranked.items() if value == top} if least <= top and least < 1 else set()


@lru_cache(maxsize=1 << 14)
def label_tokens(label: str) -> tuple[str, ...]:
    """Return the words of a label, folded: NFKC, case, camelCase, anything between words."""
    spaced = _HUMP.sub(" ", unicodedata.normalize("NFKC", label))
    return tuple(_NO_WORD.sub(" ", spaced).casefold().split())


def _without_copulas(tokens: tuple[str, ...]) -> list[str]:
    start = next((i for i, token in enumerate(tokens) if token not in _COPULAS), 0)
    return list(tokens[start:])


def label_similarity(one: tuple[str, ...], other: tuple[str, ...]) -> float:
    """Return the greater of the F1 of the words, little ones aside, and the ratio of the letters in common."""
    first, second = (Counter(t for t in tokens if t not in _LITTLE) for tokens in (one, other))
    size = first.total() + second.total()
    shared = 2 * (first & second).total() / size if size else 0.0
    return max(shared, SequenceMatcher(None, " ".join(one), " ".join(other), autojunk=False).ratio())
