"""Passages with the facts they state: sentences about invented things in terms of a random ontology."""

import random
import re
from dataclasses import dataclass

from examples.nano_base import fillers
from examples.nano_base.draft import Draft, Thing
from examples.nano_base.kinds import EntityKind
from examples.nano_base.names import Sound, invent
from examples.nano_base.ontology import Relation, World
from examples.nano_base.sentences import doubt, say, say_many

_SLOT = re.compile(r"\{(as|ps|a|p|x|y)\}")
_SENTENCES = {1: 0.30, 2: 0.36, 3: 0.20, 4: 0.08, 6: 0.06}  # shares of passages by number of sentences
_KINDS_OF_SENTENCE = {
    "fact": 0.60,
    "two facts": 0.08,
    "many": 0.07,
    "doubt": 0.07,
    "between": 0.05,
    "alone": 0.07,
    "filler": 0.06,
}
_HEADINGS = (("Notes on ", ""), ("", ""), ("About ", ""), ("", ", continued"), ("A day with ", ""))

Fact = tuple[int, str, int]  # head, relation, tail: indices into the passage's things


@dataclass
class Passage:
    """A text, its things in order of creation, and the facts it states."""

    text: str
    things: list[Thing]
    facts: list[Fact]


def write_passage(rng: random.Random, world: World) -> Passage:
    """Write a passage about things and relations of the world."""
    writer = _Writer(rng, world)
    if rng.random() < 0.12:
        writer.heading()
    for _ in range(rng.choices(tuple(_SENTENCES), tuple(_SENTENCES.values()))[0]):
        writer.sentence(rng.choices(tuple(_KINDS_OF_SENTENCE), tuple(_KINDS_OF_SENTENCE.values()))[0])
    return Passage(writer.draft.text, writer.things, list(dict.fromkeys(writer.facts)))


class _Writer:
    """Writes a passage sentence by sentence, and records the facts."""

    def __init__(self, rng: random.Random, world: World) -> None:
        self.rng, self.world, self.sound = rng, world, Sound.draw(rng)
        self.draft = Draft()
        self.things: list[Thing] = []
        self.facts: list[Fact] = []
        self.subject: int | None = None  # subject of the last sentence

    def heading(self) -> None:
        """Write a heading."""
        rng = self.rng
        if rng.random() < 0.5:
            thing = self._pick(rng.choice(self.world.kinds))
            before, after = rng.choice(_HEADINGS)
            self.draft.put(before)
            self._name(thing, bare=True)
            self.draft.put(after + "\n")
        else:
            self.draft.put(
                rng.choice((fillers.sentence(rng), f"{rng.randint(1, 28)} March", "Page 12", "Diary")) + "\n"
            )
        self.draft.begin = True

    def sentence(self, kind: str) -> None:
        """Write a sentence of this kind."""
        rng = self.rng
        if self.draft.text and not self.draft.text.endswith("\n"):
            self.draft.put("\n" if rng.random() < 0.1 else " ")
        self.draft.begin = True
        if kind == "filler":
            self.draft.put(fillers.sentence(rng))
        else:
            self.draft.put(fillers.opener(rng))
            writers = {"fact": self._fact, "two facts": self._two_facts, "many": self._many, "doubt": self._doubt}
            writers.get(kind, self._nothing)()
            self.draft.put(fillers.circumstance(rng))
        self.draft.put("." if rng.random() < 0.97 else "!")

    def _fact(self) -> None:
        relation, a, p = self._draw_fact()
        saying = say(self.rng, relation)
        self._fill(saying.pattern, {"a": [a], "p": [p]})
        self._state(relation, a, p)
        if saying.open:
            self._go_on(a if saying.pattern.endswith(("{a},", "{a}")) or saying.pattern.startswith("{a}") else p)

    def _go_on(self, subject: int) -> None:
        """End a sentence whose subject has got an apposition: by another fact of it, or by nothing much."""
        of_it = [r for r in self.world.relations if r.verbs and r.agent == self.things[subject].kind]
        if of_it and self.rng.random() < 0.4:
            relation = self.rng.choice(of_it)
            verb = self.rng.choice(relation.verbs)
            p = self._pick(relation.patient, (subject,))
            self.draft.put(f" {verb.past}{' ' + verb.after if verb.after else ''} ")
            self._name(p)
            self._state(relation, subject, p)
        else:
            self.draft.put(f" {fillers.happened(self.rng)}")

    def _two_facts(self) -> None:
        self._fact()
        self.draft.put(self.rng.choice((", and ", ", while ", "; ", ", but ", " and ")))
        self._fact()

    def _many(self) -> None:
        relation, a, p = self._draw_fact()
        pattern, rng = say_many(self.rng, relation), self.rng
        slots: dict[str, list[int]] = {"a": [a], "p": [p]}
        for slot, kind in (("a", relation.agent), ("p", relation.patient)):
            while f"{{{slot}s}}" in pattern and len(slots[slot]) < rng.choice((2, 2, 3)):
                slots[slot].append(self._pick(kind, (*slots["a"], *slots["p"])))
        self._fill(pattern, slots)
        for a in slots["a"]:
            for p in slots["p"]:
                self._state(relation, a, p)

    def _doubt(self) -> None:
        relation, a, p = self._draw_fact()
        if _fact(relation, a, p) in self.facts:
            self.draft.put(fillers.sentence(self.rng).lower())
        else:
            self._fill(doubt(self.rng, relation).pattern, {"a": [a], "p": [p]})

    def _nothing(self) -> None:
        """Mention one or two things without stating a relation."""
        rng = self.rng
        if rng.random() < 0.5:
            x = self._again() if rng.random() < 0.5 else self._pick(rng.choice(self.world.kinds))
            self._fill("{x} " + fillers.happened(rng), {"x": [x]})
        else:
            x = self._pick(rng.choice(self.world.kinds))
            y = self._pick(rng.choice(self.world.kinds), (x,))
            self._fill(fillers.between(rng), {"x": [x], "y": [y]})

    def _draw_fact(self) -> tuple[Relation, int, int]:
        """Return a relation, its agent and its patient; half the time the last subject is one of them."""
        rng, relations = self.rng, self.world.relations
        if self.subject is not None and rng.random() < 0.5:
            kind = self.things[self.subject].kind
            if fitting := [r for r in relations if kind in (r.agent, r.patient)]:
                relation = rng.choice(fitting)
                if relation.agent == kind:
                    return relation, self.subject, self._pick(relation.patient, (self.subject,))
                return relation, self._pick(relation.agent, (self.subject,)), self.subject
        relation = rng.choice(relations)
        a = self._pick(relation.agent)
        return relation, a, self._pick(relation.patient, (a,))

    def _again(self) -> int:
        return self.rng.randrange(len(self.things)) if self.things else self._pick(self.rng.choice(self.world.kinds))

    def _pick(self, kind: EntityKind, but: tuple[int, ...] = ()) -> int:
        """Return the index of a thing of this kind: sometimes a known one, else a new one."""
        known = [i for i, thing in enumerate(self.things) if thing.kind == kind and i not in but]
        if known and self.rng.random() < 0.45:
            return self.rng.choice(known)
        needs_cue = self.world.needs_cue(kind)
        by_name = kind.klass != "human" and self.rng.random() < (0.5 if needs_cue else 0.3)
        taken = {word for thing in self.things for word in _words(thing.name.full)}
        for patience in range(20):  # words that many names share are not always avoidable
            name = invent(self.rng, self.sound, kind.klass, kind.name, by_name)
            if not _words(name.full) & (taken - ({kind.name.capitalize()} if by_name and patience > 2 else set())):
                break
        by_word = not by_name and (needs_cue or self.rng.random() < 0.2)
        self.things.append(Thing(kind, name, kind.name if by_word else ""))
        return len(self.things) - 1

    def _state(self, relation: Relation, a: int, p: int) -> None:
        self.facts.append(_fact(relation, a, p))

    def _fill(self, pattern: str, slots: dict[str, list[int]]) -> None:
        """Write a clause; its slots become names, or a pronoun for its subject."""
        for i, piece in enumerate(_SLOT.split(pattern)):
            if i % 2 == 0:
                self.draft.put(piece)
                continue
            listed = slots[piece.rstrip("s")]
            for place, thing in enumerate(listed):
                if place:
                    self.draft.put(" and " if place + 1 == len(listed) else ", ")
                leads = i == 1 and pattern.startswith("{") and len(listed) == 1
                if leads and thing == self.subject and self.things[thing].mentions and self.rng.random() < 0.6:
                    self._pronoun(thing, pattern)
                else:
                    self._name(thing)
                if leads:
                    self.subject = thing

    def _pronoun(self, thing: int, pattern: str) -> None:
        kind = self.things[thing].kind
        word = kind.pronouns[len(self.things[thing].name.full) % len(kind.pronouns)]
        if word == "they" or pattern[3:4] in (",", "'") or "{as}" in pattern:  # "they <mends>", "he, keeper of"
            self._name(thing)
        else:
            self.draft.put(word)

    def _name(self, thing: int, bare: bool = False) -> None:
        """Write the name of a thing: first in full, with the word for its kind if needed; later maybe in short."""
        this, rng = self.things[thing], self.rng
        if this.mentions:
            if this.name.short and rng.random() < 0.6:
                self.draft.mention(this, rng.choice(this.name.short), "")
            else:
                self.draft.mention(this, this.name.full, this.name.article)
            return
        before, after = this.name.article, ""
        if this.cue and (not bare or self.world.needs_cue(this.kind)):
            article = "an" if this.cue[0] in "aeiou" else "a"
            forms = ((f"the {this.cue} ", ""), (f"{this.cue} ", ""), ("", f", {article} {this.cue}"))
            before, after = rng.choice((*forms, (f"{article} {this.cue} called ", "")))
            after = f"{after}," if after and not bare else after
        self.draft.mention(this, this.name.full, before)
        self.draft.put(after)


def _fact(relation: Relation, a: int, p: int) -> Fact:
    return (p, relation.name, a) if relation.passive else (a, relation.name, p)


def _words(name: str) -> set[str]:
    return set(re.findall(r"\w+", name)) - {"The", "of", "A", "in", "and"}
