"""Find the names of known entities in a text, with a trie over tokens and the longest match first.

A token is a run of letters and digits, one ideograph or kana (Chinese and Japanese are written without spaces), or one
punctuation mark. Blanks only separate tokens; a line end is a token that no name contains. A name therefore matches on
token boundaries with any spacing. A text costs about one step per token, regardless of the number of names.
"""

import re
import unicodedata
from dataclasses import dataclass, field

from text2graph_dagster.unicode import HAN, KANA

_IDEOGRAPH = KANA + HAN
_HAS_IDEOGRAPH = re.compile(rf"[{_IDEOGRAPH}]")
_WORD = re.compile(r"\w+")
_TOKEN = re.compile(rf"[{_IDEOGRAPH}]|[^\W_{_IDEOGRAPH}]+|\n|[^\s]")
_JOINED_BEFORE = re.compile(r"\w-$")
_JOINED_AFTER = re.compile(r"-[^\W\d_a-z]")
_NUMBER_BEFORE = re.compile(r"\d[.,]\d$")
_NUMBER_AFTER = re.compile(r"\d[.,]\d")
_SENTENCE_START = re.compile(r"(?:^|[.!?。！？\n]['\"”’)\]]*)\s*$")

# Two capital letters are a code (country, state, element), except these, which are common in running text.
_COMMON_CODES = frozenset({"EU", "UK", "UN", "US"})
_MIN_LOWERCASE_LETTERS = 4
_MIN_UPPERCASE_CHARACTERS = 4
_STOP_WORD_LIST = """
    a about above after again against all also am an and any are as at be because been before being below between
    both but by can could did do does doing down during each few first for from further had has have having he her here
    hers him his how i if in into is it its itself just last later may me might more most must my new no nor not now of
    off old on once one only or other our out over own per same she should since so some such than that the their them
    then there these they this those three through to too two under until up us very was we were what when where which
    while who whom why will with would yes yet you your
    他 她 它 我 你 的 了 在 是 我们 他们 她们 它们 自己 这个 那个 一个 没有 以及 因此 但是 其中 之后 之前
"""
_STOP_WORDS = frozenset(_STOP_WORD_LIST.split())


@dataclass(frozen=True, slots=True)
class Match:
    """A name found at [start, end); `candidates` are the entities with this name, in the order they were added."""

    start: int
    end: int
    candidates: tuple[int, ...]


@dataclass(slots=True)
class _Node:
    """A node of the trie.

    `exact` are the entities with this name, `initial` those that have it only at the start of a sentence. `blocks`: the
    name prevents matches of shorter names inside it.
    """

    next: dict[str, "_Node"] = field(default_factory=dict)
    exact: tuple[int, ...] = ()
    initial: tuple[int, ...] = ()
    blocks: bool = False


def is_distinctive(alias: str) -> bool:
    """Tell whether a name is distinctive enough to be searched for in running text.

    Rejected: names without a letter, single letters and ideographs, stop words, short lower-case names, two-letter
    codes that are not common in running text.
    """
    letters = sum(map(str.isalpha, alias))
    if letters < 2 or (alias.casefold() in _STOP_WORDS and alias not in _COMMON_CODES):
        return False
    if _HAS_IDEOGRAPH.search(alias):
        return True
    if alias == alias.lower():
        return letters >= _MIN_LOWERCASE_LETTERS and any(len(word) > 2 for word in _WORD.findall(alias))
    return len(alias) > 2 or alias in _COMMON_CODES


def _append_once(entities: tuple[int, ...], entity: int) -> tuple[int, ...]:
    return entities if entity in entities else (*entities, entity)


class AliasIndex:
    """Names → entities. An ambiguous name keeps all its entities."""

    def __init__(self) -> None:
        self._root = _Node()

    def add(self, alias: str, entity: int) -> None:
        """Add a name of `entity`; names that are not distinctive are ignored.

        Matching is case-sensitive. In addition, a lower-case name is found capitalised at the start of a sentence. A
        lower-case English name of several words is found in title case and in the plural. A mixed-case name of four or
        more characters is found in upper case, as in headings. (A possessive needs no extra form, because the
        apostrophe ends a token.)
        """
        alias = unicodedata.normalize("NFC", alias)
        if not is_distinctive(alias):
            return
        node = self._node(alias)
        node.exact = _append_once(node.exact, entity)
        capitalised = alias[0].upper() + alias[1:]
        if capitalised != alias:
            node = self._node(capitalised)
            node.initial = _append_once(node.initial, entity)
        for form in _inflected(alias):
            node = self._node(form)
            node.exact = _append_once(node.exact, entity)
        if len(alias) >= _MIN_UPPERCASE_CHARACTERS and alias.upper() != alias and alias != alias.lower():
            node = self._node(alias.upper())
            node.exact = _append_once(node.exact, entity)

    def add_literal(self, literal: str, entity: int) -> None:
        """Add a date or a number as a name of `entity`, in exactly this form."""
        node = self._node(literal)
        node.exact = _append_once(node.exact, entity)

    def block(self, alias: str) -> None:
        """Add a name without an entity, so that shorter names inside it are not found."""
        if is_distinctive(alias):
            self._node(unicodedata.normalize("NFC", alias)).blocks = True

    def _node(self, alias: str) -> _Node:
        node = self._root
        for token in _TOKEN.findall(alias):
            following = node.next.get(token)
            if following is None:
                following = node.next[token] = _Node()
            node = following
        return node

    def find(self, text: str) -> list[Match]:
        """Return the names in `text` from left to right, the longest at each position, without overlaps."""
        tokens = [(token.group(), token.start(), token.end()) for token in _TOKEN.finditer(text)]
        matches, position, root = [], 0, self._root.next
        while position < len(tokens):
            node = root.get(tokens[position][0])
            if node is None:
                position += 1
                continue
            length, match = self._longest(text, tokens, position, node)
            if match is not None and match.candidates:
                matches.append(match)
            position += max(1, length)
        return matches

    @staticmethod
    def _longest(
        text: str, tokens: list[tuple[str, int, int]], position: int, node: _Node | None
    ) -> tuple[int, Match | None]:
        """Return the longest name that starts at `position` as (number of tokens, match); (0, None) if none."""
        best: tuple[int, Match | None] = (0, None)
        start, last = tokens[position][1], position
        while node is not None:
            if node.exact or node.initial or node.blocks:
                end = tokens[last][2]
                candidates = node.exact or (node.initial if _begins_sentence(text, start) else ())
                if (candidates or node.blocks) and not _is_joined(text, start, end):
                    best = (last - position + 1, Match(start, end, candidates))
            last += 1
            node = node.next.get(tokens[last][0]) if last < len(tokens) else None
        return best


def _inflected(alias: str) -> tuple[str, ...]:
    """Return the title case and the regular plural of a lower-case English name of several words."""
    if not (alias.isascii() and " " in alias and alias == alias.lower() and alias[-1].isalpha()):
        return ()
    if alias.endswith(("s", "x", "z", "ch", "sh")):
        plural = alias if alias.endswith("s") else f"{alias}es"
    elif alias.endswith("y") and alias[-2] not in "aeiou":
        plural = f"{alias[:-1]}ies"
    else:
        plural = f"{alias}s"
    titles = (" ".join(word if word in _STOP_WORDS else word.capitalize() for word in alias.split()),)
    return tuple(form for form in dict.fromkeys((*titles, plural)) if form != alias)


def _begins_sentence(text: str, start: int) -> bool:
    return _SENTENCE_START.search(text, max(0, start - 8), start) is not None if start else True


def _is_joined(text: str, start: int, end: int) -> bool:
    """Tell whether a hyphen makes the span part of a longer word, or a comma or point part of a longer number."""
    if _NUMBER_BEFORE.search(text, max(0, start - 2), start + 1) or _NUMBER_AFTER.match(text, end - 1):
        return True
    return bool(
        (start >= 2 and text[start - 1] == "-" and _JOINED_BEFORE.search(text, start - 2, start))
        or (end < len(text) and text[end] == "-" and _JOINED_AFTER.match(text, end))
    )
