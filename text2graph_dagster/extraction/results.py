"""The results of extraction: one `Extraction` per document, including documents that could not be read."""

from dataclasses import dataclass, field
from typing import Any

from text2graph_dagster.graph.model import Graph, Span


@dataclass(frozen=True, slots=True)
class Window:
    """A passage of a document as the student saw it.

    `problem` is the reason for a missing answer (else ""), with the server's `detail`; `tokens` is the
    length of the answer.
    """

    span: Span
    problem: str = ""
    tokens: int = 0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Extraction:
    """The graph of one document. Offsets are code points into `text`, the document as given or read.

    `evidence` has, for every relation of the graph, the sentences that state it. `dropped` counts the items that the
    legality filter removed, by reason; `repaired` is the number of relations whose head or tail it replaced. `left_out`
    lists parts of the document that are not readable text, as (reason, detail). A document that cannot be read at all
    has an `error` (a fixed word) with its `detail`, and an empty graph.
    """

    doc_id: str
    text: str = ""
    graph: Graph = field(default_factory=Graph)
    evidence: tuple[tuple[Span, ...], ...] = ()
    passages: tuple[Window, ...] = ()
    dropped: dict[str, int] = field(default_factory=dict)
    repaired: int = 0
    left_out: tuple[tuple[str, str], ...] = ()
    error: str = ""
    detail: str = ""

    @property
    def unanswered(self) -> dict[str, int]:
        """Return the number of passages without an answer, by reason."""
        problems = [window.problem for window in self.passages if window.problem]
        return {problem: problems.count(problem) for problem in sorted(set(problems))}

    def as_row(self, *, with_text: bool = True) -> dict[str, Any]:
        """Return the extraction as a JSON object."""
        if self.error:
            return {"doc_id": self.doc_id, "error": self.error, "detail": self.detail}
        return {
            "doc_id": self.doc_id,
            **({"text": self.text} if with_text else {}),
            "entities": [
                {"id": e.id, "text": e.text, "type": e.type, "mentions": [_span(mention) for mention in e.mentions]}
                for e in self.graph.entities
            ],
            "relations": [
                {
                    "head": r.head,
                    "type": r.type,
                    "tail": r.tail,
                    "evidence": [{**_span(span), "text": self.text[span.start : span.end]} for span in spans],
                }
                for r, spans in zip(self.graph.relations, self.evidence, strict=True)
            ],
            "passages": [
                _span(w.span) | {key: value for key, value in (("problem", w.problem), ("detail", w.detail)) if value}
                for w in self.passages
            ],
            "dropped": self.dropped,
            "repaired": self.repaired,
            "left_out": [{"reason": reason, "detail": detail} for reason, detail in self.left_out],
        }


def _span(span: Span) -> dict[str, Any]:
    return {"start": span.start, "end": span.end}
