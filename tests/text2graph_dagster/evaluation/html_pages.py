"""Shared by the tests of the report: an ontology, rows of eval_report, and an HTML parser."""

from html.parser import HTMLParser

from text2graph_dagster.ontology import EntityType, Ontology, RelationType

ONTOLOGY = Ontology(
    "t",
    "en",
    (EntityType("person"), EntityType("company"), EntityType("city")),
    (RelationType("founded"), RelationType("lives in"), RelationType("married to", symmetric=True)),
)
CELLS = {"td", "th", "span", "b", "small", "summary"}
VOID = {"meta", "br", "link", "img", "input", "hr"}


def row(system: str, metric: str, value: float | None, corpus: str = "news", n: int = 1234) -> dict:
    low, high = (None, None) if value is None else (value - 0.01, value + 0.01)
    return {
        "run": "r1",
        "system": system,
        "corpus": corpus,
        "metric": metric,
        "value": value,
        "low": low,
        "high": high,
        "n": n,
    }


class Page(HTMLParser):
    """Collects elements, attributes and text, and asserts that all elements are closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(html)
        self.close()
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        self.text += " " if tag in CELLS else ""
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text += data
