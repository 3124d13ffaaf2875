"""From documents to the prompts of their passages, and from the answers to one graph per document."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from text2graph_dagster.corpus.passages import prepare_document
from text2graph_dagster.corpus.readers.documents import Document, Rejection
from text2graph_dagster.corpus.text.cleaning import clean_with_map
from text2graph_dagster.corpus.text.language import detect_language
from text2graph_dagster.extraction.merging import DocumentGraph, WindowGraph, merge_windows
from text2graph_dagster.extraction.results import Extraction, Window
from text2graph_dagster.graph.legality import legalise
from text2graph_dagster.graph.model import Span
from text2graph_dagster.graph.parsing import GraphParseError, parse
from text2graph_dagster.graph.wire import strip_leading_blanks
from text2graph_dagster.inference.checkpoint import CheckpointRecipe
from text2graph_dagster.ontology import Ontology
from text2graph_dagster.prompts.rendering import render_prompt
from text2graph_dagster.settings import CorpusSettings

MAX_EMPTY_DOCUMENTS = 1000  # after this many consecutive documents without a passage, finished ones are released


@dataclass(frozen=True, slots=True)
class PassageRequest:
    """The prompt for one passage; `document` and `passage` are counted from 0."""

    document: int
    passage: int
    prompt: str
    text: str


@dataclass(frozen=True, slots=True)
class PassageReply:
    """The raw answer and its length in `tokens`, or the `problem` that prevented it, with its `detail`."""

    text: str
    problem: str = ""
    tokens: int = 0
    detail: str = ""


@dataclass
class DocumentRun:
    """The documents in progress. A document is finished when all its passages are answered.

    Answers may arrive in any order; finished documents are yielded in the order of the input.
    """

    ontology: Ontology
    recipe: CheckpointRecipe
    ended: bool = False  # whether all documents have been read
    _open: dict[int, "_OpenDocument"] = field(default_factory=dict)
    _read: int = 0
    _first: int = 0  # the document to yield next

    def requests(self, documents: Iterator[Document | Rejection]) -> Iterator[PassageRequest]:
        """Yield a request for every passage of every document.

        It stops after `MAX_EMPTY_DOCUMENTS` consecutive documents without a passage, so that the caller can take the
        finished documents. Call it again until `ended` is true.
        """
        packing, empty = self.recipe.corpus_settings(), 0
        for document in documents:
            number, self._read = self._read, self._read + 1
            opened = self._open[number] = _OpenDocument(document, self.ontology, packing, self.recipe.decoding.repair)
            for i in range(len(opened.spans)):
                text, language = opened.passage(i)
                yield PassageRequest(number, i, self._prompt(text, language), text)
            empty = 0 if opened.spans else empty + 1
            if empty == MAX_EMPTY_DOCUMENTS:
                return
        self.ended = True

    def _prompt(self, text: str, language: str) -> str:
        types = (self.ontology.entity_names, self.ontology.relation_names)
        return render_prompt(text, *types, self.ontology, self.recipe.template, language)

    def add_reply(self, request: PassageRequest, reply: PassageReply) -> None:
        """Record the reply to a request."""
        self._open[request.document].add_reply(request.passage, reply)

    def pop_finished(self) -> Iterator[Extraction]:
        """Yield and remove the finished documents at the head of the queue."""
        while (opened := self._open.get(self._first)) and opened.finished:
            del self._open[self._first]
            self._first += 1
            yield opened.extraction()


class _OpenDocument:
    """A document, its passages, and what was extracted from them so far."""

    def __init__(
        self, document: Document | Rejection, ontology: Ontology, settings: CorpusSettings, repair: bool
    ) -> None:
        self.document, self._ontology, self._repair = document, ontology, repair
        self.spans: list[Span] = []
        self._left_out: list[tuple[str, str]] = []
        if isinstance(document, Document):
            prepared = prepare_document(document, ontology.language, settings)
            self._text, self._language, self._left_out = prepared.text, prepared.language, prepared.rejected
            self.spans = [span for span, _ in prepared.passages]
        self._windows: dict[int, Window] = {}
        self._graphs: list[WindowGraph] = []
        self._dropped: Counter[str] = Counter()
        self._repaired = 0

    @property
    def finished(self) -> bool:
        return len(self._windows) == len(self.spans)

    def passage(self, number: int) -> tuple[str, str]:
        """Return a passage and its language."""
        span = self.spans[number]
        text = self._text[span.start : span.end]
        return text, detect_language(text, self._language)

    def add_reply(self, number: int, reply: PassageReply) -> None:
        """Parse the answer for a passage; a parse error becomes the passage's `problem`."""
        text, language = self.passage(number)
        problem = reply.problem
        if not problem:
            try:
                parsed = parse(strip_leading_blanks(reply.text))
            except GraphParseError as error:
                problem = error.reason
            else:
                types = (self._ontology.entity_names, self._ontology.relation_names)
                legal = legalise(parsed, text, *types, self._ontology, repair=self._repair)
                self._graphs.append(WindowGraph(self.spans[number].start, text, language, legal.graph))
                self._dropped.update(legal.dropped)
                self._repaired += legal.repaired
        self._windows[number] = Window(self.spans[number], problem, reply.tokens, reply.detail)

    def extraction(self) -> Extraction:
        """Return the result, with offsets into the document before cleaning."""
        document = self.document
        if isinstance(document, Rejection):
            return Extraction(document.doc_id, error=document.reason, detail=document.detail)
        if not self.spans:
            reason, detail = self._left_out[0]
            return Extraction(document.doc_id, document.text, error=reason, detail=detail)
        merged = merge_windows(self._graphs, self._ontology)
        windows = tuple(self._windows[i] for i in range(len(self.spans)))
        if self._text != document.text:
            merged, windows = _restore_offsets(merged, windows, document.text)
        return Extraction(
            document.doc_id,
            document.text,
            merged.graph,
            merged.evidence,
            windows,
            {reason: count for reason, count in sorted(self._dropped.items()) if count},
            self._repaired,
            tuple(self._left_out),
        )


def _restore_offsets(
    merged: DocumentGraph, windows: tuple[Window, ...], text: str
) -> tuple[DocumentGraph, tuple[Window, ...]]:
    """Return the graph and the windows with offsets into `text`, the document before cleaning."""
    _, offsets = clean_with_map(text)

    def original(span: Span) -> Span:
        return offsets.source_span(span.start, span.end)

    return merged.map_spans(original), tuple(replace(window, span=original(window.span)) for window in windows)
