"""Exports of graphs with ordinary and with hostile names, read back with independent readers."""

import csv
import json
import re
from pathlib import Path
from typing import get_args
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from text2graph_dagster.exports import FORMATS, ExportFormat, PassageGraph
from text2graph_dagster.exports.csv_files import escape_formula
from text2graph_dagster.exports.cypher import cypher_label, cypher_literal
from text2graph_dagster.exports.graphml import NAMESPACE
from text2graph_dagster.exports.merge import merge_passages
from text2graph_dagster.graph.model import Entity, Graph, Relation, Span

ONE = PassageGraph(
    "p1",
    "Ana Ruiz founded Velsoft. Ruiz left.",
    Graph(
        (
            Entity(0, "Ana Ruiz", "person", (Span(0, 8), Span(26, 30))),
            Entity(1, "Velsoft", "company", (Span(17, 24),)),
        ),
        (Relation(0, 1, "founded", Span(0, 25)),),
    ),
    "news",
    "d1.txt",
)
TWO = PassageGraph(
    "p2",
    "Velsoft, which Ana Ruiz set up, has moved.",
    Graph(
        (Entity(5, "Velsoft", "company", (Span(0, 7),)), Entity(7, "Ana Ruiz", "person", (Span(15, 23),))),
        (Relation(7, 5, "founded"),),
    ),
)
HOSTILE = [
    '=HYPERLINK("http://x","y")',
    "@SUM(A1)",
    "-2+3",
    "O'Brien\"); MATCH (n) DETACH DELETE n; //",
    "\\u0027}) DETACH DELETE n //",
    "a`) DETACH DELETE n //",
    "<script>alert(1)</script> & ]]>",
    "line\nbreak\r\ttab",
    "nul\x00 bell\x07 \ud800 \uffff",
    "北京大学 🙂 \u202eright-to-left",
]


def hostile() -> PassageGraph:
    text = "|".join(HOSTILE)
    spans = [Span(text.index(name), text.index(name) + len(name)) for name in HOSTILE]
    entities = tuple(Entity(i, name, name, (span,)) for i, (name, span) in enumerate(zip(HOSTILE, spans, strict=True)))
    relations = tuple(Relation(i, (i + 1) % len(entities), name, spans[i]) for i, name in enumerate(HOSTILE))
    return PassageGraph("=p`'", text, Graph(entities, relations))


def test_equal_items_of_two_passages_are_merged_with_all_evidence() -> None:
    merged = merge_passages([ONE, TWO])
    assert [(e.text, e.type, len(e.evidence)) for e in merged.entities.values()] == [
        ("Ana Ruiz", "person", 3),
        ("Velsoft", "company", 2),
    ]
    (relation,) = merged.relations.values()
    assert [e.text for e in relation.evidence] == ["Ana Ruiz founded Velsoft.", "Velsoft, which Ana Ruiz"]
    assert [e.passage_id for e in relation.evidence] == ["p1", "p2"]


def test_entities_with_one_name_and_different_types_are_not_merged() -> None:
    graph = Graph((Entity(0, "Washington", "person"), Entity(1, "Washington", "city")), (Relation(0, 1, "born in"),))
    merged = merge_passages([PassageGraph("p", "Washington", graph)])
    assert len(merged.entities) == 2
    assert next(iter(merged.relations.values())).evidence == []


def test_the_id_of_an_item_does_not_depend_on_other_exported_items() -> None:
    assert set(merge_passages([ONE]).entities) == set(merge_passages([TWO, ONE]).entities)
    assert set(merge_passages([ONE]).relations) == set(merge_passages([TWO, ONE]).relations)


def test_every_format_is_an_option_of_the_command_line() -> None:
    assert get_args(ExportFormat) == tuple(FORMATS)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("passages", [[], [ONE, TWO], [hostile()]], ids=["empty", "ordinary", "hostile"])
def test_every_format_writes_valid_utf8_deterministically(tmp_path: Path, name: str, passages) -> None:
    once = [path.read_bytes() for path in FORMATS[name](passages, tmp_path / "once")]
    again = [path.read_bytes() for path in FORMATS[name](passages, tmp_path / "again")]
    assert once == again
    assert all(b"\x00" not in content and content.decode("utf-8") for content in once)


# A minimal Cypher tokeniser, enough to tell text from code.
TOKEN = re.compile(r"'(?:\\.|[^'\\])*'|`(?:``|[^`])*`|[^'`]", re.DOTALL)
STATEMENT = re.compile(
    r"CREATE CONSTRAINT entity_id .*;"
    r"|MERGE \(e:Entity \{id: S\}\) SET e:B, e\.text = S, e\.type = S(, e\.\w+ = \[[S, \d]*\])+;"
    r"|MATCH \(h:Entity \{id: S\}\), \(t:Entity \{id: S\}\) MERGE \(h\)-\[r:B \{id: S\}\]->\(t\) "
    r"SET r\.type = S(, r\.\w+ = \[[S, \d]*\])+;"
)


def skeleton(line: str) -> str:
    """Replace every string by S, concatenated strings by one S, and every name in backticks by B."""
    assert not re.search(r"\\[uU]", line), "a server may replace \\uXXXX before it parses strings"
    bare = "".join({"'": "S", "`": "B"}.get(token[0], token) for token in TOKEN.findall(line))
    return re.sub(r"S( \+ S)+", "S", bare)


@pytest.mark.parametrize("passages", [[ONE, TWO], [hostile()]], ids=["ordinary", "hostile"])
def test_cypher_contains_only_merging_statements(tmp_path: Path, passages) -> None:
    lines = FORMATS["cypher"](passages, tmp_path / "graph.cypher")[0].read_text("utf-8").splitlines()
    assert all(STATEMENT.fullmatch(skeleton(line)) for line in lines)
    assert len(lines) == 1 + (3 if len(passages) == 2 else 2 * len(HOSTILE))


@given(st.text())
def test_a_cypher_literal_reads_back_as_its_text(text: str) -> None:
    parts = re.findall(r"'((?:\\.|[^'\\])*)'", cypher_literal(text), re.DOTALL)
    back = re.sub(
        r"\\(.)", lambda m: {"n": "\n", "r": "\r", "t": "\t"}.get(m[1], m[1]), "".join(parts), flags=re.DOTALL
    )
    assert back == text
    assert skeleton(cypher_literal(text)) == "S"


@given(st.text())
def test_a_cypher_label_cannot_leave_its_backticks(name: str) -> None:
    assert re.fullmatch(r"`[^`\\\n]*`", cypher_label(name))


def test_csv_cells_are_escaped_against_formulas_and_can_be_read_back(tmp_path: Path) -> None:
    paths = FORMATS["csv"]([hostile()], tmp_path / "csv")
    assert [p.name for p in paths] == ["entities.csv", "relations.csv", "evidence.csv"]
    for path in paths:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
        assert {len(row) for row in rows} == {len(rows[0])}
        assert not [c for row in rows for c in row if c.lstrip().startswith(("=", "+", "-", "@", "＝"))]
    with paths[0].open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    assert texts[5] == HOSTILE[5]
    assert texts[0] == "'" + HOSTILE[0]


@given(st.text())
def test_escaping_a_formula_only_adds_an_apostrophe(cell: str) -> None:
    assert escape_formula(cell) in (cell, "'" + cell)


def test_graphml_can_be_read_back(tmp_path: Path) -> None:
    (path,) = FORMATS["graphml"]([hostile()], tmp_path / "graph.graphml")
    root = ElementTree.parse(path).getroot()
    tag = f"{{{NAMESPACE}}}"
    nodes, edges = root.findall(f".//{tag}node"), root.findall(f".//{tag}edge")
    assert len(nodes) == len(edges) == len(HOSTILE)
    assert {e.get("source") for e in edges} == {n.get("id") for n in nodes}
    values = [{d.get("key"): d.text for d in node} for node in nodes]
    assert values[6]["label"] == HOSTILE[6]
    assert json.loads(values[3]["evidence"])[0]["text"] == HOSTILE[3]


def test_jsonld_has_triples_and_statements_with_evidence(tmp_path: Path) -> None:
    (path,) = FORMATS["jsonld"]([ONE, TWO, hostile()], tmp_path / "graph.jsonld")
    document = json.loads(path.read_text("utf-8"))
    nodes = {node["@id"]: node for node in document["@graph"]}
    assert len(nodes) == 2 + 1 + 2 * len(HOSTILE)
    statement = next(n for n in nodes.values() if n["@type"] == "Statement" and n["label"] == "founded")
    head = nodes[statement["subject"]]
    assert (head["label"], nodes[statement["object"]]["label"]) == ("Ana Ruiz", "Velsoft")
    assert head[statement["predicate"]] == [{"@id": statement["object"]}]
    assert statement["evidence"][0] == {
        "passage": "p1",
        "document": "d1.txt",
        "start": 0,
        "end": 25,
        "text": ONE.text[:25],
    }
    assert all(re.fullmatch(r"urn:text2graph:[a-z]+:[\w.~%-]+", name, re.ASCII) for name in nodes)
