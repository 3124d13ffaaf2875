"""Invented names. Every passage has its own random set of sounds, so that names cannot be memorised."""

import random
from dataclasses import dataclass

from examples.nano_base.listed import words

_ONSETS = words("b c d f g h j k l m n p r s t v w y z")
_CLUSTERS = words(
    "ch sh th ph kh bl br cl cr dr fl fr gl gr kl kr pl pr sc sk sl sm sn sp st str sw tr tw vl zh qu ts ny mb"
)
_VOWELS = words("a e i o u")
_GLIDES = words("ai au ei ia ie io oa oo ou ua ue ea ee y ö ü é")
_CODAS = words("n r l s t m k d")
_LATE_CODAS = words("g b p ck ng nd rt st lt x sh th rn nn ss tt")
_PLACE_ENDINGS = words(
    "mere holm dale stow wick field haven bridge ton ham gate moor shire port wood tal dorf nova pur"
)
_LAST_NAME_ENDINGS = words("man sen wright berg witz escu ez ini ton well smith kar ova quist")
_ADJECTIVES = words(
    "silent golden broken hidden last first distant crimson hollow gentle restless frozen sacred lonely "
    "burning ancient "
    "invisible secret winter summer little great northern southern royal common united modern free grand noble"
)
_NOUNS = words(
    "river orchard window shadow garden stone morning evening harvest sparrow lantern ocean winter "
    "mirror candle forest "
    "thunder crown journey promise wolf fox falcon rose lily bell gate bridge tower star moon sun heart road song"
)


@dataclass(frozen=True)
class Sound:
    """The sounds from which the names of a passage are made."""

    onsets: tuple[str, ...]
    vowels: tuple[str, ...]
    codas: tuple[str, ...]
    closed: float  # share of syllables that end in a consonant

    @classmethod
    def draw(cls, rng: random.Random) -> "Sound":
        """Sample the sounds of one passage."""
        plain = rng.random() < 0.6
        return cls(
            tuple(rng.sample(_ONSETS, rng.randint(6, 16)) + rng.sample(_CLUSTERS, rng.randint(0, 2 if plain else 6))),
            tuple(rng.sample(_VOWELS, rng.randint(3, 5)) + rng.sample(_GLIDES, rng.randint(0, 0 if plain else 3))),
            tuple(rng.sample(_CODAS, rng.randint(2, 5)) + rng.sample(_LATE_CODAS, rng.randint(0, 1 if plain else 4))),
            rng.uniform(0.1, 0.5),
        )

    def word(self, rng: random.Random, endings: tuple[str, ...] = ()) -> str:
        """Return a capitalised word of one to four syllables, sometimes with one of `endings`."""
        ending = rng.choice(endings) if endings and rng.random() < 0.4 else ""
        syllables = rng.choice((1, 2, 2) if ending else (2, 2, 2, 3, 3, 4))
        stem = "".join(self._syllable(rng) for _ in range(syllables)) + ending
        return stem[:12].capitalize()

    def _syllable(self, rng: random.Random) -> str:
        coda = rng.choice(self.codas) if rng.random() < self.closed else ""
        return rng.choice(self.onsets) + rng.choice(self.vowels) + coda


@dataclass(frozen=True)
class Name:
    """A name, its short forms for later mentions, and the article before it in a sentence."""

    full: str
    short: tuple[str, ...] = ()
    article: str = ""


def invent(rng: random.Random, sound: Sound, klass: str, noun: str, with_noun: bool) -> Name:
    """Invent a name of a class; with `with_noun` it contains the word for the kind, if such names may."""
    maker = _MAKERS.get(klass, _plain)
    return maker(rng, sound, noun.capitalize() if with_noun else "")


def _human(rng: random.Random, sound: Sound, noun: str) -> Name:
    first, last = sound.word(rng), sound.word(rng, _LAST_NAME_ENDINGS)
    form = rng.random()
    if form < 0.08:
        return Name(first)
    if form < 0.14:
        return Name(f"{first[0]}. {last}", (last,))
    if form < 0.20:
        return Name(f"{first} {rng.choice('ABCDEFGHJKLMNPRSTW')}. {last}", (last, f"{first} {last}"))
    if form < 0.25:
        return Name(f"{first} {rng.choice(('van', 'de', 'von', 'al', 'bin', 'della'))} {last}", (last,))
    return Name(f"{first} {last}", (last, last, first))


def _place(rng: random.Random, sound: Sound, noun: str) -> Name:
    word = sound.word(rng, _PLACE_ENDINGS)
    if noun:
        return rng.choice((Name(f"{word} {noun}", (word,)), Name(f"{noun} {word}"), Name(f"{word} {noun}")))
    if rng.random() < 0.12:
        return Name(f"{rng.choice(('New', 'Old', 'Upper', 'Lower', 'Great', 'North', 'South', 'Port', 'San'))} {word}")
    return Name(word)


def _group(rng: random.Random, sound: Sound, noun: str) -> Name:
    word = sound.word(rng)
    adjective, thing = rng.choice(_ADJECTIVES).capitalize(), rng.choice(_NOUNS).capitalize()
    noun = noun or rng.choice(("House", "Circle", "Society", "Brothers", "Collective", "Board", "League", "Agency"))
    forms = (
        Name(f"{word} {noun}", (word,)),
        Name(f"{word} {thing} {noun}", (word, f"{word} {thing}")),
        Name(f"{noun} of {word}", (f"the {noun}",)),
        Name(f"{adjective} {thing} {noun}", (f"{adjective} {thing}",), "the "),
        Name(f"{word} & {sound.word(rng)} {noun}", (word,)),
    )
    chosen = rng.choice(forms)
    return Name(chosen.full, tuple(s for s in chosen.short if not s.startswith("the ")), chosen.article)


def _thing(rng: random.Random, sound: Sound, noun: str) -> Name:
    word = sound.word(rng)
    if noun and rng.random() < 0.5:
        return Name(f"{word} {noun}", (word,), rng.choice(("the ", "")))
    number = rng.choice((str(rng.randint(2, 99)), str(rng.randint(100, 9999)), rng.choice("ABCDQVX") + "1"))
    forms = (word, f"{word} {number}", f"{word}-{number}", f"{word[:3].upper()}-{number}", f"{word} Mark II")
    return Name(rng.choice(forms), (), rng.choice(("the ", "")))


def _work(rng: random.Random, sound: Sound, noun: str) -> Name:
    adjective, thing = rng.choice(_ADJECTIVES).capitalize(), rng.choice(_NOUNS).capitalize()
    forms = (
        f"The {adjective} {thing}",
        f"{adjective} {thing}s",
        f"The {thing} of {sound.word(rng)}",
        f"{noun or 'Song'} of {sound.word(rng)}",
        f"{thing} and {rng.choice(_NOUNS).capitalize()}",
        f"One {thing} in {sound.word(rng)}",
    )
    return Name(rng.choice(forms))


def _happening(rng: random.Random, sound: Sound, noun: str) -> Name:
    word, noun = sound.word(rng), noun or rng.choice(("Days", "Games", "Week", "Affair", "Crisis"))
    forms = (f"{word} {noun}", f"{rng.randint(1500, 2030)} {word} {noun}", f"{noun} of {word}", f"Great {word} {noun}")
    return Name(rng.choice(forms), (), "the ")


def _plain(rng: random.Random, sound: Sound, noun: str) -> Name:
    word = sound.word(rng)
    if noun:
        return Name(f"{word} {noun}", (word,) if rng.random() < 0.5 else (), rng.choice(("the ", "")))
    return Name(word if rng.random() < 0.8 else f"{word} {sound.word(rng)}")


_MAKERS = {"human": _human, "place": _place, "group": _group, "thing": _thing, "work": _work, "happening": _happening}
