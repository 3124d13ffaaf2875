"""Sentences, and passages: whole sentences packed one after the other up to a budget of tokens.

All offsets are code points into the text that was given; spans are in order, leave out nothing but white space, and do
not overlap unless that is asked for.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from text2graph_dagster.corpus.text.sentences import Sentence, lines_of, split
from text2graph_dagster.graph.model import Span

DEFAULT_MAX_CHARACTERS = 4_000
# A sentence of so many budgets is taken for lines that were never meant as one: headlines, verses, a table.
RUN_ON_FACTOR = 3
# A line so many times longer than the longest passage, without one sentence end, is a dump, no prose.
RUNAWAY_FACTOR = 25

_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
TOKEN = re.compile(rf"[{_CJK}]|[^\W{_CJK}]+|[^\w\s]")
_MEAN_TOKEN_CHARACTERS = 8
_ASCII_TOKEN = re.compile(r"\w+|[^\w\s]", re.ASCII)  # the same on ASCII, and twice as fast
_CLAUSE_MARK = ",;:，；：、"


def count_tokens(text: str) -> int:
    """Return the number of words, Chinese or Japanese characters and punctuation marks: no model's tokenizer."""
    return len((_ASCII_TOKEN if text.isascii() else TOKEN).findall(text))


def sentences(text: str, language: str) -> list[Span]:
    """Return the sentences of `text`; headings and list items stand as sentences of their own."""
    return [Span(sentence.start, sentence.end) for sentence in split(text, language)]


def pack(
    text: str, language: str, max_tokens: int, max_characters: int = DEFAULT_MAX_CHARACTERS, overlap: int = 0
) -> list[Span]:
    """Return passages: sentences packed greedily up to `max_tokens` tokens and `max_characters` characters.

    A heading opens a passage with what follows it. A sentence over `max_tokens` makes a passage alone, or with the
    heading before it. One over `max_characters`, or over RUN_ON_FACTOR times `max_tokens`, is taken line by line; only
    a line over `max_characters` is cut, into pieces of at most `max_tokens`, at white space where there is any.

    With an `overlap` a passage begins with up to so many last sentences of the one before, never with all of them, and
    only as far as the next sentence still fits.
    """
    return [span for span, _ in pack_counted(text, language, max_tokens, max_characters, overlap)]


def pack_counted(
    text: str, language: str, max_tokens: int, max_characters: int, overlap: int = 0
) -> list[tuple[Span, int]]:
    """Return what `pack` returns, each passage with its number of tokens."""
    first, last = len(text) - len(text.lstrip()), len(text.rstrip())
    if first >= last:
        return []
    # Most short documents are one passage: seen at once, without looking for sentences.
    if last - first <= min(max_characters, max_tokens * _MEAN_TOKEN_CHARACTERS):
        tokens = count_tokens(text)
        if tokens <= max_tokens:
            return [(Span(first, last), tokens)]
    packed: list[tuple[Span, int]] = []
    open_: list[_Counted] = []  # the sentences of the passage that is being filled
    repeated = 0  # how many of them stand in the passage before, too
    for added in _pieces(text, max_tokens, max_characters, language):
        while open_ and not _fits(open_, added, max_tokens, max_characters):
            if repeated and all(counted.sentence.heading for counted in open_[repeated:]):
                open_, repeated = open_[repeated:], 0  # nothing new but headings: they go on alone
                continue
            closed, headings = _close(open_, packed)
            carried = closed[1:][-overlap:] if overlap else []
            while carried and not _fits([*carried, *headings], added, max_tokens, max_characters):
                carried = carried[1:]
            open_, repeated = [*carried, *headings], len(carried)
        open_.append(added)
    if open_:
        packed.append(_passage(open_))
    return packed


@dataclass(frozen=True, slots=True)
class _Counted:
    sentence: Sentence
    tokens: int


def _fits(open_: list[_Counted], added: _Counted, max_tokens: int, max_characters: int) -> bool:
    """Tell whether the sentence may join the open ones; a single heading takes any sentence."""
    if added.sentence.end - open_[0].sentence.start > max_characters:
        return False
    if len(open_) == 1 and open_[0].sentence.heading and not added.sentence.heading:
        return True
    return added.tokens + sum(counted.tokens for counted in open_) <= max_tokens


def _close(open_: list[_Counted], packed: list[tuple[Span, int]]) -> tuple[list[_Counted], list[_Counted]]:
    """Add the open sentences to `packed`; return them and the headings at their end, which belong to what follows."""
    end = len(open_)
    while end > 0 and open_[end - 1].sentence.heading:
        end -= 1
    if end == 0:  # nothing but headings: too much for what follows, which keeps the last of several
        end = max(1, len(open_) - 1)
    packed.append(_passage(open_[:end]))
    return open_[:end], open_[end:]


def _passage(counted: list[_Counted]) -> tuple[Span, int]:
    return Span(counted[0].sentence.start, counted[-1].sentence.end), sum(c.tokens for c in counted)


def _pieces(text: str, max_tokens: int, max_characters: int, language: str) -> Iterator[_Counted]:
    """Yield every sentence with its tokens; one that is far too long at its line ends, and then in pieces."""
    for sentence in split(text, language):
        tokens = count_tokens(text[sentence.start : sentence.end])
        if sentence.end - sentence.start <= max_characters and tokens <= RUN_ON_FACTOR * max_tokens:
            yield _Counted(sentence, tokens)
            continue
        for line in lines_of(text, sentence):
            whole = line.end - line.start <= max_characters
            for piece in [line] if whole else _cut(text, line, max_tokens, max_characters):
                yield _Counted(piece, count_tokens(text[piece.start : piece.end]))


def _cut(text: str, sentence: Sentence, max_tokens: int, max_characters: int) -> Iterator[Sentence]:
    """Cut at the last white space within both budgets, else after the last clause mark, else wherever they end."""
    start = sentence.start
    while start < sentence.end:
        limit = min(start + max_characters, sentence.end)
        end = start
        for count, token in enumerate(TOKEN.finditer(text, start, limit), 1):
            if count > max_tokens:
                break
            end = token.end()
        if count > max_tokens or limit < sentence.end:
            end = _cut_point(text, start, end)
        yield Sentence(start, end, False)
        start = end
        while start < sentence.end and text[start].isspace():
            start += 1


def _cut_point(text: str, start: int, end: int) -> int:
    """Return where to cut in (start, end], in its second half if that holds a good place."""
    if text[end : end + 1].isspace():
        return end
    middle = (start + end) // 2
    for is_good in (str.isspace, _CLAUSE_MARK.__contains__):
        for at in range(end, middle, -1):
            if is_good(text[at - 1]):
                return start + len(text[start:at].rstrip())
    return end


def unfit_stretches(text: str, language: str, max_characters: int) -> list[tuple[Span, str]]:
    """Return the stretches of `text` that cannot become passages, each with its reason.

    `unbroken_run`: more than `max_characters` characters without white space in a script that has it (an embedded
    file, say); `no_sentence_end`: a line of more than RUNAWAY_FACTOR times `max_characters` without one sentence end.
    """
    if len(text) <= max_characters:
        return []
    run = re.compile(rf"(?<![^\s\u2e80-\uffef])[^\s\u2e80-\uffef]{{{max_characters + 1},}}")
    found = [(Span(m.start(), m.end()), "unbroken_run") for m in run.finditer(text)]
    longest = RUNAWAY_FACTOR * max_characters
    for sentence in split(text, language) if len(text) > longest else ():
        if sentence.end - sentence.start > longest:
            lines = lines_of(text, sentence)
            found += [
                (Span(line.start, line.end), "no_sentence_end") for line in lines if line.end - line.start > longest
            ]
    return found
