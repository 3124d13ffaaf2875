"""What a rationale in free prose claims: a rule reads it sentence by sentence, without a model.

Around each relation that a sentence words, the nearest names to the left and to the right, with those that are listed
with them, are its ends, unless a comma or a conjunction stands between ("Ana, the wife of Tom, works for Velsoft"):
then any two names of the sentence may be. A denial in the same part of the sentence makes it a rejection; a question,
a condition or a "might" makes it nothing.

The limits of such a rule: pronouns are not resolved (two sentences are read together instead), a relation counts only
by its name or an alias that the ontology declares, irony and long-range denials are not seen. Where it cannot tell,
`prose.py` objects: a good rationale that is refused costs a call, a bad one that is accepted is taught.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from text2graph_dagster.corpus.text.sentences import split_sentences
from text2graph_dagster.graph.model import Span
from text2graph_dagster.reasoning.name_finding import NameMention, Quotation, RelationWording

Mood = Literal["states", "denies", "asks"]

# Where a part of a sentence ends. A colon ends none: "does not state: works for".
_BREAK = re.compile(
    r"[,;，；—()（）。！？]|[.!?](?=\s)|\b(?:but|while|whereas|however|although|though|because|therefore|hence|thus)\b"
    r"|但是|但|而|然而|不过|因为|所以|因此|由此|可见|故",
    re.IGNORECASE,
)
_DENIAL = re.compile(
    r"\b(?:not(?! only)|no(?! doubt)|never|neither|nor|none|nothing|nobody|without|cannot|lacks?|den(?:y|ies|ied)"
    r"|reject(?:s|ed)?|exclude[sd]?|rule[sd]? out|absent|missing|false|instead of|rather than|unlike)\b|n[’']t\b"
    r"|不(?![仅但过久断同少管论光只])|没|未(?!来)|无(?!论|疑|锡)|并非|绝非|而非|否|排除|缺乏",
    re.IGNORECASE,
)
_DOUBT = re.compile(
    r"(?i:\b(?:might|could|perhaps|possibly|maybe|if|whether|suppose|unclear|unsure|consider(?:ed|ing)?)\b)|\bmay\b"
    r"|可能|也许|或许|如果|假如|是否|倘若|考虑|不确定"
)
_QUESTION = re.compile(r"[?？][\"'”’」』)）\s]*$")
_BY = re.compile(r"[\"”」』]?\s+by\b", re.IGNORECASE)
_LISTED = re.compile(r"[\s\"“”「」『』'’,，、]*(?:(?:and|or|as well as|和|与|及|以及|或|跟)[\s\"“”「」『』'’]*)?")
_JOINED = re.compile(r"\w|、")
_NO_WORDS = re.compile(r"[\W_]*")


@dataclass(frozen=True, slots=True)
class Claim:
    """A relation as one sentence words it. `pairs` are its ends where the words fix them, else there are none."""

    mood: Mood
    worded: RelationWording
    pairs: tuple[tuple[NameMention, NameMention], ...]


@dataclass(frozen=True, slots=True)
class RationaleSentence:
    """A sentence of a rationale: the names in it, and what it claims."""

    span: Span
    named: tuple[NameMention, ...]
    claims: tuple[Claim, ...]


def read_sentences(
    rationale: str,
    language: str,
    named: Sequence[NameMention],
    worded: Sequence[RelationWording],
    found: Sequence[Quotation],
) -> list[RationaleSentence]:
    """Return the sentences of a rationale with what they name and claim."""
    masked = _mask(rationale, [n.span for n in named] + [q.span for q in found if _holds_words(q, worded)])
    read = []
    for span in split_sentences(masked, language) or [Span(0, len(masked))]:
        inside = [n for n in named if span.start <= n.span.start < span.end]
        said = [w for w in worded if span.start <= w.span.start < span.end]
        read.append(RationaleSentence(span, tuple(inside), tuple(_claims(masked, span, inside, said))))
    return read


def _holds_words(quote: Quotation, worded: Sequence[RelationWording]) -> bool:
    """Tell whether a quotation is more than a relation's own words: its commas and denials are the passage's."""
    return not any(w.span == quote.span for w in worded)


def _mask(text: str, spans: Sequence[Span]) -> str:
    """Return the text with capitals in place of these spans: nothing in a name looks like a mark or a word."""
    parts, at = [], 0
    for span in sorted(spans, key=lambda s: s.start):
        start = max(at, span.start)
        if span.end > start:
            parts += [text[at:start], "X" * (span.end - start)]
            at = span.end
    return "".join([*parts, text[at:]])


def _claims(text: str, span: Span, named: Sequence[NameMention], said: Sequence[RelationWording]) -> Iterator[Claim]:
    asks = bool(_QUESTION.search(text[span.start : span.end]))
    parts = _parts(text, span)
    for worded in said:
        mood: Mood = "asks" if asks else _mood(text, parts, worded, named)
        yield Claim(mood, worded, tuple(_pairs(text, span, worded, named)))


def _parts(text: str, span: Span) -> list[Span]:
    breaks = (match.start() for match in _BREAK.finditer(text, span.start, span.end))
    return [Span(start, end) for start, end in pairwise((span.start, *breaks, span.end))]


def _mood(text: str, parts: Sequence[Span], worded: RelationWording, named: Sequence[NameMention]) -> Mood:
    """Return the mood of the part that words the relation; one without a name of its own continues the one before."""
    at = max(i for i, part in enumerate(parts) if part.start <= worded.span.start)
    while True:
        part = parts[at]
        own = worded.span if _in(worded.span, part) else Span(part.end, part.end)
        words = f"{text[part.start : own.start]} {text[own.end : part.end]}"
        if _DOUBT.search(words):
            return "asks"
        if _DENIAL.search(words):
            return "denies"
        if at == 0 or any(_in(name.span, part) for name in named):
            return "states"
        at -= 1


def _in(span: Span, part: Span) -> bool:
    return part.start <= span.start < part.end


def _pairs(
    text: str, span: Span, worded: RelationWording, named: Sequence[NameMention]
) -> Iterator[tuple[NameMention, NameMention]]:
    """Yield the ends of a relation, if the words fix them."""
    left = [n for n in named if n.span.end <= worded.span.start][::-1]
    right = [n for n in named if n.span.start >= worded.span.end]
    if not left or not right:
        return
    before, after = text[left[0].span.end : worded.span.start], text[worded.span.end : right[0].span.start]
    broken = [bool(_BREAK.search(gap)) for gap in (before, after)]
    as_tuple = all(broken) and all(_NO_WORDS.fullmatch(gap) for gap in (before, after))
    if any(broken) and not as_tuple:
        return
    heads, tails = _listed(text, left, backwards=True), _listed(text, right, backwards=False)
    if _BY.match(text, worded.span.end, span.end):
        heads, tails = tails, heads
    yield from ((head, tail) for head in heads for tail in tails)


def _listed(text: str, run: Sequence[NameMention], backwards: bool) -> list[NameMention]:
    """Return the first name and those that are listed with it: "A, B and C", but not the A of "In A, B …"."""
    group, is_list = [run[0]], False
    for name in run[1:]:
        first, second = (name, group[-1]) if backwards else (group[-1], name)
        gap = text[first.span.end : second.span.start]
        if not gap.strip() or not _LISTED.fullmatch(gap):
            break
        is_list = is_list or bool(_JOINED.search(gap))
        group.append(name)
    return group if is_list else group[:1]
