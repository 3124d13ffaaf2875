"""Compose documents: choose their sentences and the facts that these state."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from examples.gazette import fillers
from examples.gazette.broken import boilerplate
from examples.gazette.choices import Chooser
from examples.gazette.draft import Binding, Draft
from examples.gazette.phrases import PHRASES
from examples.gazette.settings import GazetteSettings
from examples.gazette.world import Entity, Fact, World

# Weights of the number of sentences; the index is the number.
_LENGTHS = (0, 2, 4, 8, 11, 15, 16, 14, 10, 7, 5)
_PARAGRAPH_END = 0.1
# Share of denials about entities that another relation connects.
_DENIAL_OF_RELATED = 0.8


@dataclass(frozen=True)
class Clause:
    """The content of one sentence. `kind` is counted as a hardness; `about` is its subject if not in the first slot."""

    kind: str
    template: str
    bindings: dict[str, Binding]
    facts: Sequence[Fact] = ()
    about: Entity | None = None


@dataclass
class Composer:
    """Writes one document. Every fact is used at most once, stated or hedged.

    A "move" returns the next sentence about `focus`, or None if there is no material for it.
    """

    settings: GazetteSettings
    rng: random.Random
    draft: Draft
    choose: Chooser
    focus: Entity

    def write(self, sentences: int, factless: bool) -> None:
        """Write `sentences` sentences, with an optional heading and an optional boilerplate line."""
        self._heading()
        for index in range(sentences):
            if index and self.rng.random() < self.settings.new_topic:
                self.focus = self.choose.next_topic(self.focus)
            clause = self._pick_move(factless)()
            if clause is None:
                self.focus = self.choose.next_topic(self.focus)
                clause = self._predicate()
            self._write_sentence(clause, dateline=index == 0 and self.rng.random() < self.settings.dateline)
            if self.rng.random() < _PARAGRAPH_END:
                self.draft.end_paragraph()
        if self.rng.random() < self.settings.boilerplate:
            self.draft.counts["boilerplate"] += 1
            self.draft.line(boilerplate(self.rng))

    def _write_sentence(self, clause: Clause, dateline: bool) -> None:
        self.draft.counts[clause.kind] += len(clause.facts) or 1
        prefix, bindings = "", dict(clause.bindings)
        if dateline:
            self.draft.counts["datelines"] += 1
            prefix = "{place}, " + f"{self.rng.randint(1, 28)} {self.rng.choice(fillers.MONTHS)} - "
            bindings["place"] = self.choose.city_near(self.focus)
        self.draft.sentence(clause.template, bindings, clause.facts, prefix, clause.about)

    def _heading(self) -> None:
        if self.rng.random() >= self.settings.heading:
            return
        self.draft.counts["headings"] += 1
        if self.rng.random() < self.settings.named_heading:
            self.draft.line(self.rng.choice(fillers.NAMED_HEADINGS), {"a": self.focus})
        else:
            self.draft.line(self.rng.choice(fillers.HEADINGS))

    def _pick_move(self, factless: bool) -> "Callable[[], Clause | None]":
        s = self.settings
        moves: list[Callable[[], Clause | None]] = [
            self._cooccurrence,
            self._hedge,
            self._denial,
            self._predicate,
            self._filler,
        ]
        shares = [s.cooccurrence, s.hedge, s.denial, s.predicate, s.filler]
        if not factless:
            moves += [self._double, self._many, self._fact]
            shares += [s.double, s.many, 1 - sum(shares) - s.double - s.many]
        return self.rng.choices(moves, shares)[0]

    # Moves that state facts.

    def _fact(self) -> Clause | None:
        fact = self.choose.fact(self.focus)
        if fact is None:
            return None
        self.choose.used.add(fact)
        kind, template, about = self._phrase(fact)
        return Clause(kind, self._dressed(template), {"h": fact.head, "t": fact.tail}, [fact], about)

    def _double(self) -> Clause | None:
        first = self.choose.fact(self.focus)
        second = self.choose.fact(self.focus, but=first)
        if first is None or second is None or first.relation == second.relation:
            return None
        opening, closing = self._verb_phrase(first), self._verb_phrase(second)
        if opening is None or closing is None:
            return None
        closing = closing.replace("{h}", "{h2}").replace("{t}", "{t2}")
        slot = "{h}" if first.head == self.focus else "{t}"
        template = f"{slot} {opening} and {closing}"
        if self.draft.last_subject != self.focus and self.rng.random() < 0.5:  # "she, who ..." is not English
            template = f"{slot}, {'who' if self.focus.type == 'person' else 'which'} {opening}, {closing}"
        self.choose.used.update((first, second))
        bindings: dict[str, Binding] = {"h": first.head, "t": first.tail, "h2": second.head, "t2": second.tail}
        return Clause("double", self._dressed(template), bindings, [first, second])

    def _many(self) -> Clause | None:
        options = [
            (template, facts)
            for relation, slot, facts in self.choose.groups(self.focus)
            for template in PHRASES[relation].many
            if slot in template
        ]
        if not options:
            return None
        template, facts = self.rng.choice(options)
        chosen = self.rng.sample(facts, min(len(facts), self.rng.choice((2, 2, 3))))
        self.choose.used.update(chosen)
        bindings: dict[str, Binding] = {"h": chosen[0].head, "t": chosen[0].tail}
        bindings |= {"hs": [fact.head for fact in chosen], "ts": [fact.tail for fact in chosen]}
        return Clause("list", self._dressed(template), bindings, chosen)

    # Moves that state no fact.

    def _cooccurrence(self) -> Clause | None:
        related = self.rng.random() < self.settings.related_cooccurrence
        pair = self.choose.related_pair(self.focus) if related else None
        pair = pair or self.choose.random_pair(self.focus)
        if pair is None:
            return None
        self.draft.counts["co-occurrence of related"] += self.choose.world.related(*pair)
        template = self.rng.choice(fillers.COOCCURRENCES[pair[0].type, pair[1].type])
        return Clause("co-occurrence", self._dressed(template), {"a": pair[0], "b": pair[1]})

    def _hedge(self) -> Clause | None:
        fact = self.choose.fact(self.focus)
        if fact is not None and self.rng.random() >= self.settings.related_cooccurrence:
            fact = self.choose.untrue(fact)
        if fact is None or fact.relation not in fillers.HEDGES:
            return None
        self.choose.used.add(fact)
        template = self.rng.choice(fillers.HEDGES[fact.relation])
        return Clause("hedged", template, {"h": fact.head, "t": fact.tail})

    def _denial(self) -> Clause | None:
        fact = self.choose.fact(self.focus)
        if fact is None:
            return None
        denied = self.choose.other_relation(fact) if self.rng.random() < _DENIAL_OF_RELATED else None
        denied = denied or self.choose.untrue(fact)
        if denied is None or denied.relation not in fillers.DENIALS:
            return None
        template = self.rng.choice(fillers.DENIALS[denied.relation])
        return Clause("denied", template, {"h": denied.head, "t": denied.tail})

    def _predicate(self) -> Clause:
        return Clause("one name, no fact", "{a} " + self._does_something(self.focus), {"a": self.focus})

    def _filler(self) -> Clause:
        return Clause("filler", self.rng.choice(fillers.FILLERS), {})

    # Choosing words.

    def _phrase(self, fact: Fact) -> tuple[str, str, Entity | None]:
        """Return the kind of construction, the template, and the subject if it is not in the first slot."""
        s, phrasing = self.settings, PHRASES[fact.relation]
        if self.draft.last_subject == self.focus and self.rng.random() < s.continuity:
            slot = "{h}" if fact.head == self.focus else "{t}"
            plain = [(kind, c) for kind in ("active", "passive", "nominal") for c in getattr(phrasing, kind)]
            going_on = [(kind, c) for kind, c in plain if c.startswith(slot) and not c.startswith(f"{slot} and ")]
            if going_on:
                return *self.rng.choice(going_on), None
        shares = (s.active, s.passive, s.apposition, s.prenominal)
        kinds = ("active", "passive", "apposition", "prenominal", "nominal")
        kind = self.rng.choices(kinds, (*shares, 1 - sum(shares)))[0]
        template: str = self.rng.choice(getattr(phrasing, kind))
        if kind not in ("apposition", "prenominal"):
            return kind, template, None
        about_head = template.startswith("{h}") if kind == "apposition" else template.endswith("{h}")
        entity = fact.head if about_head else fact.tail
        comma = "," if kind == "apposition" else ""
        return kind, f"{template}{comma} {self._does_something(entity)}", entity

    def _verb_phrase(self, fact: Fact) -> str | None:
        """Return a verb phrase for `fact` with the focus as subject, or None."""
        slot = "{h} " if fact.head == self.focus else "{t} "
        phrasing = PHRASES[fact.relation]
        clauses = [c for c in phrasing.active + phrasing.passive if c.startswith(slot)]
        phrases = [c.removeprefix(slot) for c in clauses if not c.startswith(slot + "and ")]
        return self.rng.choice(phrases) if phrases else None

    def _does_something(self, entity: Entity) -> str:
        tail = self.rng.choice(fillers.TAILS) if self.rng.random() < self.settings.tail else ""
        return self.rng.choice(fillers.PREDICATES[entity.type]) + tail

    def _dressed(self, template: str) -> str:
        """Return `template`, sometimes with an opener or closer that does not change its meaning."""
        if self.rng.random() < self.settings.opener:
            return self.rng.choice(fillers.OPENERS) + template
        if template.endswith(fillers.TAILS) or self.rng.random() >= self.settings.closer:
            return template
        return template + self.rng.choice(fillers.CLOSERS)


def compose(world: World, rng: random.Random, settings: GazetteSettings) -> Draft:
    """Write one document about `world`."""
    draft = Draft(rng, settings)
    choose = Chooser(world, rng)
    composer = Composer(settings, rng, draft, choose, choose.centre())
    length = rng.choices(range(len(_LENGTHS)), _LENGTHS)[0]
    factless = rng.random() < settings.factless_documents
    draft.counts["factless documents"] += factless
    composer.write(length, factless)
    return draft
