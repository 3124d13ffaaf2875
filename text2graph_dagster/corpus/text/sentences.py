"""Rule-based sentence splitting for English and Chinese; other languages work without an abbreviation list.

The sentence terminators of Arabic, Urdu, Hindi, Armenian, Amharic, Khmer and Burmese are known. Thai separates
sentences by spaces and is packed by lines.

Time is linear in the length of any text: no pattern backtracks.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from text2graph_dagster.graph.model import Span
from text2graph_dagster.unicode import UNIFIED_HAN


@dataclass(frozen=True, slots=True)
class Sentence:
    """Code points [start, end) without surrounding white space; `heading` is true for the title of the text below."""

    start: int
    end: int
    heading: bool


_BLANK_LINE = re.compile(r"\n[^\S\n]*(?=\n)")
_LINE = re.compile(r"[^\n]+")
_UNIFIED_HAN = re.compile(f"[{UNIFIED_HAN}]")
_LIST_ITEM = re.compile(r"[-*+]\s|[•·▪●|]|\(?\d{1,3}[.)]\s|\d{1,3}、|[（(][一二三四五六七八九十\d]{1,3}[)）]")
_ENDS = re.compile("[.!?。！？．｡…:：؟۔।॥։።។။][\"'”’»)\\]」』）】》]*$")
_NOT_HEADING_END = re.compile(r"[,;，；、.!?。！？．｡…؟۔।॥։።។။][\"'”’»)\]」』）】》]*$")
_MAX_HEADING_CHARACTERS, _MAX_HEADING_WORDS = 80, 12

_TERMINATOR = re.compile("(?P<marks>[.!?。！？．｡…؟۔।॥։።។။]+)(?P<closers>[\"'”’»)\\]」』）】》]*)")
_LAST_WORD = re.compile(r"[^\s(\[{\"'“‘«/—–]*$")
_NEXT_WORD = re.compile(r"\s*[\"'“‘«(\[]*(\w+)(?![\w.])")
_INITIALS = re.compile(r"(?:[^\W\d_]\.)*[^\W\d_]")
_CONTINUES = frozenset(",;:)]}%&-–—，、；：")


def _word_set(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


# Abbreviations that never end a sentence (_ALWAYS), that do not end one before a number (_NUMBERED), and that end one
# only if the next word is a common sentence starter (_SOMETIMES).
_ALWAYS = _word_set("""
    mr mrs ms mx dr prof rev fr gen maj col lt sgt capt cpt cmdr adm gov sen rep pres hon st messrs mme mlle mt ft vs v
    cf e.g i.e viz approx lit supt insp cpl pvt brig
""")
_NUMBERED = _word_set("""
    no nos p pp vol vols fig figs eq eqs ch sec art ca c b d r op jan feb mar apr jun jul aug sep sept oct nov dec
""")
_SOMETIMES = _word_set("""
    inc corp ltd co cos bros jr sr etc al esq dept univ assn ave blvd rd ph.d m.d b.a m.a b.sc m.sc est plc llc s.a gmbh
    ed eds jan feb mar apr jun jul aug sep sept oct nov dec a.m p.m ca trans
""")
_STARTERS = _word_set("""
    the a an he she it they we you i in on at but and this that these those his her its their our my there here when
    while where after before however for from by as if with without some many most both among according during since
    although though meanwhile no not what who why how so then thus also another all each every one two
""")


def split_sentences(text: str, language: str) -> list[Span]:
    """Return the spans of the sentences of `text`; every heading and list item is a sentence of its own."""
    return [Span(sentence.start, sentence.end) for sentence in iterate_sentences(text, language)]


def iterate_sentences(text: str, language: str) -> Iterator[Sentence]:
    """Yield the sentences of `text` in order; together they cover everything but white space.

    A blank line ends a sentence. Every heading, list item and table row is a sentence of its own. Other line ends count
    as white space, except in Chinese, where lines are not broken inside a sentence.
    """
    start = 0
    for gap in _BLANK_LINE.finditer(text):
        yield from _split_block(text, start, gap.end(), language)
        start = gap.end()
    yield from _split_block(text, start, len(text), language)


def iterate_lines(text: str, sentence: Sentence) -> Iterator[Sentence]:
    """Yield the lines of a sentence, stripped of white space."""
    for line in _LINE.finditer(text, sentence.start, sentence.end):
        start, end = _strip(text, line.start(), line.end())
        if start < end:
            yield Sentence(start, end, sentence.heading)


def _split_block(text: str, start: int, end: int, language: str) -> Iterator[Sentence]:
    """Split a block between blank lines: join its lines to paragraphs, then split the paragraphs."""
    lines = [_strip(text, m.start(), m.end()) for m in _LINE.finditer(text, start, end)]
    lines = [line for line in lines if line[0] < line[1]]
    begin: int | None = None  # start of the current paragraph
    for i, (line_start, line_end) in enumerate(lines):
        line = text[line_start:line_end]
        heading = _is_marked_heading(line) or _is_bare_heading(text, lines, i)
        alone = heading or language == "zh"
        if begin is not None and (alone or _LIST_ITEM.match(line)):
            yield from _split_paragraph(text, begin, lines[i - 1][1])
            begin = None
        if heading:
            yield Sentence(line_start, line_end, True)
        elif alone:
            yield from _split_paragraph(text, line_start, line_end)
        elif begin is None:
            begin = line_start
    if begin is not None:
        yield from _split_paragraph(text, begin, lines[-1][1])


def _is_marked_heading(line: str) -> bool:
    if len(line) > 200:
        return False
    wiki = len(line) > 2 and line[0] == line[-1] == "=" and line.strip("= ") != ""
    return wiki or (line[0] == "#" and line.lstrip("#")[:1].isspace())


def _is_bare_heading(text: str, lines: list[tuple[int, int]], i: int) -> bool:
    """Tell whether line `i` of a block is a title: short, without final punctuation, followed by a longer line.

    Lines of a hard-wrapped paragraph do not qualify, because the next line is not longer.
    """
    start, end = lines[i]
    line = text[start:end]
    if len(line) > _MAX_HEADING_CHARACTERS or _NOT_HEADING_END.search(line) or _LIST_ITEM.match(line):
        return False
    if len(line.split()) > _MAX_HEADING_WORDS:
        return False
    if len(lines) == 1:
        return True
    if i + 1 == len(lines):
        return False
    if i > 0 and not _ENDS.search(text, *lines[i - 1]):
        return False
    next_start, next_end = lines[i + 1]
    return not text[next_start].islower() and (end - start) * 1.25 < next_end - next_start


def _split_paragraph(text: str, start: int, end: int) -> Iterator[Sentence]:
    begin = start
    for match in _TERMINATOR.finditer(text, start, end):
        if match.end() < end and _ends_sentence(text, begin, end, match):
            yield Sentence(begin, match.end(), False)
            begin, _ = _strip(text, match.end(), end)
    if begin < end:
        yield Sentence(begin, end, False)


def _ends_sentence(text: str, begin: int, end: int, match: re.Match[str]) -> bool:
    """Tell whether the punctuation in `match` ends the sentence from `begin`; `end` is the end of the paragraph."""
    marks, after = match["marks"], match.end()
    following = text[after]
    if any(mark in "。！？｡" for mark in marks):
        return following not in _CONTINUES
    if not following.isspace():
        return marks[-1] in "!?" and _UNIFIED_HAN.match(following) is not None
    at = after
    while at < end and text[at].isspace():
        at += 1
    if at == end:
        return False
    if text[at].islower() or text[at] in _CONTINUES:
        return False
    return marks != "." or bool(match["closers"]) or _stop_ends_sentence(text, begin, match.start(), at)


def _stop_ends_sentence(text: str, begin: int, stop: int, following: int) -> bool:
    """Tell whether the full stop at `stop` ends a sentence; the word at `following` does not start in lower case."""
    found = _LAST_WORD.search(text, max(begin, stop - 24), stop)
    word = found[0].lower() if found else ""
    if not word:
        return True
    if word.isdigit() and len(word) <= 3 and begin + len(word) == stop:
        return False  # "1. First item"
    if word in _ALWAYS:
        return False
    if word in _NUMBERED and text[following].isdigit():
        return False
    if word in _SOMETIMES or _INITIALS.fullmatch(word):
        next_word = _NEXT_WORD.match(text, following)
        return next_word is not None and next_word[1].lower() in _STARTERS
    return True


def _strip(text: str, start: int, end: int) -> tuple[int, int]:
    """Return the span without leading and trailing white space."""
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end
