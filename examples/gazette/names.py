"""Invented names. All worlds of a corpus share one NameMaker, so no invented word occurs in two of them."""

import random
import re
from collections.abc import Iterable


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# Sounds of invented words; repeated ones are more frequent.
_ONSETS = _words("b d f g h k l m n p r s t v z b d f g h k l m n p r s t v br dr st tr")
_VOWELS = _words("a e i o u a e i o")
_CODAS = ("", "", "", "", "", "n", "r", "l")

FEMALE_FIRST_NAMES = _words(
    "Anna Clara Diana Elena Flora Greta Helen Irene Julia Karin Laura Maria Nadia Olga Paula Rosa Sara Tanya "
    "Vera Wanda Alice Bella Edith Emma Hanna Ida Jana Lena Mona Nina Petra Ruth Sofia Tessa Ursula Yvonne"
)
MALE_FIRST_NAMES = _words(
    "Adam Boris Carl David Erik Felix Georg Henry Ivan Jacob Karl Leo Martin Nils Oscar Peter Robert Simon Thomas "
    "Victor Walter Albert Bruno Daniel Emil Frank Gustav Hugo Jonas Lukas Max Oliver Paul Rafael Stefan Tom"
)

COMPANY_KINDS = _words(
    "Systems Motors Foods Energy Pharma Media Labs Steel Airlines Robotics Textiles Software Chemicals Toys Bank Group"
)
COMPANY_FIELDS = _words("Marine Digital Medical Power Freight Data Paper Water")
COMPANY_FORMS = _words("Services Works Industries Partners")
CITY_ENDINGS = ("", "", "", "ville", "burg", "ford", "mouth", "stad", "grad")
COUNTRY_ENDINGS = ("ia", "land", "stan", "avia", "onia")
UNIVERSITY_KINDS = ("University", "College", "Academy")
PRODUCT_KINDS = ("One", "Two", "Pro", "Mini", "X3", "S5", "Z7", "Plus")
EVENT_KINDS = ("Summit", "Festival", "Expo", "Congress", "Fair", "Forum")
EVENT_FIELDS = ("Film", "Book", "Energy", "Trade", "Music", "Science")
AWARD_KINDS = ("Prize", "Medal", "Award", "Cup")
SURNAME_ENDINGS = ("", "", "", "son", "er", "ski", "ov", "ek")


class NameMaker:
    """Makes name words and acronyms, each only once.

    `taken` are words that names must not equal, ignoring case.
    """

    def __init__(self, rng: random.Random, taken: Iterable[str]) -> None:
        self._rng = rng
        self._taken = {word.lower() for word in taken}

    def word(self, endings: tuple[str, ...] = ("",)) -> str:
        """Return a new capitalised word of two or three syllables, plus one of `endings`."""
        while True:
            syllables = self._rng.choice((2, 2, 2, 3))
            stem = "".join(self._syllable() for _ in range(syllables))
            candidate = stem + self._rng.choice(endings)
            if re.search(r"(.)\1", candidate) or not 4 <= len(candidate) <= 11:
                continue
            if candidate not in self._taken:
                self._taken.add(candidate)
                return candidate.capitalize()

    def acronym(self, name: str) -> str | None:
        """Return the initials of `name`, or None if they are fewer than three or already used."""
        initials = "".join(part[0] for part in name if part[0].isupper())
        if len(initials) < 3 or initials.lower() in self._taken:
            return None
        self._taken.add(initials.lower())
        return initials

    def _syllable(self) -> str:
        return self._rng.choice(_ONSETS) + self._rng.choice(_VOWELS) + self._rng.choice(_CODAS)
