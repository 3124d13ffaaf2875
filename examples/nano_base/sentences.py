"""Patterns that state a fact, with the slots {a} (agent) and {p} (patient).

A clause that begins with a slot has that thing as its subject. A phrase is a subject with an apposition, and a
predicate has to follow.
"""

import random
from dataclasses import dataclass

from examples.nano_base.inflection import Verb
from examples.nano_base.listed import phrases
from examples.nano_base.ontology import Relation

_ACTIVE = phrases(
    "{a} <s> {p}|{a} <d> {p}|{a} <d> {p}|{a} has <n> {p}|{a} will <b> {p}|{a} decided to <b> {p}|{a} began to <b> {p}|"
    "{a} started <g> {p}|{a} once <d> {p}|{a} finally <d> {p}|{a} still <s> {p}|{a} often <s> {p}|{a} had <n> {p}|"
    "it was {a} who <d> {p}|the one who <d> {p} was {a}|{a} spent years <g> {p}|what {a} <d> was {p}|"
    "{p} is what {a} <s>|{p} is something {a} <d>|{a} managed to <b> {p}|{a} used to <b> {p}|"
    "everyone saw how {a} <d> {p}|the letter says that {a} <s> {p}|because {a} <d> {p}, there was a party"
)
_PASSIVE = phrases(
    "{p} was <n> by {a}|{p} is <n> by {a}|{p} has been <n> by {a}|{p} got <n> by {a}|{p} had to be <n> by {a}|"
    "{p} ended up <n> by {a}|{p}, it turned out, was <n> by {a}|<N> by {a} was {p}|by whom was {p} <n>? By {a}"
)
_VERB_PHRASES = phrases(
    "{a}, who <d> {p},|{a}, who <s> {p},|{a}, <g> {p},|{a}, known for <g> {p},|{p}, which {a} <d>,|{p}, which {a} <s>,|"
    "{a}, after <g> {p},|{a}, having <n> {p},"
)
_PASSIVE_PHRASES = phrases("{p}, <n> by {a},|{p}, which was <n> by {a},|{p}, once <n> by {a},")
_ROLE = phrases(
    "{a} is the <r> of {p}|{a} is <r> of {p}|{a} became <r> of {p}|{a} was the <r> of {p}|{p}'s <r> is {a}|"
    "{p} has {a} as its <r>|the <r> of {p} is {a}|{p} named {a} its <r>|{a} serves as <r> of {p}|"
    "{a} works as the <r> of {p}|{p} found a <r> in {a}|the new <r> of {p} is called {a}|{a} was chosen as <r> of {p}|"
    "as <r> of {p}, {a} has little time|{a} is {p}'s <r>|{a} acted as <r> to {p}"
)
_ROLE_PHRASES = phrases(
    "{a}, <r> of {p},|{a}, the <r> of {p},|{a}, {p}'s <r>,|{p}, whose <r> is {a},|{p} <r> {a}|{p}'s <r> {a}|"
    "the <r> of {p}, {a},|{a}, who is <r> of {p},|{a}, once <r> of {p},"
)
_STATE = phrases(
    "{a} is <w> {p}|{a} was <w> {p}|{a} remains <w> {p}|{a} has long been <w> {p}|<W> {p} is {a}|{a} seems <w> {p}|"
    "{a} became <w> {p}|people say {a} is <w> {p}, and it is true|{a} turned out to be <w> {p}"
)
_STATE_PHRASES = phrases("{a}, <w> {p},|{a}, which is <w> {p},|{a}, once <w> {p},")
_DOUBTS = phrases(
    "nobody knows whether {c}|it is not true that {c}|it is only a rumour that {c}|some wonder if {c}|"
    "if {c}, we shall see|{c}? No|it is false that {c}|they deny that {c}"
)
_MANY_DO = ("{as} <d> {p}", "{a} <d> {ps}", "{as} have <n> {p}", "{a} has <n> {ps}", "{as} together <d> {p}")
_MANY_ARE_DONE = ("{ps} were <n> by {a}", "{p} was <n> by {as}")
_MANY_IN_ROLE = phrases("{as} are the <r>s of {p}|the <r>s of {p} are {as}|{a} is the <r> of {ps}|{p}'s <r>s are {as}")
_MANY_IN_STATE = phrases("{as} are <w> {p}|{a} is <w> {ps}|{as} were <w> {p}")


@dataclass(frozen=True)
class Saying:
    """A pattern with the slots {a} and {p}; `open` patterns need a predicate after them."""

    pattern: str
    open: bool = False


def say(rng: random.Random, relation: Relation) -> Saying:
    """Return a random pattern that states the relation."""
    if relation.verbs:
        verb = rng.choice(relation.verbs)
        passive = not verb.after and rng.random() < 0.35
        phrase = rng.random() < 0.25
        clauses, phrases = (_PASSIVE, _PASSIVE_PHRASES) if passive else (_ACTIVE, _VERB_PHRASES)
        return Saying(_inflect(rng.choice(phrases if phrase else clauses), verb), phrase)
    phrase = rng.random() < 0.35
    if relation.role:
        return Saying(rng.choice(_ROLE_PHRASES if phrase else _ROLE).replace("<r>", relation.role), phrase)
    pattern = rng.choice(_STATE_PHRASES if phrase else _STATE)
    return Saying(pattern.replace("<w>", relation.state).replace("<W>", _capital(relation.state)), phrase)


def doubt(rng: random.Random, relation: Relation) -> Saying:
    """Return a random pattern that denies the relation or leaves it open."""
    if relation.verbs and rng.random() < 0.5:
        patterns = "{a} did not <b> {p}|{a} never <d> {p}|{a} refused to <b> {p}|{a} may <b> {p} one day"
        pattern = _inflect(rng.choice(patterns.split("|")), relation.verbs[0])
        return Saying(pattern)
    if not relation.verbs and rng.random() < 0.5:
        words = f"the {relation.role} of" if relation.role else relation.state
        return Saying(rng.choice(("{a} is not <w> {p}", "{a} was never <w> {p}")).replace("<w>", words))
    while (saying := say(rng, relation)).open:
        pass
    return Saying(rng.choice(_DOUBTS).replace("{c}", saying.pattern))


def say_many(rng: random.Random, relation: Relation) -> str:
    """Return a random pattern that states the relation of several things; the slot {as} or {ps} takes a list."""
    if relation.verbs:
        verb = rng.choice(relation.verbs)
        return _inflect(rng.choice(_MANY_DO if verb.after else (*_MANY_DO, *_MANY_ARE_DONE)), verb)
    if relation.role:
        return rng.choice(_MANY_IN_ROLE).replace("<r>", relation.role)
    return rng.choice(_MANY_IN_STATE).replace("<w>", relation.state)


def _inflect(pattern: str, verb: Verb) -> str:
    after = f" {verb.after}" if verb.after else ""
    forms = {
        "<s>": verb.third + after,
        "<d>": verb.past + after,
        "<n>": verb.participle + after,
        "<N>": _capital(verb.participle) + after,
        "<b>": verb.base + after,
        "<g>": verb.gerund + after,
    }
    for mark, form in forms.items():
        pattern = pattern.replace(mark, form)
    return pattern


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
