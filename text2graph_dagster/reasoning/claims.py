"""Find the claims of a rationale in free prose, sentence by sentence, by rules.

Head and tail of a relation phrase are the nearest names to its left and right, and the names enumerated with them. If
a comma or a conjunction separates a name from the phrase ("Ana, the wife of Tom, works for Velsoft"), head and tail are
open: any two names of the sentence may be meant. A negation in the same clause makes the claim a denial. Questions,
conditions and phrases with "might" count neither as statements nor as denials.

Limits: pronouns are not resolved (two sentences are read together instead), a relation is recognised only by its name
or a declared alias, and irony and long-range negation are missed. In doubt, `prose_verifier.py` objects: rejecting a
good rationale costs a call, but an accepted bad one becomes training data.
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

# Where a clause of a sentence ends. A colon does not end one: "does not state: works for".
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
    """A relation phrase in a sentence. `pairs` are its possible heads and tails; empty if they are open."""

    mood: Mood
    wording: RelationWording
    pairs: tuple[tuple[NameMention, NameMention], ...]


@dataclass(frozen=True, slots=True)
class RationaleSentence:
    """A sentence of a rationale: the names in it, and its claims."""

    span: Span
    names: tuple[NameMention, ...]
    claims: tuple[Claim, ...]


def read_sentences(
    rationale: str,
    language: str,
    names: Sequence[NameMention],
    wordings: Sequence[RelationWording],
    quotations: Sequence[Quotation],
) -> list[RationaleSentence]:
    """Return the sentences of a rationale with their names and claims."""
    quoted = [q.span for q in quotations if not any(w.span == q.span for w in wordings)]  # except quoted relation names
    masked = _mask(rationale, [n.span for n in names] + quoted)
    read = []
    for span in split_sentences(masked, language) or [Span(0, len(masked))]:
        inside = [n for n in names if span.start <= n.span.start < span.end]
        worded = [w for w in wordings if span.start <= w.span.start < span.end]
        read.append(RationaleSentence(span, tuple(inside), tuple(_claims(masked, span, inside, worded))))
    return read


def _mask(text: str, spans: Sequence[Span]) -> str:
    """Replace these spans by capitals, so that punctuation and negations in them are not interpreted."""
    parts, at = [], 0
    for span in sorted(spans, key=lambda s: s.start):
        start = max(at, span.start)
        if span.end > start:
            parts += [text[at:start], "X" * (span.end - start)]
            at = span.end
    return "".join([*parts, text[at:]])


def _claims(
    text: str, span: Span, names: Sequence[NameMention], wordings: Sequence[RelationWording]
) -> Iterator[Claim]:
    is_question = bool(_QUESTION.search(text[span.start : span.end]))
    clauses = _clauses(text, span)
    for wording in wordings:
        mood: Mood = "asks" if is_question else _mood(text, clauses, wording, names)
        yield Claim(mood, wording, tuple(_pairs(text, span, wording, names)))


def _clauses(text: str, span: Span) -> list[Span]:
    breaks = (match.start() for match in _BREAK.finditer(text, span.start, span.end))
    return [Span(start, end) for start, end in pairwise((span.start, *breaks, span.end))]


def _mood(text: str, clauses: Sequence[Span], wording: RelationWording, names: Sequence[NameMention]) -> Mood:
    """Return the mood of the relation's clause; if a clause has no name, the clause before it is read too."""
    at = max(i for i, clause in enumerate(clauses) if clause.start <= wording.span.start)
    while True:
        clause = clauses[at]
        own = wording.span if _starts_in(wording.span, clause) else Span(clause.end, clause.end)
        words = f"{text[clause.start : own.start]} {text[own.end : clause.end]}"
        if _DOUBT.search(words):
            return "asks"
        if _DENIAL.search(words):
            return "denies"
        if at == 0 or any(_starts_in(name.span, clause) for name in names):
            return "states"
        at -= 1


def _starts_in(span: Span, clause: Span) -> bool:
    return clause.start <= span.start < clause.end


def _pairs(
    text: str, span: Span, wording: RelationWording, names: Sequence[NameMention]
) -> Iterator[tuple[NameMention, NameMention]]:
    """Yield the possible (head, tail) pairs of a relation phrase, if the sentence determines them."""
    left = [n for n in names if n.span.end <= wording.span.start][::-1]
    right = [n for n in names if n.span.start >= wording.span.end]
    if not left or not right:
        return
    before, after = text[left[0].span.end : wording.span.start], text[wording.span.end : right[0].span.start]
    broken = [bool(_BREAK.search(gap)) for gap in (before, after)]
    as_tuple = all(broken) and all(_NO_WORDS.fullmatch(gap) for gap in (before, after))
    if any(broken) and not as_tuple:
        return
    heads, tails = _list_items(text, left, backwards=True), _list_items(text, right, backwards=False)
    if _BY.match(text, wording.span.end, span.end):
        heads, tails = tails, heads
    yield from ((head, tail) for head in heads for tail in tails)


def _list_items(text: str, run: Sequence[NameMention], backwards: bool) -> list[NameMention]:
    """Return the first name and those listed together with it: "A, B and C", but not the A of "In A, B …"."""
    group, is_list = [run[0]], False
    for name in run[1:]:
        first, second = (name, group[-1]) if backwards else (group[-1], name)
        gap = text[first.span.end : second.span.start]
        if not gap.strip() or not _LISTED.fullmatch(gap):
            break
        is_list = is_list or bool(_JOINED.search(gap))
        group.append(name)
    return group if is_list else group[:1]
