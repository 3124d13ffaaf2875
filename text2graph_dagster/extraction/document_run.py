"""From documents to what the student is asked, and from its answers back to a graph of the document."""

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
from text2graph_dagster.graph.wire import without_blanks
from text2graph_dagster.inference.checkpoint import CheckpointRecipe
from text2graph_dagster.ontology import Ontology
from text2graph_dagster.prompts.rendering import render
from text2graph_dagster.settings import CorpusSettings

MAX_EMPTY_DOCUMENTS = 1000  # documents in a row that wait for none but each other


@dataclass(frozen=True, slots=True)
class PassageRequest:
    """A passage of a document that the student is asked about; both are counted from 0."""

    document: int
    passage: int
    prompt: str
    text: str


@dataclass(frozen=True, slots=True)
class PassageReply:
    """What came back: the raw text, or the `problem` because of which there is none, with `detail`; `tokens` long."""

    text: str
    problem: str = ""
    tokens: int = 0
    detail: str = ""


@dataclass
class DocumentRun:
    """The documents under way: each is asked about passage by passage, and done when all its answers are there.

    Answers may come in any order; documents leave in the order in which they came.
    """

    ontology: Ontology
    recipe: CheckpointRecipe
    ended: bool = False  # whether all documents were taken
    _open: dict[int, "_OpenDocument"] = field(default_factory=dict)
    _taken: int = 0
    _first: int = 0  # the document that leaves next

    def questions(self, documents: Iterator[Document | Rejection]) -> Iterator[PassageRequest]:
        """Yield every passage of every document as a question.

        After many documents in a row about which there is nothing to ask it stops, so that they may leave: call it
        again until everything has `ended`.
        """
        packing, silent = self.recipe.corpus_settings(), 0
        for document in documents:
            number, self._taken = self._taken, self._taken + 1
            under_way = self._open[number] = _OpenDocument(document, self.ontology, packing)
            for i in range(len(under_way.spans)):
                words, language = under_way.passage(i)
                yield PassageRequest(number, i, self._ask(words, language), words)
            silent = 0 if under_way.spans else silent + 1
            if silent == MAX_EMPTY_DOCUMENTS:
                return
        self.ended = True

    def _ask(self, words: str, language: str) -> str:
        types = (self.ontology.entity_names, self.ontology.relation_names)
        return render(words, *types, self.ontology, self.recipe.template, language)

    def answer(self, question: PassageRequest, reply: PassageReply) -> None:
        """Take the answer to a question."""
        self._open[question.document].take(question.passage, reply)

    def finished(self) -> Iterator[Extraction]:
        """Yield the documents whose turn it is and that are done."""
        while (under_way := self._open.get(self._first)) and under_way.done:
            del self._open[self._first]
            self._first += 1
            yield under_way.extraction()


class _OpenDocument:
    """A document, its passages, and what has been found in them so far."""

    def __init__(self, document: Document | Rejection, ontology: Ontology, settings: CorpusSettings) -> None:
        self.document, self._ontology = document, ontology
        self.spans: list[Span] = []
        self._refused: list[tuple[str, str]] = []
        if isinstance(document, Document):
            prepared = prepare_document(document, ontology.language, settings)
            self._text, self._language, self._refused = prepared.text, prepared.language, prepared.refused
            self.spans = [span for span, _ in prepared.passages]
        self._windows: dict[int, Window] = {}
        self._found: list[WindowGraph] = []
        self._dropped: Counter[str] = Counter()

    @property
    def done(self) -> bool:
        return len(self._windows) == len(self.spans)

    def passage(self, number: int) -> tuple[str, str]:
        """Return a passage and its language."""
        span = self.spans[number]
        words = self._text[span.start : span.end]
        return words, detect_language(words, self._language)

    def take(self, number: int, reply: PassageReply) -> None:
        """Read the answer about a passage; one that cannot be read is a problem with a name."""
        words, language = self.passage(number)
        problem = reply.problem
        if not problem:
            try:
                parsed = parse(without_blanks(reply.text))
            except GraphParseError as error:
                problem = error.reason
            else:
                types = (self._ontology.entity_names, self._ontology.relation_names)
                legal = legalise(parsed, words, *types, self._ontology)
                self._found.append(WindowGraph(self.spans[number].start, words, language, legal.graph))
                self._dropped.update(legal.dropped)
        self._windows[number] = Window(self.spans[number], problem, reply.tokens, reply.detail)

    def extraction(self) -> Extraction:
        """Return what was found, with offsets into the document as it came."""
        document = self.document
        if isinstance(document, Rejection):
            return Extraction(document.doc_id, error=document.reason, detail=document.detail)
        if not self.spans:
            reason, detail = self._refused[0]
            return Extraction(document.doc_id, document.text, error=reason, detail=detail)
        merged = merge_windows(self._found, self._ontology)
        windows = tuple(self._windows[i] for i in range(len(self.spans)))
        if self._text != document.text:
            merged, windows = _into_original(merged, windows, document.text)
        return Extraction(
            document.doc_id,
            document.text,
            merged.graph,
            merged.evidence,
            windows,
            {reason: count for reason, count in sorted(self._dropped.items()) if count},
            tuple(self._refused),
        )


def _into_original(
    merged: DocumentGraph, windows: tuple[Window, ...], text: str
) -> tuple[DocumentGraph, tuple[Window, ...]]:
    """Return the same with offsets into `text`, which is the document before it was cleaned."""
    _, offsets = clean_with_map(text)

    def back(span: Span) -> Span:
        return offsets.source_span(span.start, span.end)

    return merged.moved(back), tuple(replace(window, span=back(window.span)) for window in windows)
