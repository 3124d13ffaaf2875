"""Sentence numbers, by which a rationale refers to its passage. The first sentence is 1."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from text2graph_dagster.corpus.text.sentences import split_sentences
from text2graph_dagster.graph.model import Entity, Relation, Span


@dataclass(frozen=True, slots=True)
class SentenceIndex:
    """The sentences of one passage."""

    text: str
    spans: tuple[Span, ...]

    @classmethod
    def of(cls, text: str, language: str) -> "SentenceIndex":
        """Split a passage into sentences."""
        return cls(text, tuple(split_sentences(text, language)) or (Span(0, len(text)),))

    def number(self, offset: int) -> int:
        """Return the number of the sentence that contains the code point at `offset`."""
        return max(1, bisect_right([span.start for span in self.spans], offset))

    def find_mentions(self, entity: Entity) -> dict[tuple[int, str], None]:
        """Return (sentence number, surface) of every mention, in order, each once."""
        return dict.fromkeys((self.number(m.start), self.text[m.start : m.end]) for m in entity.mentions)

    def find_evidence(self, relation: Relation, head: Entity, tail: Entity) -> tuple[int, int]:
        """Return the numbers of the first and last sentence that state a relation.

        If the graph has no evidence, return the closest sentences that name head and tail.
        """
        if relation.evidence:
            return self.number(relation.evidence.start), self.number(relation.evidence.end - 1)
        pairs = [
            tuple(sorted((self.number(h.start), self.number(t.start)))) for h in head.mentions for t in tail.mentions
        ]
        first, last = min(pairs, key=lambda pair: (pair[1] - pair[0], pair), default=(1, len(self.spans)))
        return first, last


def list_sentence_pairs(sentences: SentenceIndex, entities: Sequence[Entity]) -> list[tuple[int, Entity, Entity]]:
    """Return (sentence number, entity, entity) for every two entities in one sentence, in both orders."""
    where = [(number, e) for e in entities for number in dict.fromkeys(n for n, _ in sentences.find_mentions(e))]
    where.sort(key=lambda item: (item[0], item[1].id))
    return [(n, a, b) for n, a in where for m, b in where if n == m and a.id != b.id]
