"""Parsing answers: a serialised graph is read back, and every kind of faulty answer has a defined outcome."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.text2graph_dagster.graph.sample_graphs import graphs
from text2graph_dagster.graph.model import Entity, Graph
from text2graph_dagster.graph.parsing import GraphParseError, parse
from text2graph_dagster.graph.wire import serialise

EMPTY = '{"entities":[],"relations":[]}'
ONE = '{"entities":[{"id":0,"text":"Ana","type":"person"}],"relations":[]}'


@given(st.text(alphabet='{}[]",:<think>/ abc0\\n'))
def test_parsing_json_like_noise_raises_only_parse_errors(raw: str) -> None:
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
def test_every_parse_failure_has_a_specific_reason(raw: str, reason: str) -> None:
    with pytest.raises(GraphParseError) as caught:
        parse(raw)
    assert caught.value.reason == reason


def test_a_think_tag_inside_a_value_is_text() -> None:
    graph = Graph((Entity(0, "the <think> tag", "thing"), Entity(1, "</think>", "thing")))
    assert parse(serialise(graph)).entities == (("the <think> tag", "thing"), ("</think>", "thing"))


@given(graphs(), st.sampled_from(["public", "compact"]))
def test_a_serialised_graph_is_parsed_back(graph: Graph, form: str) -> None:
    parsed = parse(serialise(graph, form))  # type: ignore[arg-type]
    assert parsed.strict
    assert list(parsed.entities) == [(e.text, e.type) for e in graph.entities]
    assert sorted(parsed.relations) == sorted((h.text, k, t.text) for h, k, t in graph.triples())


@given(st.text())
def test_parse_raises_only_its_own_error(raw: str) -> None:
    try:
        parse(raw)
    except GraphParseError as error:
        assert error.reason


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
def test_text_around_the_object_is_tolerated_but_not_strict(raw: str, strict: bool) -> None:
    parsed = parse(raw)
    assert parsed.entities == (("Ana", "person"),)
    assert parsed.strict is strict


def test_a_brace_in_a_string_or_in_the_rationale_is_harmless() -> None:
    """In an earlier project, counting braces gave such a correct answer a reward of 0."""
    graph = Graph((Entity(0, "a } b {", "thing"),))
    assert parse("<think>} {</think>" + serialise(graph)).entities == (("a } b {", "thing"),)


def test_head_and_tail_may_be_entity_ids() -> None:
    entities = '[{"id":3,"text":"A","type":"x"},{"id":4,"text":"B","type":"x"}]'
    raw = f'{{"entities":{entities},"relations":[{{"head":3,"tail":"B","type":"r"}}]}}'
    assert parse(raw).relations == (("A", "r", "B"),)


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
def test_unknown_and_duplicate_keys_make_an_answer_not_strict(raw: str) -> None:
    assert not parse(raw).strict


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("Ana | person\nVelsoft | comp", "truncated"),  # the line of hyphens is missing
        ("Ana | person\n---\nAna | foun", "truncated"),
        ("Ana | person", "no_json"),
        ("Ana\nVelsoft\n---", "no_json"),
        ("Ana | person\n---\nAna | founded | Velsoft\n\nI hope this helps.", "no_json"),
    ],
)
def test_a_broken_answer_in_lines_has_a_reason(answer: str, reason: str) -> None:
    with pytest.raises(GraphParseError) as error:
        parse(answer)
    assert error.value.reason == reason


def test_lines_may_follow_a_rationale_or_be_fenced() -> None:
    thought = parse("<think>Ana founded it.</think>\nAna | person\n---")
    assert (thought.rationale, thought.entities, thought.strict) == ("Ana founded it.", (("Ana", "person"),), True)
    assert not parse("```\nAna | person\n---\n```").strict
