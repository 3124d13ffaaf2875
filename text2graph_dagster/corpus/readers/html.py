"""Web pages: the main text without markup and boilerplate.

trafilatura separates articles from menus, cookie notices and footers by rules that its authors maintain and measure;
plain parsers such as lxml or selectolax would keep all of these. trafilatura takes about four seconds per megabyte.
"""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from text2graph_dagster.corpus.readers.documents import Document, ExtractedText, Rejection
from text2graph_dagster.corpus.readers.encodings import decode_html, reject_binary
from text2graph_dagster.corpus.readers.whole_file import read_whole_file
from text2graph_dagster.settings import CorpusSettings


def read(path: Path, name: str, settings: CorpusSettings) -> Iterator[Document | Rejection]:
    """Yield the document of the page, or its rejection."""
    yield read_whole_file(extract, path, name, settings, settings.max_page_bytes)


def extract(path: Path, settings: CorpusSettings) -> ExtractedText | Rejection:
    """Return the main text of a page: paragraphs, `#` headings, `-` items, `|` rows (a rejection has no doc_id)."""
    data = path.read_bytes()
    decoded = reject_binary(data) or decode_html(data)
    if isinstance(decoded, Rejection) or not decoded.text.strip():
        return decoded
    import trafilatura  # the import takes 0.25 s and is needed only for pages

    logging.getLogger("trafilatura").setLevel(logging.ERROR)  # its warnings become rows of quarantine
    page = trafilatura.bare_extraction(
        decoded.text, include_comments=False, include_formatting=True, favor_recall=True, deduplicate=False
    )
    body = getattr(page, "body", None)
    blocks = list(_blocks(body)) if body is not None else []
    if not blocks:
        return Rejection("", "no_text", "the page has no main text; a page that a script fills must be saved as text")
    return ExtractedText("\n\n".join(blocks), decoded.encoding)


def _blocks(body: Any) -> Iterator[str]:
    for element in body:
        if element.tag == "head":
            level = "".join(c for c in element.get("rend", "h1") if c.isdigit()) or "1"
            if words := _words(element):
                yield f"{'#' * int(level)} {words}"
        elif element.tag == "list":
            if items := [f"- {words}" for item in element.iter("item") if (words := _words(item))]:
                yield "\n".join(items)
        elif element.tag == "table":
            cells = ([_words(cell) for cell in row.iter("cell")] for row in element.iter("row"))
            if rows := [f"| {' | '.join(row)} |" for row in cells if any(row)]:
                yield "\n".join(rows)
        elif words := _words(element):
            yield words


def _words(element: Any) -> str:
    return " ".join("".join(" " if part is None else part for part in element.itertext()).split())
