"""Pack whole sentences into passages up to a token budget.

All offsets are code points into the given text. Spans are in order, cover everything but white space, and overlap only
if an overlap is requested.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from text2graph_dagster.corpus.text.sentences import Sentence, iterate_lines, iterate_sentences
from text2graph_dagster.graph.model import Span
from text2graph_dagster.unicode import HAN, KANA, SUPPLEMENTARY_HAN

DEFAULT_MAX_CHARACTERS = 4_000
# A sentence of more than this many token budgets is split at its line ends, because it is headlines, verse or a table.
RUN_ON_FACTOR = 3
# A line without a sentence end that has more than this many times the maximum passage length is a data dump, not prose.
RUNAWAY_FACTOR = 25

_CJK = KANA + HAN + SUPPLEMENTARY_HAN
TOKEN = re.compile(rf"[{_CJK}]|[^\W{_CJK}]+|[^\w\s]")
_MEAN_TOKEN_CHARACTERS = 8
_ASCII_TOKEN = re.compile(r"\w+|[^\w\s]", re.ASCII)  # equals TOKEN on ASCII text and is twice as fast
_CLAUSE_MARK = ",;:，；：、"


def count_tokens(text: str) -> int:
    """Return the number of words, Chinese or Japanese characters and punctuation marks (not a model's tokens)."""
    return len((_ASCII_TOKEN if text.isascii() else TOKEN).findall(text))


def pack_passages(
    text: str, language: str, max_tokens: int, max_characters: int = DEFAULT_MAX_CHARACTERS, overlap: int = 0
) -> list[Span]:
    """Pack sentences greedily into passages of at most `max_tokens` tokens and `max_characters` characters.

    A heading goes into the passage of the text that follows it. A sentence over `max_tokens` becomes a passage of its
    own, with the heading before it if there is one. A sentence over `max_characters`, or over RUN_ON_FACTOR times
    `max_tokens`, is split into its lines. Only a line over `max_characters` is cut, at white space where possible, into
    pieces of at most `max_tokens`.

    With an `overlap`, a passage starts with up to `overlap` of the last sentences of the previous passage. It never
    repeats the whole previous passage, and it repeats fewer sentences if the next one would not fit.
    """
    return [span for span, _ in pack_with_counts(text, language, max_tokens, max_characters, overlap)]


def pack_with_counts(
    text: str, language: str, max_tokens: int, max_characters: int, overlap: int = 0
) -> list[tuple[Span, int]]:
    """Return the spans of `pack_passages`, each with its number of tokens."""
    first, last = len(text) - len(text.lstrip()), len(text.rstrip())
    if first >= last:
        return []
    # Fast path: most short documents are one passage, so no sentences have to be found.
    if last - first <= min(max_characters, max_tokens * _MEAN_TOKEN_CHARACTERS):
        tokens = count_tokens(text)
        if tokens <= max_tokens:
            return [(Span(first, last), tokens)]
    packed: list[tuple[Span, int]] = []
    open_: list[_CountedSentence] = []  # the sentences of the current passage
    repeated = 0  # how many of them are also in the previous passage
    for added in _pieces(text, max_tokens, max_characters, language):
        while open_ and not _fits(open_, added, max_tokens, max_characters):
            if repeated and all(counted.sentence.heading for counted in open_[repeated:]):
                open_, repeated = open_[repeated:], 0  # only headings are new: drop the overlap
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
class _CountedSentence:
    sentence: Sentence
    tokens: int


def _fits(open_: list[_CountedSentence], added: _CountedSentence, max_tokens: int, max_characters: int) -> bool:
    """Tell whether the sentence fits into the open passage; a lone heading accepts any sentence."""
    if added.sentence.end - open_[0].sentence.start > max_characters:
        return False
    if len(open_) == 1 and open_[0].sentence.heading and not added.sentence.heading:
        return True
    return added.tokens + sum(counted.tokens for counted in open_) <= max_tokens


def _close(
    open_: list[_CountedSentence], packed: list[tuple[Span, int]]
) -> tuple[list[_CountedSentence], list[_CountedSentence]]:
    """Append the open sentences to `packed`; return them and the trailing headings, which go to the next passage."""
    end = len(open_)
    while end > 0 and open_[end - 1].sentence.heading:
        end -= 1
    if end == 0:  # only headings: the next passage gets the last one
        end = max(1, len(open_) - 1)
    packed.append(_passage(open_[:end]))
    return open_[:end], open_[end:]


def _passage(counted: list[_CountedSentence]) -> tuple[Span, int]:
    return Span(counted[0].sentence.start, counted[-1].sentence.end), sum(c.tokens for c in counted)


def _pieces(text: str, max_tokens: int, max_characters: int, language: str) -> Iterator[_CountedSentence]:
    """Yield the sentences with their token counts; far too long ones are split into lines, and long lines are cut."""
    for sentence in iterate_sentences(text, language):
        tokens = count_tokens(text[sentence.start : sentence.end])
        if sentence.end - sentence.start <= max_characters and tokens <= RUN_ON_FACTOR * max_tokens:
            yield _CountedSentence(sentence, tokens)
            continue
        for line in iterate_lines(text, sentence):
            whole = line.end - line.start <= max_characters
            for piece in [line] if whole else _cut(text, line, max_tokens, max_characters):
                yield _CountedSentence(piece, count_tokens(text[piece.start : piece.end]))


def _cut(text: str, sentence: Sentence, max_tokens: int, max_characters: int) -> Iterator[Sentence]:
    """Cut at the last white space within both budgets, else after the last clause mark, else where the budget ends."""
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
    """Return where to cut in (start, end]: at the last good place in its second half, else at `end`."""
    if text[end : end + 1].isspace():
        return end
    middle = (start + end) // 2
    for is_good in (str.isspace, _CLAUSE_MARK.__contains__):
        for at in range(end, middle, -1):
            if is_good(text[at - 1]):
                return start + len(text[start:at].rstrip())
    return end


def find_unfit_stretches(text: str, language: str, max_characters: int) -> list[tuple[Span, str]]:
    """Return the stretches of `text` that cannot become passages, each with its reason.

    `unbroken_run`: more than `max_characters` characters without white space in a script that uses it (an embedded
    file, for example). `no_sentence_end`: a line of more than RUNAWAY_FACTOR times `max_characters` without a sentence
    end.
    """
    if len(text) <= max_characters:
        return []
    run = re.compile(rf"(?<![^\s\u2e80-\uffef])[^\s\u2e80-\uffef]{{{max_characters + 1},}}")
    found = [(Span(m.start(), m.end()), "unbroken_run") for m in run.finditer(text)]
    longest = RUNAWAY_FACTOR * max_characters
    for sentence in iterate_sentences(text, language) if len(text) > longest else ():
        if sentence.end - sentence.start > longest:
            lines = iterate_lines(text, sentence)
            found += [
                (Span(line.start, line.end), "no_sentence_end") for line in lines if line.end - line.start > longest
            ]
    return found
