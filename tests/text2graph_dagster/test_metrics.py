"""The metrics equal hand-counted values and those of a slow, independent implementation."""

import json
import unicodedata

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from text2graph_dagster import metrics
from text2graph_dagster.graph.model import Entity, Graph, ParsedGraph, Relation
from text2graph_dagster.graph.parsing import parse
from text2graph_dagster.metrics import Directions, Items, count_items, graph_items, output_items
from text2graph_dagster.ontology import EntityType, Ontology, RelationType

ENTITY_TYPES = ("person", "company", "city")
RELATION_TYPES = ("founded", "lives in", "married to")
ONTOLOGY = Ontology(
    "test",
    "en",
    tuple(map(EntityType, ENTITY_TYPES)),
    (
        RelationType("founded", inverse="founded by"),
        RelationType("founded by"),
        RelationType("lives in"),
        RelationType("married to", symmetric=True),
    ),
)
DIRECTIONS = Directions.of(ONTOLOGY)


def graph(entities: list[tuple[str, str]], relations: list[tuple[int, str, int]] = ()) -> Graph:
    return Graph(
        tuple(Entity(i, *e) for i, e in enumerate(entities)), tuple(Relation(h, t, kind) for h, kind, t in relations)
    )


GOLD = graph(
    [("Ana Ruiz", "person"), ("Velsoft", "company"), ("Oslo", "city"), ("Ben Ode", "person")],
    [(0, "founded", 1), (0, "lives in", 2), (0, "married to", 3)],
)


def counted(protocol: str, gold: Graph, predicted: Graph | ParsedGraph | None) -> list[int]:
    """Count one passage over all types: [right, predicted, gold]."""
    if isinstance(predicted, Graph):
        answer: Items | None = graph_items(predicted, DIRECTIONS)
    else:
        answer = output_items(predicted, DIRECTIONS) if predicted else None
    pairs = [(graph_items(gold, DIRECTIONS), answer)]
    return count_items(pairs, metrics.PROTOCOLS[protocol], ENTITY_TYPES).sum(axis=1)[0].tolist()


def test_gold_against_itself_is_perfect_under_every_protocol() -> None:
    for protocol in metrics.PROTOCOLS:
        size = 4 if protocol.startswith("entity") else 3
        assert counted(protocol, GOLD, GOLD) == [size] * 3


def test_the_strict_protocol_requires_entity_types_and_the_boundary_protocol_does_not() -> None:
    mistyped = graph(
        [("Ana Ruiz", "person"), ("Velsoft", "city"), ("Oslo", "city")], [(0, "founded", 1), (0, "lives in", 2)]
    )
    assert counted("entity_strict", GOLD, mistyped) == [2, 3, 4]
    assert counted("entity_boundary", GOLD, mistyped) == [3, 3, 4]
    assert counted("relation_strict", GOLD, mistyped) == [1, 2, 3]
    assert counted("relation_boundary", GOLD, mistyped) == [2, 2, 3]


def test_a_missing_prediction_adds_only_gold_items_to_the_counts() -> None:
    assert counted("relation_strict", GOLD, None) == [0, 0, 3]
    assert counted("entity_strict", GOLD, None) == [0, 0, 4]


def test_direction_matters_except_for_symmetric_and_inverse_relations() -> None:
    people = [("Ana Ruiz", "person"), ("Velsoft", "company"), ("Oslo", "city"), ("Ben Ode", "person")]
    inverted = graph(people, [(1, "founded", 0), (2, "lives in", 0), (3, "married to", 0)])
    assert counted("relation_strict", GOLD, inverted) == [1, 3, 3]
    inverse = graph(people, [(1, "founded by", 0)])
    assert counted("relation_strict", GOLD, inverse) == [1, 1, 3]
    both = graph(people, [(1, "founded by", 0), (0, "founded", 1)])
    assert counted("relation_strict", GOLD, both) == [1, 1, 3]


def test_repeated_items_are_counted_in_a_raw_answer_but_not_in_a_graph() -> None:
    entities = (("Ana Ruiz", "person"), ("Oslo", "city"))
    relation = ("Ana Ruiz", "lives in", "Oslo")
    raw = ParsedGraph(entities * 20, (relation,) * 20)
    assert counted("entity_strict", GOLD, raw) == [2, 40, 4]
    assert counted("relation_strict", GOLD, raw) == [1, 20, 3]
    twice = graph([("Oslo", "city"), ("oslo ", "city")])
    assert counted("entity_strict", GOLD, twice) == [1, 1, 4]


def test_a_relation_and_its_inverse_in_a_raw_answer_count_once() -> None:
    entities = (("Ana Ruiz", "person"), ("Velsoft", "company"))
    both = (("Ana Ruiz", "founded", "Velsoft"), ("Velsoft", "founded by", "Ana Ruiz"))
    assert counted("relation_strict", GOLD, ParsedGraph(entities, both)) == [1, 1, 3]
    assert counted("relation_strict", GOLD, ParsedGraph(entities, both * 2)) == [1, 2, 3]
    dangling = (("Ana Ruiz", "founded", "Nobody"), ("Nowhere", "founded by", "Ana Ruiz"))
    assert counted("relation_strict", GOLD, ParsedGraph(entities, dangling)) == [0, 2, 3]


@pytest.mark.parametrize(
    ("span", "text", "grounded"),
    [
        ("Adam", "Adam Smith", 1),
        ("da", "Adam Smith", 0),
        ("smith", "Adam Smith.", 1),
        ("10", "in 2010", 0),
        ("苹果", "他在苹果公司", 1),
        ("Apple", "他在Apple公司", 1),
        ("C++", "in C++, mostly", 1),
    ],
)
def test_a_grounded_span_consists_of_whole_words(span: str, text: str, grounded: int) -> None:
    assert metrics.count_grounded_spans(ParsedGraph(((span, "thing"),), ()), text) == (grounded, 1)


def test_a_raw_relation_without_its_entities_is_a_false_positive() -> None:
    raw = ParsedGraph((("Ana Ruiz", "person"),), (("Ana Ruiz", "lives in", "Oslo"),))
    assert counted("relation_strict", GOLD, raw) == [0, 1, 3]
    assert counted("relation_boundary", GOLD, raw) == [0, 1, 3]


def test_predictions_of_unrequested_types_are_counted() -> None:
    raw = output_items(ParsedGraph((("Ana Ruiz", "planet"), ("Oslo", "city")), ()))
    counts = count_items([(graph_items(GOLD), raw)], metrics.entity_strict, ENTITY_TYPES)
    assert counts[0].tolist() == [[0, 0, 2], [0, 0, 1], [1, 1, 1], [0, 1, 0]]


def test_names_with_delimiters_are_not_confused() -> None:
    assert (
        counted("entity_boundary", graph([("a_b", "city"), ("c", "city")]), graph([("a", "city"), ("b_c", "city")]))[0]
        == 0
    )


def test_scores_from_counts() -> None:
    counts = np.array([[2, 4, 4], [0, 0, 2], [1, 1, 1], [0, 3, 0]])  # per type, summed over passages
    assert metrics.micro_f1(counts) == pytest.approx(2 * 3 / (8 + 7))
    assert metrics.macro_f1(counts) == pytest.approx((0.5 + 0 + 1) / 3)  # the last type has no gold
    assert metrics.precision(counts).tolist() == pytest.approx([0.5, np.nan, 1, 0], nan_ok=True)
    assert metrics.recall(counts).tolist() == pytest.approx([0.5, 0, 1, np.nan], nan_ok=True)
    assert np.isnan(metrics.micro_f1(np.zeros((2, 3))))
    assert np.isnan(metrics.macro_f1(np.zeros((2, 3))))


def test_two_empty_graphs_have_passage_f1_one_and_add_nothing_to_micro_counts() -> None:
    nothing = graph_items(Graph())
    pairs = [(nothing, nothing), (nothing, None), (graph_items(GOLD), nothing), (nothing, graph_items(GOLD))]
    counts = count_items(pairs, metrics.relation_strict, RELATION_TYPES)
    assert counts.sum(axis=1).tolist() == [[0, 0, 0], [0, 0, 0], [0, 0, 3], [0, 3, 0]]
    assert metrics.passage_f1(counts, np.array([True, False, True, True])).tolist() == [1, 0, 0, 0]


def test_empty_answers_are_compared_with_empty_gold() -> None:
    nothing, only_entities = graph_items(Graph()), graph_items(graph([("Oslo", "city")]))
    full = graph_items(GOLD)
    pairs = [
        (nothing, nothing),
        (only_entities, only_entities),
        (full, nothing),
        (nothing, full),
        (nothing, None),
        (full, full),
    ]
    rows = metrics.count_empty_answers(pairs)
    assert rows.sum(axis=0).tolist() == [2, 3, 4]
    assert metrics.precision(rows.sum(axis=0)) == pytest.approx(2 / 3)
    assert metrics.recall(rows.sum(axis=0)) == pytest.approx(2 / 4)


def test_exact_graphs_have_all_gold_items_and_no_others() -> None:
    full, some = graph_items(GOLD), graph_items(graph([("Oslo", "city")]))
    repeated = output_items(ParsedGraph((("Oslo", "city"), ("Oslo", "city")), ()))
    pairs = [(full, full), (full, some), (some, full), (some, repeated), (full, None)]
    assert metrics.count_exact_graphs(pairs).tolist() == [1, 0, 0, 0, 0]


def test_grounded_spans_are_counted_in_entities_heads_and_tails() -> None:
    parsed = ParsedGraph((("Oslo", "city"), ("Madrid", "city"), ("", "city")), (("ana  RUIZ", "lives in", "Rome"),))
    assert metrics.count_grounded_spans(parsed, "Ana Ruiz lives in Oslo.") == (2, 5)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Velsoft", " VELSOFT. "),
        ("“Rack 9”", "Rack 9"),
        ("Ｏｓｌｏ", "oslo"),
        ("Ana\n Ruiz", "ana ruiz"),
        ("Straße", "STRASSE"),
    ],
)
def test_matching_form_ignores_case_width_white_space_and_edge_punctuation(one: str, other: str) -> None:
    assert metrics.matching_form(one) == metrics.matching_form(other)


def test_matching_form_keeps_inner_punctuation() -> None:
    assert metrics.matching_form(".") != metrics.matching_form(";")
    assert metrics.matching_form("a.b") != metrics.matching_form("ab")


# An independent implementation: its own parser and normalisation, one-to-one matching by removing from a list.


def slow_form(text: str) -> str:
    words = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    stripped = words
    while stripped and (stripped[0] in "\"'.,;: " or stripped[-1] in "\"'.,;: "):
        stripped = stripped[1:] if stripped[0] in "\"'.,;: " else stripped[:-1]
    return stripped or words


def slow_counts(gold: Graph, output: str) -> dict[str, list[int]]:
    answer = json.loads(output)
    gold_entities = {(slow_form(e.text), e.type) for e in gold.entities}
    gold_relations = set()
    for relation in gold.relations:
        ends = [gold.entities[relation.head], gold.entities[relation.tail]]
        gold_relations.add(slow_orient(*[(slow_form(e.text), e.type) for e in ends], relation.type))
    entities = [(slow_form(e["text"]), e["type"]) for e in answer["entities"]]
    relations: list = []
    emitted: list = []
    for relation in answer["relations"]:
        ends = [next((e for e in entities if e[0] == slow_form(relation[end])), None) for end in ("head", "tail")]
        item = slow_orient(ends[0], ends[1], relation["type"]) if all(ends) else None
        emitted.append((item, relation["type"]))
        # A triple emitted under a relation and its inverse is one item; emitted twice under one name, it is two items.
        if item is None or relations.count(item) < emitted.count(emitted[-1]):
            relations.append(item)
    return {
        "entity_strict": count_by_removal(gold_entities, entities),
        "entity_boundary": count_by_removal({e[0] for e in gold_entities}, [e[0] for e in entities]),
        "relation_strict": count_by_removal(gold_relations, relations),
        "relation_boundary": count_by_removal(
            {(h[0], t[0], kind) for h, t, kind in gold_relations},
            [(r[0][0], r[1][0], r[2]) if r else None for r in relations],
        ),
    }


def slow_orient(head, tail, kind):
    if kind == "founded by":
        return tail, head, "founded"
    return (*sorted((head, tail)), kind) if kind == "married to" else (head, tail, kind)


def count_by_removal(gold: set, predicted: list) -> list[int]:
    left, right = list(gold), 0
    for item in predicted:
        if item in left:
            left.remove(item)
            right += 1
    return [right, len(predicted), len(gold)]


NAMES = st.sampled_from(["Ana Ruiz", "ana ruiz.", "Oslo", "Velsoft", '"Velsoft"', "Ben Ode"])
KINDS = st.sampled_from([*ENTITY_TYPES, "planet"])
RELATIONS = st.sampled_from([*RELATION_TYPES, "founded by", "owns"])
OUTPUTS = st.fixed_dictionaries(
    {
        "entities": st.lists(st.fixed_dictionaries({"text": NAMES, "type": KINDS}), max_size=6),
        "relations": st.lists(st.fixed_dictionaries({"head": NAMES, "type": RELATIONS, "tail": NAMES}), max_size=6),
    }
)


@st.composite
def golds(draw: st.DrawFn) -> Graph:
    entities = draw(st.lists(st.tuples(NAMES, st.sampled_from(ENTITY_TYPES)), min_size=1, max_size=4))
    ids = st.integers(0, len(entities) - 1)
    return graph(entities, draw(st.lists(st.tuples(ids, st.sampled_from(RELATION_TYPES), ids), max_size=5)))


@given(golds(), OUTPUTS)
@example(
    graph([("Ana Ruiz", ENTITY_TYPES[0])], []),
    {
        "entities": [{"text": "Ana Ruiz", "type": ENTITY_TYPES[0]}],
        "relations": [{"head": "Ana Ruiz", "type": t, "tail": "Ana Ruiz"} for t in (*["founded"] * 2, "founded by")],
    },
)
def test_raw_counts_equal_those_of_an_independent_implementation(gold: Graph, output: dict) -> None:
    raw = json.dumps(output)
    expected = slow_counts(gold, raw)
    assert {name: counted(name, gold, parse(raw)) for name in metrics.PROTOCOLS} == expected
