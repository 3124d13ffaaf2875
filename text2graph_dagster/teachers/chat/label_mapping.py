"""Map a model's free labels to types of the ontology, or reject them: "WORKS_FOR" becomes "works for".

The first of these steps that has a match decides:

1. the exact name;
2. the folded name (case, blanks, underscores, camelCase);
3. a declared alias, or the name in a knowledge base (`^name` is an inverse);
4. the passive of a name or alias ("founded by" for "founded"), which inverts the relation;
5. the most similar name or alias.

If a step matches several types, the types of head and tail decide. If they cannot decide, the label is rejected.

String similarity ignores meaning: "employee of" is similar to "employer of". Its threshold is therefore high, only a
unique best match is accepted, and the match must satisfy the relation's signatures.
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
Meaning = tuple[str, bool]  # a type, and whether the relation is inverted
Ends = tuple[Collection[str], Collection[str]]  # possible types of head and tail; empty: unknown

MAX_TALLIED_LABELS = 10_000  # distinct labels counted separately
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NON_WORD = re.compile(r"[\W_]+")
_COPULAS = frozenset(["is", "was", "are", "were", "be", "been", "being", "has", "have", "had"])
_FUNCTION_WORDS = frozenset(["of", "the", "a", "an"])


@dataclass(frozen=True, slots=True)
class MappedAnswer:
    """An answer with the ontology's types, and counts of the labels that were mapped to another name or rejected."""

    parsed: ParsedGraph
    mapped: Counter[tuple[Kind, str, str]]
    rejected: Counter[tuple[Kind, str]]


@dataclass(slots=True)
class LabelTally:
    """How often each label was mapped to each type, and how often each was rejected."""

    mapped: Counter[tuple[Kind, str, str]] = field(default_factory=Counter)
    rejected: Counter[tuple[Kind, str]] = field(default_factory=Counter)

    def add(self, answer: MappedAnswer) -> None:
        """Count one answer; labels beyond the first `MAX_TALLIED_LABELS` are counted together, as "…"."""
        for (kind, label, name), count in answer.mapped.items():
            full = len(self.mapped) >= MAX_TALLIED_LABELS and (kind, label, name) not in self.mapped
            self.mapped[(kind, "…", "…") if full else (kind, label, name)] += count
        for (kind, label), count in answer.rejected.items():
            full = len(self.rejected) >= MAX_TALLIED_LABELS and (kind, label) not in self.rejected
            self.rejected[(kind, "…") if full else (kind, label)] += count


class LabelMapper:
    """Maps labels to the types of one ontology.

    Args:
        ontology: the types.
        min_similarity: in (0, 1]; 1 switches similarity off.
    """

    def __init__(self, ontology: Ontology, min_similarity: float) -> None:
        self._ontology, self._min_similarity = ontology, min_similarity
        self._entities = _TypePhrases(
            (t.name, [p for p in t.kb_types if not set("*/") & set(p)]) for t in ontology.entity_types
        )
        self._relations = _TypePhrases((t.name, [*t.aliases, *t.kb_relations]) for t in ontology.relation_types)

    def map_answer(self, parsed: ParsedGraph) -> MappedAnswer:
        """Return the answer with every label mapped; items with a rejected label are left out and counted."""
        mapped, rejected = Counter[tuple[Kind, str, str]](), Counter[tuple[Kind, str]]()
        entities, kinds = [], defaultdict[str, set[str]](set)
        for text, label in parsed.entities:
            name = self.map_entity(label)
            if name is None:
                rejected["entity", label[:MAX_NAME_CHARACTERS]] += 1
                continue
            if name != label:
                mapped["entity", label, name] += 1
            entities.append((text, name))
            kinds[fold(text)].add(name)
        relations = []
        for head, label, tail in parsed.relations:
            meaning = self.map_relation(label, (kinds.get(fold(head), ()), kinds.get(fold(tail), ())))
            if meaning is None:
                rejected["relation", label[:MAX_NAME_CHARACTERS]] += 1
                continue
            name, inverted = meaning
            if name != label:
                mapped["relation", label, f"{name} (inverted)" if inverted else name] += 1
            relations.append((tail, name, head) if inverted else (head, name, tail))
        answer = replace(parsed, entities=tuple(entities), relations=tuple(relations))
        return MappedAnswer(answer, mapped, rejected)

    def map_entity(self, label: str) -> str | None:
        """Return the entity type that a label means; None if no type or several types match."""
        meanings = self._entities.meanings(label) or _best(self._entities.similar(label), self._min_similarity)
        return next(iter(meanings))[0] if len(meanings) == 1 else None

    def map_relation(self, label: str, ends: Ends = ((), ())) -> Meaning | None:
        """Return (relation type, whether it is inverted) for a label, given `ends`; None if no single type matches."""
        meanings = self._relations.meanings(label)
        if not meanings:
            ranked = {m: value for m, value in self._relations.similar(label).items() if self._fits(m, ends)}
            meanings = _best(ranked, self._min_similarity)
        if len(meanings) > 1:
            meanings = {meaning for meaning in meanings if self._fits(meaning, ends)}
        return next(iter(meanings)) if len(meanings) == 1 else None

    def _fits(self, meaning: Meaning, ends: Ends) -> bool:
        """Tell whether the signatures allow the relation between these types; unknown types fit any relation."""
        name, inverted = meaning
        heads, tails = ends[::-1] if inverted else ends
        return not heads or not tails or any(self._ontology.allows(h, name, t) for h in heads for t in tails)


@lru_cache(maxsize=8)
def make_label_mapper(ontology: Ontology, min_similarity: float) -> LabelMapper:
    """Return the mapper of an ontology; it is cached."""
    return LabelMapper(ontology, min_similarity)


class _TypePhrases:
    """Names and declared phrases of types, by their folded form."""

    def __init__(self, types: Iterable[tuple[str, Iterable[str]]]) -> None:
        self._exact: dict[str, set[Meaning]] = {}
        self._names: dict[str, set[Meaning]] = {}
        self._phrases: dict[str, set[Meaning]] = {}
        self._tokens: dict[tuple[str, ...], set[Meaning]] = {}
        for name, phrases in types:
            self._exact[name] = {(name, False)}
            self._add(self._names, name, (name, False))
            for phrase in phrases:
                self._add(self._phrases, phrase.removeprefix("^"), (name, phrase.startswith("^")))
        self.meanings = lru_cache(maxsize=4096)(self._meanings)
        self.similar = lru_cache(maxsize=4096)(self._similar)

    def _add(self, index: dict[str, set[Meaning]], phrase: str, meaning: Meaning) -> None:
        if tokens := label_tokens(phrase):
            index.setdefault("".join(tokens), set()).add(meaning)
            self._tokens.setdefault(tokens, set()).add(meaning)

    def _meanings(self, label: str) -> set[Meaning]:
        """Return all meanings that the first matching step (names, phrases, passive) gives a label."""
        if label in self._exact:
            return self._exact[label]
        if len(label) > MAX_NAME_CHARACTERS:
            return set()
        tokens = label_tokens(label)
        bare = tuple(_without_copulas(tokens))
        for form in (tokens, bare):
            if found := self._look_up(form):
                return found
        if bare[-1:] == ("by",):
            return _invert(self._look_up(bare[:-1]))
        return _invert(self._look_up((*bare, "by"))) if bare else set()

    def _look_up(self, tokens: tuple[str, ...]) -> set[Meaning]:
        key = "".join(tokens)
        return self._names.get(key) or self._phrases.get(key) or set()

    def _similar(self, label: str) -> Mapping[Meaning, float]:
        """Return, for every type, the similarity of the label to its most similar name or phrase."""
        values = dict[Meaning, float]()
        tokens = label_tokens(label) if len(label) <= MAX_NAME_CHARACTERS else ()
        if not tokens:
            return values
        for phrase, meanings in self._tokens.items():
            value = label_similarity(tokens, phrase)
            values.update({m: max(value, values.get(m, 0.0)) for m in meanings})
        return values


def _invert(meanings: Iterable[Meaning]) -> set[Meaning]:
    return {(name, not inverted) for name, inverted in meanings}


def _best(ranked: Mapping[Meaning, float], min_similarity: float) -> set[Meaning]:
    """Return the most similar meanings if they reach the threshold; a threshold of 1 switches similarity off."""
    top = max(ranked.values(), default=0.0)
    if top < min_similarity or min_similarity >= 1:
        return set()
    return {meaning for meaning, value in ranked.items() if value == top}


@lru_cache(maxsize=1 << 14)
def label_tokens(label: str) -> tuple[str, ...]:
    """Split a label into words, folded by NFKC and case; camelCase and non-word characters separate words."""
    spaced = _HUMP.sub(" ", unicodedata.normalize("NFKC", label))
    return tuple(_NON_WORD.sub(" ", spaced).casefold().split())


def _without_copulas(tokens: tuple[str, ...]) -> list[str]:
    start = next((i for i, token in enumerate(tokens) if token not in _COPULAS), 0)
    return list(tokens[start:])


def label_similarity(one: tuple[str, ...], other: tuple[str, ...]) -> float:
    """Return the larger of two similarities: F1 of the words (no function words), ratio of matching characters."""
    first, second = (Counter(t for t in tokens if t not in _FUNCTION_WORDS) for tokens in (one, other))
    size = first.total() + second.total()
    shared = 2 * (first & second).total() / size if size else 0.0
    return max(shared, SequenceMatcher(None, " ".join(one), " ".join(other), autojunk=False).ratio())
