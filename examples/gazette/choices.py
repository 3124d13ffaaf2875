"""Choose what to write about: facts, unrelated pairs, and false statements."""

import random
from dataclasses import dataclass, field

from examples.gazette import fillers
from examples.gazette.ontology import RELATION_TYPES
from examples.gazette.world import Entity, Fact, World

# Documents are mostly about people and companies.
_CENTRES = {
    "person": 40,
    "company": 24,
    "event": 9,
    "city": 11,
    "university": 5,
    "country": 4,
    "product": 4,
    "award": 3,
}


@dataclass
class Chooser:
    """Samples material from `world` for one document; `used` are the facts that it already mentions."""

    world: World
    rng: random.Random
    used: set[Fact] = field(default_factory=set)

    def centre(self) -> Entity:
        """Return a random entity to write about."""
        kind = self.rng.choices(list(_CENTRES), list(_CENTRES.values()))[0]
        return self.rng.choice(self.world.of_type[kind])

    def next_topic(self, focus: Entity) -> Entity:
        """Return a neighbour of `focus`, or sometimes a random entity."""
        facts = self.world.facts_about.get(focus.key, ())
        if not facts or self.rng.random() < 0.2:
            return self.centre()
        fact = self.rng.choice(facts)
        return fact.tail if fact.head == focus else fact.head

    def fact(self, focus: Entity, but: Fact | None = None) -> Fact | None:
        """Return an unused fact about `focus`, or None; all its relations are equally likely."""
        by_relation: dict[str, list[Fact]] = {}
        for fact in self.world.facts_about.get(focus.key, ()):
            if fact not in self.used and fact != but:
                by_relation.setdefault(fact.relation, []).append(fact)
        return self.rng.choice(self.rng.choice(list(by_relation.values()))) if by_relation else None

    def groups(self, focus: Entity) -> list[tuple[str, str, list[Fact]]]:
        """Return (relation, "{hs}" or "{ts}", facts): unused facts about `focus` that one list can state."""
        found: dict[tuple[str, str], list[Fact]] = {}
        for fact in self.world.facts_about.get(focus.key, ()):
            if fact not in self.used:
                found.setdefault((fact.relation, "{hs}" if fact.tail == focus else "{ts}"), []).append(fact)
        return [(relation, slot, facts) for (relation, slot), facts in found.items() if len(facts) > 1]

    def related_pair(self, focus: Entity) -> tuple[Entity, Entity] | None:
        """Return `focus` and an entity that a fact connects to it, or None."""
        fact = self.fact(focus)
        if fact and (fact.head.type, fact.tail.type) in fillers.COOCCURRENCES:
            return fact.head, fact.tail
        return None

    def random_pair(self, focus: Entity) -> tuple[Entity, Entity] | None:
        """Return `focus` and a random entity, in the order of a key of COOCCURRENCES, or None."""
        keys = [key for key in fillers.COOCCURRENCES if focus.type in key]
        if not keys:
            return None
        first, second = self.rng.choice(keys)
        if first == focus.type:
            pair = focus, self.rng.choice(self.world.of_type[second])
        else:
            pair = self.rng.choice(self.world.of_type[first]), focus
        return pair if pair[0] != pair[1] else None

    def untrue(self, fact: Fact) -> Fact | None:
        """Return `fact` with a random other tail, or None if that is true."""
        tail = self.rng.choice(self.world.of_type[fact.tail.type])
        return self._if_untrue(Fact(fact.head, fact.relation, tail))

    def other_relation(self, fact: Fact) -> Fact | None:
        """Return `fact` with a random relation of the same signature, or None if that is true."""
        head_type, tail_type, _ = RELATION_TYPES[fact.relation]
        others = [name for name, (head, tail, _) in RELATION_TYPES.items() if (head, tail) == (head_type, tail_type)]
        return self._if_untrue(Fact(fact.head, self.rng.choice(others), fact.tail))

    def city_near(self, focus: Entity) -> Entity:
        """Return a city from a fact about `focus`, or any city."""
        facts = self.world.facts_about.get(focus.key, ())
        near = [end for fact in facts for end in (fact.head, fact.tail) if end.type == "city" and end != focus]
        return self.rng.choice(near if near and self.rng.random() < 0.6 else self.world.of_type["city"])

    def _if_untrue(self, fact: Fact) -> Fact | None:
        holds = self.world.holds
        known = holds(fact.head, fact.relation, fact.tail) or holds(fact.tail, fact.relation, fact.head)
        return None if known or fact.head == fact.tail else fact
