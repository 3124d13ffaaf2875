"""Text that states no relation: circumstances, predicates, co-occurrences, whole sentences.

Most of it is combined from lists, so that there is far more than a student can memorise.
"""

import random

from examples.nano_base.listed import phrases
from examples.nano_base.words import ADJECTIVES, ADVERBS, NOUNS, PAST

_INTRANSITIVE = phrases(
    "arrived|slept badly|laughed|hesitated|improved|shrank|collapsed|waited|complained|disappeared|changed|recovered|"
    "failed|succeeded|smiled|apologised|agreed|stayed quiet|kept silent|cried|left early|turned up late|lost weight|"
    "needed rest|looked tired|became famous|was ill|was tired|was busy|was absent|was in a bad mood|was out of order|"
    "seemed worried|went home|fell asleep|made a mistake|told a long story|refused to comment|has little time|"
    "is doing well|is getting old|is rarely seen|is well known|looks better than before|remains a mystery|cost a lot|"
    "attracted attention|caused trouble|drew criticism|did not answer|has no equal|has many faces|is easy to like|"
    "will be remembered|may return|deserves better|was the talk of the day|had a difficult year|gained in value"
)
_WHEN = phrases(
    "yesterday|last night|in spring|in the autumn|this winter|at noon|before dawn|after lunch|during the storm|"
    "two weeks ago|ten years later|in 1904|in 1987|in 2016|on a rainy day|on Wednesday|on the third of June|in March|"
    "for many years|until the end|without warning|with great care|by accident|on purpose|for free|at a high price|"
    "in secret|in public|against all advice|with a smile|as a young man|as expected|once again|for a while|at last|"
    "despite the noise|under pressure|for the second time|because of the heat|in a hurry|according to the letter|"
    "to everyone's surprise|without help|at the age of forty|of all things"
)
_BETWEEN = phrases(
    "{x} and {y} appear in the same list|{x} was mentioned together with {y}|{x} has nothing to do with {y}|"
    "neither {x} nor {y} was there|some prefer {x}, others {y}|{x} came up, and so did {y}|"
    "the letter names {x} and {y}|people talked about {x} and about {y}|{x} stood beside {y}|"
    "{x} is not {y}|between {x} and {y} lay a long silence|both {x} and {y} were discussed|"
    "{x} arrived before {y}|{x} made no remark on {y}|a story about {x} and {y} was told|{x} dreamt of {y}|"
    "{x} looked towards {y}|first came {x}, then {y}|the picture shows {x} with {y}|{x} did not know {y}"
)
_FRAMES = phrases(
    "The {q} {n} {v}{w}|The {q} {n} {d} {x}{w}|{Q} {n} {d} the {n2} {x}|The {n} of the {n2} {d}{w}|"
    "Nobody liked the {q} {n}|There was {q} {n} everywhere|A {q} {n} is better than a {q2} {n2}|"
    "The {n} was {q} and the {n2} {q2}|It was a {q} {n}|What a {q} {n}|The {n} {v}, and the {n2} too|"
    "More about the {n} on page seven|See also the {q} {n}|Why the {n} {v} is not known|{N} and {n2}|Notes on {n}|"
    "He said the {n} was {q}|They spoke about the {n}{w}|This happened{w}|Of the {n} there is no trace|"
    "We do not know why the {q} {n} {v}|All {n} is {q}|The rest of the {n} is {q}"
)
_OPENERS = phrases(
    "In the end|Meanwhile|As we know|Strangely|In those days|Later|At first|By then|Of course|However|In fact|"
    "According to the diary|As the story goes|In a letter|For example|Moreover|Luckily|After all|Today|Once"
)


def happened(rng: random.Random) -> str:
    """Return a predicate for a single thing."""
    if rng.random() < 0.5:
        return rng.choice(_INTRANSITIVE)
    article = rng.choice(("the", "a", "no", "its", "some"))
    return f"{rng.choice(PAST)} {article} {rng.choice(ADJECTIVES)} {rng.choice(NOUNS)}"


def circumstance(rng: random.Random, share: float = 0.3) -> str:
    """Return an adverbial (when, how, why) with a leading space, or mostly ""."""
    return f" {rng.choice(_WHEN)}" if rng.random() < share else ""


def opener(rng: random.Random, share: float = 0.1) -> str:
    """Return a sentence opener with a comma and a space, or mostly ""."""
    return f"{rng.choice(_OPENERS)}, " if rng.random() < share else ""


def between(rng: random.Random) -> str:
    """Return a clause with the slots {x} and {y} that states no relation."""
    return rng.choice(_BETWEEN)


def sentence(rng: random.Random) -> str:
    """Return a sentence without names and without its full stop."""
    noun, quality = rng.choice(NOUNS), rng.choice(ADJECTIVES)
    return rng.choice(_FRAMES).format(
        n=noun,
        N=noun.capitalize(),
        n2=rng.choice(NOUNS),
        q=quality,
        Q=quality.capitalize(),
        q2=rng.choice(ADJECTIVES),
        d=rng.choice(PAST),
        x=rng.choice(ADVERBS),
        v=rng.choice(_INTRANSITIVE[:12]),
        w=circumstance(rng, 0.5),
    )
