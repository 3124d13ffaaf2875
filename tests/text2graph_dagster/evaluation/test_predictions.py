"""Prompts, answers and rows of predictions."""

import json

from text2graph_dagster.evaluation.predictions import (
    AnswerSettings,
    fill_message,
    legal_graph,
    make_gold_example,
    make_prediction_rows,
    make_run_id,
    make_system_messages,
)
from text2graph_dagster.graph.model import Graph
from text2graph_dagster.ontology import EntityType, Ontology, RelationType
from text2graph_dagster.settings import SystemSettings

ONTOLOGY = Ontology("o", "en", (EntityType("person"),), (RelationType("works for"),))
GOLD = {
    **{"corpus": "c", "passage_id": "p", "doc_id": "d", "split": "test", "language": "en"},
    **{"text": "Ana works for Bo.", "entities": [], "relations": []},
}
ANSWER = json.dumps(
    {
        "entities": [{"text": "Ana", "type": "person"}, {"text": "Bo", "type": "person"}],
        "relations": [{"head": "Ana", "tail": "Bo", "type": "works for"}],
    }
)


def test_placeholders_in_the_template_are_filled_but_not_in_the_passage() -> None:
    row = {"text": "Ana {entity_types}", "entity_types": ["person", "city"], "relation_types": []}
    assert (
        fill_message('{"a": {text}} {entity_types}/{relation_types}', row) == '{"a": Ana {entity_types}} person, city/'
    )


def test_labels_are_mapped_only_with_a_similarity() -> None:
    ontology = Ontology("o", "en", (EntityType("person"),), (RelationType("works for"),))
    raw = json.dumps(
        {
            "entities": [{"text": "Ana", "type": "PERSON"}, {"text": "Bo", "type": "Person"}],
            "relations": [{"head": "Ana", "tail": "Bo", "type": "WORKS_FOR"}],
        }
    )
    row = ("Ana works for Bo.", ["person"], ["works for"])
    assert legal_graph(raw, *row, ontology) == Graph()
    mapped = legal_graph(raw, *row, ontology, 0.85)
    assert mapped is not None and len(mapped.relations) == 1


def test_an_unreadable_answer_has_no_graph() -> None:
    assert legal_graph("no JSON", "Ana works for Bo.", ["person"], ["works for"], ONTOLOGY) is None
    assert legal_graph(None, "Ana works for Bo.", ["person"], ["works for"], None) is None


def test_a_gold_example_asks_for_the_whole_ontology_and_has_no_answer() -> None:
    example = make_gold_example(GOLD, ONTOLOGY, "extract")
    assert (example["entity_types"], example["relation_types"]) == (["person"], ["works for"])
    (message,) = example["messages"]
    assert message["role"] == "user" and "Ana works for Bo." in message["content"]


def test_the_run_id_depends_on_everything_that_answers_depend_on() -> None:
    prompts = [[{"role": "user", "content": "Extract."}]]
    settings = AnswerSettings(64)
    ids = {
        make_run_id("m", prompts, "1", {"c": ONTOLOGY}, settings),
        make_run_id("n", prompts, "1", {"c": ONTOLOGY}, settings),
        make_run_id("m", [*prompts, *prompts], "1", {"c": ONTOLOGY}, settings),
        make_run_id("m", prompts, "2", {"c": ONTOLOGY}, settings),
        make_run_id("m", prompts, "1", {}, settings),
        make_run_id("m", prompts, "1", {"c": ONTOLOGY}, AnswerSettings(65)),
        make_run_id("m", prompts, "1", {"c": ONTOLOGY}, AnswerSettings(64, 0.9)),
        make_run_id("m", prompts, "1", {"c": ONTOLOGY}, AnswerSettings(64, decoding={"wire": "indexed"})),
    }
    assert len(ids) == 8


def test_a_missing_answer_gives_an_empty_graph() -> None:
    gold = [make_gold_example({**GOLD, "passage_id": name}, ONTOLOGY, "extract") for name in "ab"]
    answers = {gold[0]["example_id"]: {"raw_output": ANSWER, "stopped": True}}
    rows = list(make_prediction_rows("r", "sft", gold, answers, {"c": ONTOLOGY}, AnswerSettings(64)))
    assert [len(row["relations"]) for row in rows] == [1, 0]
    assert [(row["raw_output"], row["stopped"]) for row in rows] == [(ANSWER, True), (None, None)]


def test_a_system_is_asked_with_its_own_messages_or_a_template() -> None:
    row = {"text": "Ana works for Bo.", "language": "en", "entity_types": ["person"], "relation_types": ["works for"]}
    own = SystemSettings.model_validate({"model": "m", "messages": [{"role": "user", "content": "Read: {text}"}]})
    assert make_system_messages(own, None, row, ONTOLOGY) == [{"role": "user", "content": "Read: Ana works for Bo."}]
    (message,) = make_system_messages(SystemSettings.model_validate({"model": "m"}), None, row, ONTOLOGY)
    assert message["role"] == "user" and row["text"] in str(message["content"])
