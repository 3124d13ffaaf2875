"""One document to its passages: clean, judge, pack. Pure: nothing is read but the document and the block-list."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from text2graph_dagster.corpus.readers.documents import Document
from text2graph_dagster.corpus.text.blocklist import BlockList, load_blocklist
from text2graph_dagster.corpus.text.cleaning import clean_text
from text2graph_dagster.corpus.text.language import detect_language
from text2graph_dagster.corpus.text.packing import find_unfit_stretches, pack_with_counts
from text2graph_dagster.corpus.text.text_quality import check_document, check_passage
from text2graph_dagster.graph.model import Span
from text2graph_dagster.settings import CorpusSettings


@dataclass(frozen=True)
class PreparedDocument:
    """What becomes of a document. Offsets count in `text`, the cleaned document; it has passages or refusals or both.

    `counts` has `stretches_quarantined` (parts refused while the rest goes on), `quarantined_<reason>` (parts or
    documents), `encoding_<name>` and `documents_cleaned` (documents that cleaning changed).
    """

    text: str
    language: str
    passages: list[tuple[Span, int]]  # with their tokens
    refused: list[tuple[str, str]]  # reason and detail, one for each reason
    counts: Counter[str] = field(default_factory=Counter)


def prepare_document(document: Document, expected_language: str, settings: CorpusSettings) -> PreparedDocument:
    """Clean and pack one document; what is refused of it has a reason, and it is refused whole or has passages.

    Raises:
        UserError: the block-list that the settings name cannot be used.
    """
    text = clean_text(document.text)
    language = detect_language(text, expected_language)
    counts = Counter({"documents_cleaned": int(text != document.text)})
    if document.encoding:
        counts[f"encoding_{document.encoding}"] += 1
    blocked = load_blocklist(settings.blocklist) if settings.blocklist else None
    unfit = find_unfit_stretches(text, language, settings.max_passage_characters)
    stretches = list(_stretches_between([span for span, _ in unfit], len(text)))
    refusals: list[tuple[str, str]] = []
    passages: list[tuple[Span, int]] = []
    if stretches and (verdict := check_document(text, settings.quality)):
        refusals = [verdict]
        counts[f"quarantined_{verdict[0]}"] += 1
    else:
        passages, refused = _pack(text, stretches, language, settings, blocked)
        refused = [(span, reason, "") for span, reason in unfit] + refused
        refusals = _summarise(refused)
        counts.update(f"quarantined_{reason}" for _, reason, _ in refused)
        counts["stretches_quarantined"] += len(refused) if passages else 0
    if not passages and not refusals:
        refusals = [("empty_after_cleaning", "nothing but white space and invisible characters")]
        counts["quarantined_empty_after_cleaning"] += 1
    return PreparedDocument(text, language, passages, refusals, counts)


_Refused = tuple[Span, str, str]  # where, the reason, and more about it


def _pack(
    text: str,
    stretches: list[tuple[int, int]],
    language: str,
    settings: CorpusSettings,
    blocked: BlockList | None,
) -> tuple[list[tuple[Span, int]], list[_Refused]]:
    """Return the passages of the stretches that may be taught, and those that may not."""
    budgets = settings.passage_tokens, settings.max_passage_characters, settings.overlap_sentences
    refused: list[_Refused] = []
    passages: list[tuple[Span, int]] = []
    for start, end in stretches:
        for packed, tokens in pack_with_counts(text[start:end], language, *budgets):
            span = Span(start + packed.start, start + packed.end)
            words = text[span.start : span.end]
            hit = blocked.find_hit(words) if blocked else None
            if not any(map(str.isalnum, words)):
                refused.append((span, "no_word", ""))
            elif hit:
                refused.append((span, "blocklist", hit))
            elif reason := check_passage(words, tokens, settings.quality):
                refused.append((span, reason, ""))
            else:
                passages.append((span, tokens))
    return passages, refused


def _summarise(refused: list[_Refused]) -> list[tuple[str, str]]:
    """Return one row for each reason: where it holds first, and how often."""
    rows: list[tuple[str, str]] = []
    for reason in sorted({reason for _, reason, _ in refused}):
        found = [(span, more) for span, why, more in refused if why == reason]
        span, more = found[0]
        detail = f"characters {span.start} to {span.end} of the cleaned text" + (f" ({more})" if more else "")
        rows.append((reason, detail + (f" and {len(found) - 1} more stretches" if found[1:] else "")))
    return rows


def _stretches_between(spans: list[Span], length: int) -> Iterator[tuple[int, int]]:
    """Yield the stretches of [0, length) that no span covers; spans may overlap."""
    begin = 0
    for span in sorted(spans, key=lambda s: (s.start, s.end)):
        if begin < span.start:
            yield begin, span.start
        begin = max(begin, span.end)
    if begin < length:
        yield begin, length
