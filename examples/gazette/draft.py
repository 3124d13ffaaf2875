"""A document under construction: text, and the offsets of every mention, sentence and stated relation."""

import random
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from examples.gazette.ontology import SYMMETRIC
from examples.gazette.settings import GazetteSettings
from examples.gazette.world import Entity, Fact, Form

_SLOT = re.compile(r"\{(\w+)\}('s)?")

Binding = Entity | Sequence[Entity]


class Mention(NamedTuple):
    """A mention of `entity` at `text[start:end]`."""

    start: int
    end: int
    entity: Entity


class Sentence(NamedTuple):
    """A finished sentence: its offsets, the entities it names, and its subject (None for a pronoun or no entity)."""

    start: int
    end: int
    entities: tuple[Entity, ...]
    subject: Entity | None


class Statement(NamedTuple):
    """A fact that the sentences `first` to `last` state."""

    fact: Fact
    first: int
    last: int


@dataclass
class Draft:
    """Collects sentences, chooses the name or pronoun of every mention, and tracks offsets."""

    rng: random.Random
    settings: GazetteSettings
    parts: list[str] = field(default_factory=list)
    length: int = 0
    mentions: list[Mention] = field(default_factory=list)
    sentences: list[Sentence] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)
    seen: dict[str, Entity] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def text(self) -> str:
        return "".join(self.parts)

    @property
    def last_subject(self) -> Entity | None:
        """Return the subject of the last sentence, if that is named."""
        return self.sentences[-1].subject if self.sentences else None

    def line(self, template: str, bindings: Mapping[str, Binding] | None = None) -> None:
        """Write a separate line (heading, boilerplate), which may have mentions but states nothing."""
        if self.parts:
            self._append("\n")
        start = len(self.mentions)
        self._fill(template, bindings or {}, None)
        self.counts["mentions in lines"] += len(self.mentions) - start
        self._append("\n")

    def end_paragraph(self) -> None:
        """Begin the next sentence on a new line."""
        self._append("\n")

    def sentence(
        self,
        clause: str,
        bindings: Mapping[str, Binding],
        facts: Sequence[Fact] = (),
        prefix: str = "",
        about: Entity | None = None,
    ) -> None:
        """Write `prefix` (the template of a dateline, or nothing) and `clause`, which states `facts`.

        `about` is the subject of the sentence if that is not the entity in the first slot.
        """
        if self.parts and not self.parts[-1].endswith("\n"):
            self._append(" ")
        start, before = self.length, len(self.mentions)
        if prefix:
            self._fill(prefix, bindings, None)
        subject = _subject(clause, bindings)
        pronoun = self._pronoun(subject, clause)
        self._fill(clause, bindings, pronoun)
        self._append(".")
        named = tuple(mention.entity for mention in self.mentions[before:])
        self.sentences.append(Sentence(start, self.length, named, None if pronoun else about or subject))
        index = len(self.sentences) - 1
        self.statements += [Statement(fact, index - 1 if pronoun else index, index) for fact in facts]
        self.counts["pronoun"] += len(facts) if pronoun else 0

    def _pronoun(self, subject: Entity | None, clause: str) -> str | None:
        """Return a pronoun for `subject` if the previous sentence makes it unambiguous, else None."""
        apposition = _SLOT.sub("", clause, count=1).startswith(",")  # "she, a native of ..." is not English
        if subject is None or not self.sentences or apposition:
            return None
        before = self.sentences[-1]
        rivals = [entity for entity in before.entities if entity.type == subject.type and entity != subject]
        if before.subject != subject or rivals or self.parts[-1].endswith("\n"):
            return None
        if self.rng.random() >= self.settings.pronoun:
            return None
        if subject.type != "person" and any(e.type != "person" and e != subject for e in before.entities):
            return self.rng.choice(subject.pronouns[1:])
        return self.rng.choice(subject.pronouns)

    def _fill(self, template: str, bindings: Mapping[str, Binding], pronoun: str | None) -> None:
        """Append `template` with `pronoun` (if any) in a leading slot and names in the others."""
        done = 0
        capital = True
        present = [entity for bound in bindings.values() for entity in _as_list(bound)]
        for match in _SLOT.finditer(template):
            literal = template[done : match.start()]
            self._append(_capitalised(literal) if capital else literal)
            capital = capital and not literal
            bound = bindings[match[1]]
            if pronoun and match.start() == 0:
                assert isinstance(bound, Entity)
                word = bound.possessive if match[2] else pronoun
                self._append(_capitalised(word))
            else:
                self._list(_as_list(bound), capital, present)
                self._append("'" if match[2] and self.parts[-1].endswith("s") else match[2] or "")
            done, capital = match.end(), False
        self._append(_capitalised(template[done:]) if capital else template[done:])

    def _list(self, entities: Sequence[Entity], capital: bool, present: Sequence[Entity]) -> None:
        for index, entity in enumerate(entities):
            if index:
                self._append(" and " if index == len(entities) - 1 else ", ")
            form = self._form(entity, present)
            self._append(_capitalised(form.article) if capital and not index else form.article)
            self.mentions.append(Mention(self.length, self.length + len(form.text), entity))
            self._append(form.text)
            self.seen[entity.key] = entity

    def _form(self, entity: Entity, present: Sequence[Entity]) -> Form:
        """Return the full name, or a short form that no other entity of the document has."""
        share = self.settings.short_form if entity.key in self.seen else self.settings.short_form_first
        others = [other for other in [*self.seen.values(), *present] if other != entity]
        taken = {form.text for other in others for form in other.forms}
        free = [form for form in entity.forms[1:] if form.text not in taken]
        short = bool(free) and self.rng.random() < share
        self.counts["short forms"] += short
        return self.rng.choice(free) if short else entity.forms[0]

    def _append(self, text: str) -> None:
        self.parts.append(text)
        self.length += len(text)


def _as_list(bound: Binding) -> Sequence[Entity]:
    return [bound] if isinstance(bound, Entity) else bound


def _subject(clause: str, bindings: Mapping[str, Binding]) -> Entity | None:
    match = _SLOT.match(clause)
    bound = bindings[match[1]] if match else None
    return bound if isinstance(bound, Entity) else None


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]


def gold_record(draft: Draft, document_id: str, split: str) -> dict[str, Any]:
    """Return the annotation of a finished document as a line of `gold.jsonl`.

    Entities are in order of first mention. The `text` of an entity is its longest surface form in the document, and
    `start`, `end` are the first occurrence of it. The head of a symmetric relation is the entity mentioned first.
    """
    text = draft.text.rstrip("\n")
    by_entity: dict[str, list[Mention]] = {}
    for mention in draft.mentions:
        by_entity.setdefault(mention.entity.key, []).append(mention)
    entities = {
        key: _gold_entity(f"e{index}", mentions, text) for index, (key, mentions) in enumerate(by_entity.items())
    }
    order = {key: index for index, key in enumerate(by_entity)}
    relations = []
    for statement in draft.statements:
        head, tail = statement.fact.head.key, statement.fact.tail.key
        if statement.fact.relation in SYMMETRIC and order[tail] < order[head]:
            head, tail = tail, head
        relations.append(
            {
                "head": entities[head]["text"],
                "tail": entities[tail]["text"],
                "type": statement.fact.relation,
                "head_id": entities[head]["id"],
                "tail_id": entities[tail]["id"],
                "evidence": {
                    "start": draft.sentences[statement.first].start,
                    "end": draft.sentences[statement.last].end,
                },
            }
        )
    base = {"id": document_id, "split": split, "text": text, "language": "en"}
    return {**base, "entities": list(entities.values()), "relations": relations}


def _gold_entity(entity_id: str, mentions: Sequence[Mention], text: str) -> dict[str, Any]:
    longest = max(mentions, key=lambda mention: mention.end - mention.start)  # the first of the longest
    return {
        "id": entity_id,
        "text": text[longest.start : longest.end],
        "type": longest.entity.type,
        "start": longest.start,
        "end": longest.end,
        "mentions": [{"start": mention.start, "end": mention.end} for mention in mentions],
    }
