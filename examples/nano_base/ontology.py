"""Random ontologies: a few kinds of things, and relations named after verbs, roles and states."""

import random
from dataclasses import dataclass
from functools import cache

from examples.nano_base.inflection import Verb
from examples.nano_base.kinds import CLASSES, OTHERS, EntityKind, kind
from examples.nano_base.lexicon import PREPOSITIONAL, ROLES, STATES, VERBS

_KINDS = tuple(kind(name) for names in CLASSES.values() for name in names) + tuple(kind(name) for name in OTHERS)
_PEOPLE = tuple(kind(name) for name in CLASSES["human"])


@dataclass(frozen=True)
class Relation:
    """A relation type of a random ontology, and the words that state it.

    A text states it of an agent and a patient ("{a} mends {p}"); the head is the patient if the name is passive
    ("mended by"). It is stated by one of `verbs`, by `role` ("keeper") or by `state` ("moored at").
    """

    name: str
    agent: EntityKind
    patient: EntityKind
    passive: bool = False
    verbs: tuple[Verb, ...] = ()
    role: str = ""
    state: str = ""


@dataclass(frozen=True)
class World:
    """The entity types and relation types of a passage."""

    kinds: tuple[EntityKind, ...]
    relations: tuple[Relation, ...]

    def needs_cue(self, this: EntityKind) -> bool:
        """Tell whether the text needs a word to distinguish this kind from the others."""
        return not this.klass or sum(other.klass == this.klass for other in self.kinds) > 1


def draw_world(rng: random.Random) -> World:
    """Return an ontology of two to eleven kinds and up to two dozen relations, no two with the same meaning."""
    people = rng.sample(_PEOPLE, 1 if rng.random() < 0.8 else 2) if rng.random() < 0.8 else []
    others = [k for k in rng.sample(_KINDS, rng.randint(1, 9)) if k not in people]
    kinds = [*people, *others]
    rng.shuffle(kinds)
    if len(kinds) < 2:
        kinds += [k for k in rng.sample(_KINDS, 2) if k not in kinds]
    count = min(rng.randint(1, 24), rng.randint(4, 24))
    relations = []
    for meaning in _draw_meanings(rng, count):
        agent = rng.choice(people) if people and rng.random() < 0.5 else rng.choice(kinds)
        relations.append(_relation(rng, meaning, agent, rng.choice(kinds)))
    return World(tuple(kinds), tuple({r.name: r for r in relations}.values()))


def _draw_meanings(rng: random.Random, count: int) -> list[tuple[Verb, ...] | str]:
    shares = [rng.random() + 0.5, rng.random() * 0.6, rng.random(), rng.random() * 0.8]
    pools: list[list[tuple[Verb, ...] | str]] = [list(VERBS), list(PREPOSITIONAL), list(ROLES), list(STATES)]
    meanings: list[tuple[Verb, ...] | str] = []
    for which in rng.choices(range(4), shares, k=count):
        if (meaning := rng.choice(pools[which])) not in meanings:
            meanings.append(meaning)
    return meanings


def _relation(rng: random.Random, meaning: tuple[Verb, ...] | str, agent: EntityKind, patient: EntityKind) -> Relation:
    if not isinstance(meaning, str):
        verb = rng.choice(meaning)
        passive = not verb.after and rng.random() < 0.2
        name = rng.choice(passive_names(verb) if passive else active_names(verb))
        return Relation(name, agent, patient, passive, verbs=(verb, verb, *meaning))
    if " " in meaning:
        return Relation(meaning, agent, patient, state=meaning)
    passive = rng.random() < 0.25
    name = rng.choice(inverse_role_names(meaning) if passive else role_names(meaning))
    return Relation(name, agent, patient, passive, role=meaning)


def active_names(verb: Verb) -> tuple[str, ...]:
    """Return the names of the relation whose head is the agent."""
    after = f" {verb.after}" if verb.after else ""
    return f"{verb.third}{after}", f"{verb.past}{after}", f"{verb.third}{after}"


def passive_names(verb: Verb) -> tuple[str, ...]:
    """Return the names of the relation whose head is the patient."""
    return (f"{verb.participle} by",)


def role_names(role: str) -> tuple[str, ...]:
    """Return the names of the relation whose head has the role."""
    return (f"{role} of",)


def inverse_role_names(role: str) -> tuple[str, ...]:
    """Return the names of the relation whose tail has the role."""
    return f"has {role}", role


@cache
def all_type_names() -> tuple[str, ...]:
    """Return all possible type names, sorted."""
    verbs = [verb for group in (*VERBS, *PREPOSITIONAL) for verb in group]
    names = {k.name for k in _KINDS}
    names |= {name for verb in verbs for name in active_names(verb)}
    names |= {name for verb in verbs if not verb.after for name in passive_names(verb)}
    names |= {name for role in ROLES for name in (*role_names(role), *inverse_role_names(role))}
    return tuple(sorted(names | set(STATES)))
