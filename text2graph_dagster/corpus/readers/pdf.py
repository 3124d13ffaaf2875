"""PDF files: the text layer of every page, by pypdf, with lines joined to paragraphs."""

import logging
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from text2graph_dagster.corpus.readers.documents import Document, ExtractedText, Rejection
from text2graph_dagster.corpus.readers.whole_file import read_whole_file
from text2graph_dagster.settings import CorpusSettings
from text2graph_dagster.unicode import WIDE

_EDGE_LINES = 2  # running titles are within this many lines of the top or bottom of a page
_FULL_LINE = 0.7  # a line shorter than this share of the page's longest may end a paragraph
_BROKEN_WORD = re.compile(r"(\w*[^\W\d_])[-\u2010\u00ad]\n([^\W\d_]\w*)")
_SENTENCE_END = re.compile("[.!?。！？:：;；][\"'”’»)\\]」』）】》]*$")
_OWN_LINE = re.compile(r"[-*+•·▪●◦–]\s|\(?\d{1,3}[.)]\s|#|\|")


def read(path: Path, name: str, settings: CorpusSettings) -> Iterator[Document | Rejection]:
    """Yield the document of the file, or its rejection."""
    yield read_whole_file(extract, path, name, settings, settings.max_document_bytes)


def extract(path: Path, settings: CorpusSettings) -> ExtractedText | Rejection:
    """Return the text of a PDF without its running titles (a rejection has no doc_id).

    The file is rejected if reading takes more than `settings.max_reading_seconds` (checked after every page), or if the
    text has more than `settings.max_document_bytes` characters.
    """
    from pypdf import PdfReader

    logging.getLogger("pypdf").setLevel(logging.ERROR)  # it warns about every flaw that it tolerates
    stop = time.monotonic() + settings.max_reading_seconds
    pages: list[str] = []
    characters = 0
    with PdfReader(path) as reader:
        if reader.is_encrypted and not reader.decrypt(""):
            return Rejection("", "encrypted", "it asks for a password; save it without one")
        for page in reader.pages:
            pages.append(page.extract_text())
            characters += len(pages[-1])
            if characters > settings.max_document_bytes:
                return Rejection("", "too_large", f"more than {settings.max_document_bytes} characters; split it")
            if time.monotonic() > stop:
                detail = f"{len(pages)} pages took more than {settings.max_reading_seconds:g} seconds; split it"
                return Rejection("", "too_slow", detail)
    if not any(char.isalnum() for page in pages for char in page):
        return Rejection("", "no_text", "it has no text layer (scanned pages); run it through OCR first")
    return ExtractedText(join_pages(pages))


def join_pages(pages: Sequence[str]) -> str:
    """Return the text of pages as paragraphs: drop running titles, join hyphenated words and broken lines."""
    lines = _without_running_titles([[line.strip() for line in page.splitlines() if line.strip()] for page in pages])
    longest = [max(map(len, page), default=0) for page in lines]
    flat = [(line, len(line) < _FULL_LINE * longest[i]) for i, page in enumerate(lines) for line in page]
    joined = [line for line, _ in flat[:1]]
    for (before, short), (line, _) in pairwise(flat):
        joined += ["\n\n" if _begins_paragraph(before, short, line) else "\n", line]
    return _join_lines("".join(joined))


def _begins_paragraph(before: str, short: bool, line: str) -> bool:
    """Tell whether `line` begins a paragraph: it is a list item, or it does not continue the short line before it."""
    if _OWN_LINE.match(line):
        return True
    return short and bool(_SENTENCE_END.search(before) or not (line[0].islower() or before[-1] in ",-\u2010\u00ad"))


def _join_lines(text: str) -> str:
    """Join lines with a space, but halves of a word and Chinese text without one."""
    known = Counter(re.findall(r"[^\W\d_]+(?:-[^\W\d_]+)*", text.lower()))

    def word(match: re.Match[str]) -> str:
        # "well-\nknown" keeps its hyphen if "well-known" is more frequent in the document than "wellknown".
        hyphened, plain = f"{match[1]}-{match[2]}", match[1] + match[2]
        keep = known[hyphened.lower()] > known[plain.lower()] or match[2][0].isupper()
        return hyphened if keep else plain

    text = _BROKEN_WORD.sub(word, text)
    text = re.sub(rf"(?<=[{WIDE}])\n(?=[{WIDE}])", "", text)
    return re.sub(r"(?<!\n)\n(?!\n)", " ", text)


def _without_running_titles(pages: list[list[str]]) -> list[list[str]]:
    """Drop lines that are repeated, except for numbers, at the edges of at least half of the pages (at least three)."""
    if len(pages) < 3:
        return pages

    def at_edge(page: list[str]) -> set[int]:
        return {i for i in range(len(page)) if i < _EDGE_LINES or i >= len(page) - _EDGE_LINES}

    def key(line: str) -> str:
        return re.sub(r"\d+", "0", line)

    counts = Counter(title for page in pages for title in {key(page[i]) for i in at_edge(page)})
    return [
        [line for i, line in enumerate(page) if i not in at_edge(page) or 2 * counts[key(line)] < len(pages)]
        for page in pages
    ]
