"""Turn one document into passages: clean, filter, pack. The only file read is the block-list."""

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
    """The passages and the rejected parts of a document; offsets refer to `text`, the cleaned document.

    `counts` has `stretches_quarantined` (rejected parts of a document that has passages), `quarantined_<reason>` (parts
    or documents), `encoding_<name>` and `documents_cleaned` (documents changed by cleaning).
    """

    text: str
    language: str
    passages: list[tuple[Span, int]]  # with their number of tokens
    rejected: list[tuple[str, str]]  # reason and detail, one per reason
    counts: Counter[str] = field(default_factory=Counter)


def prepare_document(document: Document, expected_language: str, settings: CorpusSettings) -> PreparedDocument:
    """Clean and pack one document; a document without passages has at least one reason for rejection.

    Raises:
        UserError: the configured block-list cannot be used.
    """
    text = clean_text(document.text)
    language = detect_language(text, expected_language)
    counts = Counter({"documents_cleaned": int(text != document.text)})
    if document.encoding:
        counts[f"encoding_{document.encoding}"] += 1
    blocked = load_blocklist(settings.blocklist) if settings.blocklist else None
    unfit = find_unfit_stretches(text, language, settings.max_passage_characters)
    stretches = list(_stretches_between([span for span, _ in unfit], len(text)))
    rejected: list[tuple[str, str]] = []
    passages: list[tuple[Span, int]] = []
    if stretches and (failed := check_document(text, settings.quality)):
        rejected = [failed]
        counts[f"quarantined_{failed[0]}"] += 1
    else:
        passages, bad = _pack(text, stretches, language, settings, blocked)
        bad = [(span, reason, "") for span, reason in unfit] + bad
        rejected = _summarise(bad)
        counts.update(f"quarantined_{reason}" for _, reason, _ in bad)
        counts["stretches_quarantined"] += len(bad) if passages else 0
    if not passages and not rejected:
        rejected = [("empty_after_cleaning", "nothing but white space and invisible characters")]
        counts["quarantined_empty_after_cleaning"] += 1
    return PreparedDocument(text, language, passages, rejected, counts)


_RejectedStretch = tuple[Span, str, str]  # where, the reason, and a detail


def _pack(
    text: str,
    stretches: list[tuple[int, int]],
    language: str,
    settings: CorpusSettings,
    blocked: BlockList | None,
) -> tuple[list[tuple[Span, int]], list[_RejectedStretch]]:
    """Return the passages of the stretches with their token counts, and the rejected passages."""
    budgets = settings.passage_tokens, settings.max_passage_characters, settings.overlap_sentences
    rejected: list[_RejectedStretch] = []
    passages: list[tuple[Span, int]] = []
    for start, end in stretches:
        for packed, tokens in pack_with_counts(text[start:end], language, *budgets):
            span = Span(start + packed.start, start + packed.end)
            words = text[span.start : span.end]
            hit = blocked.find_hit(words) if blocked else None
            if not any(map(str.isalnum, words)):
                rejected.append((span, "no_word", ""))
            elif hit:
                rejected.append((span, "blocklist", hit))
            elif reason := check_passage(words, tokens, settings.quality):
                rejected.append((span, reason, ""))
            else:
                passages.append((span, tokens))
    return passages, rejected


def _summarise(rejected: list[_RejectedStretch]) -> list[tuple[str, str]]:
    """Return one (reason, detail) per reason; the detail states where it occurs first, and how often."""
    rows: list[tuple[str, str]] = []
    for reason in sorted({reason for _, reason, _ in rejected}):
        found = [(span, more) for span, why, more in rejected if why == reason]
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
