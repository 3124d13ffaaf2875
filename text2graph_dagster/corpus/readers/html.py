"""Web pages: the main text without markup and boilerplate.

By trafilatura, because telling an article from menus, cookie notices and footers takes rules that others maintain and
measure; parsing alone (lxml, selectolax) would keep them all. It takes about four seconds a megabyte.
"""

import logging
from collections.abc import Iterator
from typing import Any

from text2graph_dagster.corpus.readers.documents import Rejection


def extract(text: str) -> str | Rejection:
    """Return the main text of a page: paragraphs, `#` headings, `-` items, `|` rows (a refusal has no doc_id)."""
    import trafilatura  # a quarter of a second, and only where there are pages

    logging.getLogger("trafilatura").setLevel(logging.ERROR)  # what it warns of is a row of quarantine here
    page = trafilatura.bare_extraction(
        text, include_comments=False, include_formatting=True, favor_recall=True, deduplicate=False
    )
    body = getattr(page, "body", None)
    blocks = list(_blocks(body)) if body is not None else []
    if not blocks:
        return Rejection("", "no_text", "the page has no main text; a page that a script fills must be saved as text")
    return "\n\n".join(blocks)


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
