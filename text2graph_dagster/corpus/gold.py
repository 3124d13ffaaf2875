"""Annotation: read and validate `gold.jsonl`, and clip the graph of a document to its passages.

Annotated documents of the splits dev and test are gold; those of the split train are trusted training examples.
"""

from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from text2graph_dagster.contracts.columns import SPLITS
from text2graph_dagster.corpus.folder import GOLD, CorpusFolder
from text2graph_dagster.corpus.readers.documents import Rejection, check_text, make_row_id
from text2graph_dagster.corpus.readers.json_lines import DEFAULT_MAX_BYTES, JsonLine, read_json_lines
from text2graph_dagster.errors import UserError
from text2graph_dagster.graph.model import Entity, Graph, Relation, Span
from text2graph_dagster.identity import digest

TRAIN = "train"


@dataclass(frozen=True, slots=True)
class GoldEntity:
    """An entity with all its mentions; `key` is its id in the file."""

    key: str
    type: str
    mentions: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class GoldRelation:
    """An annotated relation; `head` and `tail` are entity keys."""

    head: str
    tail: str
    type: str
    evidence: Span | None


@dataclass(frozen=True, slots=True)
class GoldDocument:
    """An annotated document. Offsets are code points into `text`, which is the text of the file without cleaning.

    `exhaustive` tells whether the annotation covers everything in the text that the ontology describes.
    """

    doc_id: str
    text: str
    split: str
    entities: tuple[GoldEntity, ...]
    relations: tuple[GoldRelation, ...]
    exhaustive: bool
    line: int
    size: int


class _AnnotationError(ValueError):
    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def read_gold(path: Path, max_bytes: int = DEFAULT_MAX_BYTES) -> Iterator[GoldDocument | Rejection]:
    """Yield every annotated document of a JSON Lines file, or its rejection.

    A line is `{"text", "entities": [{"id", "text", "type", "start", "end"[, "mentions": [{"start", "end"}]]}],
    "relations": [{"head_id", "tail_id", "type"[, "evidence": {"start", "end"}]}][, "id", "split", "exhaustive"]}`.
    The split is train, dev or test. A document without one is assigned to dev (a third of the documents) or test by a
    hash of its text.
    """
    seen: set[str] = set()
    for line in read_json_lines(path, path.name, max_bytes):
        if isinstance(line, Rejection):
            yield line
            continue
        doc_id = make_row_id(path.name, line.number, line.value.get("id"), seen)
        try:
            yield _parse_document(doc_id, line)
        except _AnnotationError as error:
            yield Rejection(doc_id, error.reason, str(error), line.size)


def require_training_documents(folder: CorpusFolder, max_bytes: int = DEFAULT_MAX_BYTES) -> None:
    """Check that a corpus has something to train on; the annotated documents are read up to the first of them.

    Raises:
        UserError: it has no documents, and no annotated document of the split train.
    """
    annotated = read_gold(folder.gold, max_bytes) if folder.gold else iter(())
    if not folder.documents and not any(isinstance(d, GoldDocument) and d.split == TRAIN for d in annotated):
        raise UserError(
            f'{folder.path} has nothing to train on: add documents, or write "split": "train" into lines of {GOLD}.'
        )


def _parse_document(doc_id: str, line: JsonLine) -> GoldDocument:
    text = line.value.get("text")
    if not isinstance(text, str):
        raise _AnnotationError("no_text", 'the object has no string "text"')
    if rejection := check_text(doc_id, text):
        raise _AnnotationError(rejection.reason, rejection.detail)
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise _AnnotationError("wrong_encoding", "a lone surrogate in the text; write its characters in full")
    split = line.value.get("split")
    if split is None:
        split = "dev" if int(digest(text)[:8], 16) % 3 == 0 else "test"
    if split not in SPLITS:
        raise _AnnotationError("unknown_split", f"split is {str(split)[:50]!r}; write train, dev or test")
    entities = tuple(_parse_entity(item, text) for item in _objects(line.value, "entities"))
    if len({entity.key for entity in entities}) < len(entities):
        raise _AnnotationError("broken_annotation", "two entities have the same id")
    relations = tuple(_parse_relation(item, text, entities) for item in _objects(line.value, "relations"))
    exhaustive = line.value.get("exhaustive", True) is True
    return GoldDocument(doc_id, text, split, entities, relations, exhaustive, line.number, line.size)


def _objects(value: dict[str, Any], key: str) -> list[dict[str, Any]]:
    items = value.get(key, [])
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise _AnnotationError("broken_annotation", f'"{key}" is not a list of objects')
    return items


def _string(item: dict[str, Any], key: str) -> str:
    value = item.get(key)
    if not isinstance(value, str | int) or isinstance(value, bool) or not str(value).strip():
        raise _AnnotationError("broken_annotation", f'no "{key}" in {str(item)[:100]}')
    return str(value)


def _parse_span(item: Any, text: str) -> Span:
    start, end = (item.get("start"), item.get("end")) if isinstance(item, dict) else (None, None)
    if type(start) is not int or type(end) is not int or not 0 <= start < end <= len(text):
        raise _AnnotationError("bad_offsets", f"no span of the text: {str(item)[:100]}")
    return Span(start, end)


def _parse_entity(item: dict[str, Any], text: str) -> GoldEntity:
    span, surface = _parse_span(item, text), _string(item, "text")
    if text[span.start : span.end] != surface:
        found = text[span.start : span.end][:60]
        raise _AnnotationError("bad_offsets", f"{surface[:60]!r} is said to stand where the text has {found!r}")
    mentions = item.get("mentions") or []
    if not isinstance(mentions, list):
        raise _AnnotationError("broken_annotation", '"mentions" is not a list')
    spans = {span, *(_parse_span(mention, text) for mention in mentions)}
    return GoldEntity(_string(item, "id"), _string(item, "type"), _sort_spans(spans))


def _parse_relation(item: dict[str, Any], text: str, entities: tuple[GoldEntity, ...]) -> GoldRelation:
    head, tail = _string(item, "head_id"), _string(item, "tail_id")
    known = {entity.key for entity in entities}
    if missing := [end for end in (head, tail) if end not in known]:
        raise _AnnotationError("broken_annotation", f"a relation names {missing[0][:60]!r}, which is no entity's id")
    evidence = item.get("evidence")
    return GoldRelation(head, tail, _string(item, "type"), _parse_span(evidence, text) if evidence else None)


def clip_graph(
    document: GoldDocument, passage: Span, symmetric: Set[str] = frozenset()
) -> tuple[Graph, frozenset[int]]:
    """Return the annotated graph of `passage`, and the indices of the document's relations that are in it.

    Offsets count from the start of the passage. Entities with the same longest surface and type in the passage are
    merged. A relation is kept if its head, tail and evidence are inside the passage. The head of a `symmetric` relation
    is the entity mentioned first; relations of an entity to itself are dropped.
    """
    entities, number = _passage_entities(document, passage)
    relations: dict[tuple[int, int, str], Relation] = {}
    placed: set[int] = set()
    for index, relation in enumerate(document.relations):
        head, tail = number.get(relation.head), number.get(relation.tail)
        if head is None or tail is None or head == tail:
            continue
        if relation.evidence and not _inside(relation.evidence, passage):
            continue
        if relation.type in symmetric and tail < head:
            head, tail = tail, head
        placed.add(index)
        evidence = _shift(relation.evidence, passage) if relation.evidence else None
        made = Relation(head, tail, relation.type, evidence, f"gold:{document.line}")
        relations.setdefault((head, tail, relation.type), made)
    return Graph(entities, tuple(relations[key] for key in sorted(relations))), frozenset(placed)


def _passage_entities(document: GoldDocument, passage: Span) -> tuple[tuple[Entity, ...], dict[str, int]]:
    """Return the entities of the passage in order of first mention, and the entity id for each gold key."""
    text = document.text[passage.start : passage.end]
    merged: dict[tuple[str, str], set[Span]] = {}
    name_of: dict[str, tuple[str, str]] = {}
    for entity in document.entities:
        spans = [_shift(mention, passage) for mention in entity.mentions if _inside(mention, passage)]
        if spans:
            longest = max(spans, key=lambda s: (s.end - s.start, -s.start))
            name_of[entity.key] = text[longest.start : longest.end], entity.type
            merged.setdefault(name_of[entity.key], set()).update(spans)
    named = [(_sort_spans(spans), name) for name, spans in merged.items()]
    named.sort(key=lambda pair: (pair[0][0].start, pair[0][0].end, pair[1]))
    entities = tuple(Entity(i, *name, mentions) for i, (mentions, name) in enumerate(named))
    number = {name: i for i, (_, name) in enumerate(named)}
    return entities, {key: number[name] for key, name in name_of.items()}


def _sort_spans(spans: Iterable[Span]) -> tuple[Span, ...]:
    return tuple(sorted(spans, key=lambda s: (s.start, s.end)))


def _shift(span: Span, passage: Span) -> Span:
    return Span(span.start - passage.start, span.end - passage.start)


def _inside(inner: Span, outer: Span) -> bool:
    return outer.start <= inner.start and inner.end <= outer.end
