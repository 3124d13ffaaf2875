"""The wire format: what is written can be read back, and every way an answer can be wrong has a defined outcome."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from text2graph_dagster.graph.mentions import occurrences
from text2graph_dagster.graph.model import Entity, Graph, Relation, Span
from text2graph_dagster.graph.parsing import GraphParseError, parse
from text2graph_dagster.graph.rows import from_rows, to_rows
from text2graph_dagster.graph.wire import serialise

EMPTY = '{"entities":[],"relations":[]}'
ONE = '{"entities":[{"id":0,"text":"Ana","type":"person"}],"relations":[]}'


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Graphs whose entity texts differ, so that a relation's ends are unambiguous on the wire."""
    texts = draw(st.lists(st.text(min_size=1), max_size=5, unique=True))
    types = st.sampled_from(["person", "company", 'odd "type"'])
    entities = tuple(Entity(i, t, draw(types), (Span(i, i + 1),)) for i, t in enumerate(texts))
    if not entities:
        return Graph()
    ids = st.integers(0, len(entities) - 1)
    edges = draw(st.lists(st.tuples(ids, ids, st.sampled_from(["founded", "born in"])), max_size=5, unique=True))
    return Graph(entities, tuple(Relation(h, t, k) for h, t, k in edges))


@given(graphs(), st.sampled_from(["public", "compact"]))
def test_what_is_serialised_is_parsed_back(graph: Graph, form: str) -> None:
    parsed = parse(serialise(graph, form))  # type: ignore[arg-type]
    assert parsed.strict
    assert list(parsed.entities) == [(e.text, e.type) for e in graph.entities]
    assert sorted(parsed.relations) == sorted((h.text, k, t.text) for h, k, t in graph.triples())


@given(graphs())
def test_table_form_round_trips(graph: Graph) -> None:
    assert from_rows(*to_rows(graph)) == graph


@given(st.text())
def test_parse_never_raises_anything_but_its_own_error(raw: str) -> None:
    try:
        parse(raw)
    except GraphParseError as error:
        assert error.reason


@given(st.text(alphabet='{}[]",:<think>/ abc0\\n'))
def test_parse_survives_json_like_noise(raw: str) -> None:
    try:
        parse("{" + raw)
    except GraphParseError as error:
        assert error.reason


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("", "no_json"),
        ("I cannot help with that.", "no_json"),
        ("[]", "not_an_object"),
        ('[{"entities":[]}]', "not_an_object"),
        ('{"entities":[{"te', "truncated"),
        ('{"entities":[{"text":"A","type":"b"},', "truncated"),
        (f"{EMPTY} {EMPTY}", "several_objects"),
        (f"<think>so {EMPTY}", "unclosed_think"),
        (f"</think>so<think>{EMPTY}", "unclosed_think"),
        ('{"entities":[{"id":0,"type":"x"}],"relations":[]}', "bad_shape"),
        ('{"entities":[]}', "bad_shape"),
        ('{"entities":{},"relations":[]}', "bad_shape"),
        ('{"entities":[],"relations":[{"head":7,"tail":"b","type":"c"}]}', "bad_shape"),
        ("{" * 5000, "no_json"),
        ('{"entities":' + "9" * 5000 + "}", "no_json"),
    ],
)
def test_every_failure_has_its_reason(raw: str, reason: str) -> None:
    with pytest.raises(GraphParseError) as caught:
        parse(raw)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("raw", "strict"),
    [
        (ONE, True),
        (f'<think>Ana is a person {{ }} "</think>\n{ONE}', True),
        (f"```json\n{ONE}\n```", False),
        (f"Here it is: {ONE}", False),
        (f"{ONE} That is all.", False),
        (f"Well, <think>…</think>{ONE}", False),
        (ONE.replace("}],", '}],"note":1,'), False),
    ],
)
def test_what_stands_around_the_object_is_forgiven_but_not_strict(raw: str, strict: bool) -> None:
    parsed = parse(raw)
    assert parsed.entities == (("Ana", "person"),)
    assert parsed.strict is strict


def test_a_brace_in_a_string_or_in_the_thinking_is_harmless() -> None:
    """The ancestor's brace counter zeroed the reward of a perfect answer here."""
    graph = Graph((Entity(0, "a } b {", "thing"),))
    assert parse("<think>} {</think>" + serialise(graph)).entities == (("a } b {", "thing"),)


def test_a_think_tag_inside_a_value_is_text() -> None:
    graph = Graph((Entity(0, "the <think> tag", "thing"), Entity(1, "</think>", "thing")))
    assert parse(serialise(graph)).entities == (("the <think> tag", "thing"), ("</think>", "thing"))


def test_ends_may_be_named_by_id() -> None:
    entities = '[{"id":3,"text":"A","type":"x"},{"id":4,"text":"B","type":"x"}]'
    raw = f'{{"entities":{entities},"relations":[{{"head":3,"tail":"B","type":"r"}}]}}'
    assert parse(raw).relations == (("A", "r", "B"),)


def test_serialised_order_is_the_order_of_mention() -> None:
    graph = Graph((Entity(0, "B", "x", (Span(5, 6),)), Entity(1, "A", "x", (Span(0, 1),))), (Relation(0, 1, "r"),))
    value = json.loads(serialise(graph))
    assert [e["text"] for e in value["entities"]] == ["A", "B"]
    assert value["relations"] == [{"head": "B", "tail": "A", "type": "r"}]


def test_occurrences_stand_on_word_boundaries() -> None:
    assert occurrences("Ana", "Ana met Anan. Ana!") == (Span(0, 3), Span(14, 17))
    assert occurrences("北京", "我在北京大学") == (Span(2, 4),)
    assert occurrences("", "x") == ()


@pytest.mark.parametrize(
    "raw",
    [
        '{"entities":[],"entities":[],"relations":[]}',
        '{"entities":[],"relations":[],"notes":""}',
        '{"entities":[{"text":"Eva","text":"Ana","type":"person"}],"relations":[]}',
        '{"entities":[{"text":"Ana","type":"person","notes":""}],"relations":[]}',
        '{"entities":[{"text":"Ana","type":"person"}],"relations":[{"head":"Ana","type":"likes","tail":"Ana","id":0}]}',
    ],
)
def test_what_the_form_does_not_have_makes_an_answer_untidy(raw: str) -> None:
    assert not parse(raw).strict
