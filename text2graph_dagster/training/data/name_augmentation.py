"""The same passages with other names: so that a student learns how facts are stated, and not who did what.

Distant supervision labels the same few thousand names again and again. A student that sees them often enough knows the
knowledge base by heart, answers from memory, and is lost on names it never saw. So each time an example is taught its
rare name words are replaced, everywhere in the passage and in the graph, by invented ones: the beginning of one name
joined to the end of another of the same type. Words that many names share ("University", "Laura", "Saint") stay.
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
from text2graph_dagster.prompts.rendering import Template, given_block
from text2graph_dagster.settings import Settings
from text2graph_dagster.training.data.examples import Example

T = TypeVar("T")

_WORD = re.compile(r"[^\W\d_]+")
_SHARED_BY = 8  # a word in so many names of a type is no name of its own
_SHORTEST = 3  # letters of a word that is replaced


class Renamer:
    """Invents names from those of the training examples."""

    def __init__(self, examples: Iterable[Example]) -> None:
        names: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        for example in examples:
            for entity in example.graph.entities:
                for word in _WORD.findall(entity.text):
                    if len(bearers := names[entity.type][word]) < _SHARED_BY:
                        bearers.add(entity.text)
        shared = {word for words in names.values() for word, bearers in words.items() if len(bearers) >= _SHARED_BY}
        self._pools = {
            kind: sorted(word for word in words if _is_name(word) and word not in shared)
            for kind, words in sorted(names.items())
        }
        self._own = {kind: frozenset(words) for kind, words in self._pools.items()}

    def rename_some(self, course: Iterable[Example], share: float, settings: Settings) -> Iterator[Example]:
        """Yield the course with that share of its examples renamed, each time otherwise."""
        for example, new in self.draw(course, lambda example: example, share, settings):
            yield new or example

    def draw(
        self, course: Iterable[T], read: Callable[[T], Example], share: float, settings: Settings
    ) -> Iterator[tuple[T, Example | None]]:
        """Yield every item of the course, that share of them with its example renamed: only these are `read`."""
        rng, form = random.Random(settings.seed), choose_wire(settings.student)
        for item in course:
            yield item, self.rename(read(item), rng, form) if rng.random() < share else None

    def rename(self, example: Example, rng: random.Random, form: WireForm) -> Example:
        """Return the example with other names; unchanged where it holds no word that is a name of its own."""
        new: dict[str, str] = {}
        for entity in example.graph.entities:
            for word in _WORD.findall(entity.text):
                if word not in new and word in self._own.get(entity.type, ()):
                    new[word] = self._invent(entity.type, rng)
        if not new:
            return example
        text, moved = _replace_words(example.text, new)
        graph = _rename_graph(example.graph, new, moved)
        changes = [(example.text, text), *_given(example, graph)]
        prompt = tuple({**turn, "content": _changed(turn["content"], changes)} for turn in example.prompt)
        thinking = example.answer.removesuffix(serialise(example.graph, form))
        answer = _replace_words(thinking, new)[0] + serialise(graph, form)
        return replace(example, text=text, prompt=prompt, graph=graph, answer=answer)

    def _invent(self, kind: str, rng: random.Random) -> str:
        pool = self._pools[kind]
        first, last = rng.choice(pool), rng.choice(pool)
        return first[: rng.randint(2, len(first) - 1)] + last[rng.randint(1, len(last) - 2) :].lower()


def _given(example: Example, renamed: Graph) -> list[tuple[str, str]]:
    """Return how a prompt that gives the entities lists them, and how it lists the renamed ones, for each template."""
    if example.task != "relations":
        return []
    templates: tuple[Template, ...] = ("compact", "extract")
    return [(given_block(example.graph.entities, t), given_block(renamed.entities, t)) for t in templates]


def _changed(text: str, changes: Sequence[tuple[str, str]]) -> str:
    for old, new in changes:
        text = text.replace(old, new)
    return text


def _is_name(word: str) -> bool:
    return len(word) >= _SHORTEST and word[0].isupper() and word[1:].islower()


def _replace_words(text: str, new: Mapping[str, str]) -> tuple[str, list[int]]:
    """Return the text with words replaced, and the new offset of every old one."""
    parts: list[str] = []
    moved: list[int] = []
    at = length = 0
    for match in _WORD.finditer(text):
        if match[0] in new:
            between, word = text[at : match.start()], new[match[0]]
            moved += range(length, length + len(between))
            length += len(between)
            # Offsets inside a replaced word do not occur: a mention begins and ends with a word.
            moved += [length] * len(match[0])
            parts += [between, word]
            length += len(word)
            at = match.end()
    parts.append(text[at:])
    moved += range(length, length + len(text) - at + 1)
    return "".join(parts), moved


def _rename_graph(graph: Graph, new: Mapping[str, str], moved: Sequence[int]) -> Graph:
    def span(old: Span) -> Span:
        return Span(moved[old.start], moved[old.end])

    def entity(old: Entity) -> Entity:
        text, _ = _replace_words(old.text, new)
        return replace(old, text=text, mentions=tuple(span(mention) for mention in old.mentions))

    def relation(old: Relation) -> Relation:
        return replace(old, evidence=span(old.evidence) if old.evidence else None)

    return Graph(tuple(map(entity, graph.entities)), tuple(map(relation, graph.relations)))
