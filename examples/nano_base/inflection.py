"""Inflection of English verbs, as far as the generated texts need it."""

from dataclasses import dataclass

from examples.nano_base.listed import words

_VOWELS = "aeiou"


@dataclass(frozen=True)
class Verb:
    """A verb with its forms ("mend", "mended", "mended"); `after` is the preposition it takes, if any."""

    base: str
    past: str
    participle: str
    after: str = ""

    @property
    def third(self) -> str:
        """Return the third person singular."""
        if self.base.endswith(("s", "x", "z", "ch", "sh", "o")):
            return self.base + "es"
        if self.base.endswith("y") and self.base[-2] not in _VOWELS:
            return self.base[:-1] + "ies"
        return self.base + "s"

    @property
    def gerund(self) -> str:
        """Return the form in -ing."""
        if self.base.endswith("e") and not self.base.endswith(("ee", "ye")):
            return self.base[:-1] + "ing"
        return (self.base + self.base[-1] if _doubles(self.base) else self.base) + "ing"


def _doubles(base: str) -> bool:
    return base in _DOUBLING


def verb(word: str) -> Verb:
    """Return the forms of a verb written as "mend", or with its preposition as "depend_on"."""
    base, _, after = word.partition("_")
    if base in _IRREGULAR:
        past, participle = _IRREGULAR[base].split()
        return Verb(base, past, participle, after)
    if base.endswith("e"):
        past = base + "d"
    elif base.endswith("y") and base[-2] not in _VOWELS:
        past = base[:-1] + "ied"
    else:
        past = (base + base[-1] if _doubles(base) else base) + "ed"
    return Verb(base, past, past, after)


_DOUBLING = frozenset(words("dig ban grab hug scrub trap rob refer outwit scan map travel quarrel rebel compel"))
_IRREGULAR = {
    "beat": "beat beaten",
    "bite": "bit bitten",
    "catch": "caught caught",
    "choose": "chose chosen",
    "dig": "dug dug",
    "draw": "drew drawn",
    "feed": "fed fed",
    "fight": "fought fought",
    "forget": "forgot forgotten",
    "forgive": "forgave forgiven",
    "hide": "hid hidden",
    "lend": "lent lent",
    "mislead": "misled misled",
    "oversee": "oversaw overseen",
    "ride": "rode ridden",
    "seek": "sought sought",
    "steal": "stole stolen",
    "sweep": "swept swept",
    "write": "wrote written",
}
