"""Data augmentation: replace names by invented ones, so that a student learns how facts are stated.

Distant supervision labels the same few thousand names again and again. A student that sees them often enough memorises
the knowledge base, answers from memory, and fails on new names. Therefore the rare words of an example's names are
replaced by invented words everywhere in the passage and the graph, by different ones each time. An invented word joins
the beginning of a rare word to the end of another of the same type. Words that many names share ("Laura", "Saint")
are not replaced.
"""

import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from text2graph_dagster.graph.model import Entity, Graph, Relation, Span
from text2graph_dagster.graph.wire import WireForm, serialise
from text2graph_dagster.inference.answer_format import choose_wire
from text2graph_dagster.prompts.rendering import Template, list_given_entities
from text2graph_dagster.settings import Settings
from text2graph_dagster.training.data.examples import Example

T = TypeVar("T")

_WORD = re.compile(r"[^\W\d_]+")
_MIN_SHARING_NAMES = 8  # a word in this many names of a type is shared, and is not replaced
_MIN_LETTERS = 3  # shorter words are not replaced


class NameAugmenter:
    """Replaces entities' names by names invented from those of the training examples."""

    def __init__(self, examples: Iterable[Example]) -> None:
        names: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        for example in examples:
            for entity in example.graph.entities:
                for word in _WORD.findall(entity.text):
                    if len(names_with_word := names[entity.type][word]) < _MIN_SHARING_NAMES:
                        names_with_word.add(entity.text)
        shared = {word for words in names.values() for word, found in words.items() if len(found) >= _MIN_SHARING_NAMES}
        self._rare_words = {
            kind: sorted(word for word in words if _looks_like_name(word) and word not in shared)
            for kind, words in sorted(names.items())
        }
        self._replaceable = {kind: frozenset(words) for kind, words in self._rare_words.items()}

    def augment(self, examples: Iterable[Example], share: float, settings: Settings) -> Iterator[Example]:
        """Yield the examples, a random `share` of them renamed; repeats of an example get different names."""
        for example, new in self.augment_items(examples, lambda example: example, share, settings):
            yield new or example

    def augment_items(
        self, items: Iterable[T], read: Callable[[T], Example], share: float, settings: Settings
    ) -> Iterator[tuple[T, Example | None]]:
        """Yield (item, renamed example) for a random `share` of the items, else (item, None).

        `read` returns the example of an item. It is called only for items that are renamed.
        """
        rng, form = random.Random(settings.seed), choose_wire(settings)
        for item in items:
            yield item, self.rename(read(item), rng, form) if rng.random() < share else None

    def rename(self, example: Example, rng: random.Random, form: WireForm) -> Example:
        """Return the example with invented names; unchanged if none of its words can be replaced."""
        new: dict[str, str] = {}
        for entity in example.graph.entities:
            for word in _WORD.findall(entity.text):
                if word not in new and word in self._replaceable.get(entity.type, ()):
                    new[word] = self._invent(entity.type, rng)
        if not new:
            return example
        text, offsets = _replace_words(example.text, new)
        graph = _rename_graph(example.graph, new, offsets)
        changes = [(example.text, text), *_given_entity_changes(example, graph)]
        prompt = tuple({**turn, "content": _apply_changes(turn["content"], changes)} for turn in example.prompt)
        rationale = example.answer.removesuffix(serialise(example.graph, form))
        answer = _replace_words(rationale, new)[0] + serialise(graph, form)
        return replace(example, text=text, prompt=prompt, graph=graph, answer=answer)

    def _invent(self, kind: str, rng: random.Random) -> str:
        words = self._rare_words[kind]
        first, last = rng.choice(words), rng.choice(words)
        return first[: rng.randint(2, len(first) - 1)] + last[rng.randint(1, len(last) - 2) :].lower()


def _given_entity_changes(example: Example, renamed: Graph) -> list[tuple[str, str]]:
    """Return (old, new) texts of the list of given entities, one per template; empty if the prompt has no such list."""
    if example.task != "relations":
        return []
    templates: tuple[Template, ...] = ("compact", "extract")
    return [
        (list_given_entities(example.graph.entities, t), list_given_entities(renamed.entities, t)) for t in templates
    ]


def _apply_changes(text: str, changes: Sequence[tuple[str, str]]) -> str:
    for old, new in changes:
        text = text.replace(old, new)
    return text


def _looks_like_name(word: str) -> bool:
    return len(word) >= _MIN_LETTERS and word[0].isupper() and word[1:].islower()


def _replace_words(text: str, new: Mapping[str, str]) -> tuple[str, list[int]]:
    """Return the text with words replaced, and the new offset of every old offset."""
    parts: list[str] = []
    offsets: list[int] = []
    at = length = 0
    for match in _WORD.finditer(text):
        if match[0] in new:
            between, word = text[at : match.start()], new[match[0]]
            offsets += range(length, length + len(between))
            length += len(between)
            # No mention begins or ends inside a replaced word, so all its characters get the same offset.
            offsets += [length] * len(match[0])
            parts += [between, word]
            length += len(word)
            at = match.end()
    parts.append(text[at:])
    offsets += range(length, length + len(text) - at + 1)
    return "".join(parts), offsets


def _rename_graph(graph: Graph, new: Mapping[str, str], offsets: Sequence[int]) -> Graph:
    def span(old: Span) -> Span:
        return Span(offsets[old.start], offsets[old.end])

    def entity(old: Entity) -> Entity:
        text, _ = _replace_words(old.text, new)
        return replace(old, text=text, mentions=tuple(span(mention) for mention in old.mentions))

    def relation(old: Relation) -> Relation:
        return replace(old, evidence=span(old.evidence) if old.evidence else None)

    return Graph(tuple(map(entity, graph.entities)), tuple(map(relation, graph.relations)))
