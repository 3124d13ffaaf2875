"""Training examples: every answer is what the prompt asks for, and every passage is accounted for."""

import random
from dataclasses import replace
from typing import Any

import polars as pl
import pytest
import yaml

from tests.text2graph_dagster.dataset.sample_rows import GRAPH, ONTOLOGY, TEXT, build, left_out, row
from text2graph_dagster.contracts import FILTERED_DATASET
from text2graph_dagster.dataset.example_builder import build_examples
from text2graph_dagster.graph.mentions import occurrences
from text2graph_dagster.graph.model import Entity, Graph, Relation
from text2graph_dagster.graph.parsing import parse
from text2graph_dagster.graph.rows import from_rows
from text2graph_dagster.graph.wire import serialise
from text2graph_dagster.identity import digest
from text2graph_dagster.ontology import load_ontology
from text2graph_dagster.prompts.rendering import render
from text2graph_dagster.settings import DatasetSettings


def test_rows_are_what_the_table_holds() -> None:
    examples = build([row(i) for i in range(5)]).examples
    assert examples.schema == FILTERED_DATASET.empty().schema
    FILTERED_DATASET.schema.validate(examples)


def test_a_frame_and_its_rows_give_the_same_examples() -> None:
    rows = [row(i) for i in range(20)]
    frame = pl.DataFrame(rows, infer_schema_length=None)
    assert build_examples(frame, ONTOLOGY, DatasetSettings(), 7).examples.equals(build(rows).examples)


def test_nothing_at_all_is_an_empty_table() -> None:
    assert build([]).examples.schema == FILTERED_DATASET.empty().schema


def test_a_full_request_asks_for_everything_and_answers_the_graph() -> None:
    (example,) = build([row(1)], full_ontology_share=1.0).examples.iter_rows(named=True)
    assert example["kind"] == "full"
    assert example["entity_types"] == list(ONTOLOGY.entity_names)
    assert example["relation_types"] == list(ONTOLOGY.relation_names)
    user, assistant = example["messages"]
    assert user == {
        "role": "user",
        "content": render(TEXT, ONTOLOGY.entity_names, ONTOLOGY.relation_names, ONTOLOGY, "compact", "en"),
    }
    assert assistant == {"role": "assistant", "content": serialise(GRAPH)}
    assert from_rows(example["entities"], example["relations"]) == GRAPH


def test_a_subset_request_is_answered_in_its_own_types_only() -> None:
    kinds = set()
    for example in build([row(i) for i in range(300)], full_ontology_share=0.0, empty_share=1.0).examples.iter_rows(
        named=True
    ):
        kinds.add(example["kind"])
        parsed = parse(example["messages"][1]["content"])
        asked = set(example["entity_types"])
        assert asked
        assert {kind for _, kind in parsed.entities} <= asked
        assert {kind for _, kind, _ in parsed.relations} <= set(example["relation_types"])
        assert {end for h, _, t in parsed.relations for end in (h, t)} <= {text for text, _ in parsed.entities}
        # what is asked for and stated is answered: nothing is withheld
        assert {kind for _, kind in parsed.entities} == {e.type for e in GRAPH.entities} & asked
        for name in example["relation_types"]:  # every relation asked for can be answered
            assert any(set(signature) <= asked for signature in ONTOLOGY.relation(name).signatures)
        assert example["messages"][0]["content"].startswith(
            "".join(f'"{name}"' for name in example["entity_types"]) + ";"
        )
    assert kinds == {"subset", "negative"}


def test_the_share_of_full_requests_is_as_configured() -> None:
    examples = build([row(i) for i in range(2000)], full_ontology_share=0.7, empty_share=1.0).examples
    asked_all = examples.filter(pl.col("entity_types").list.len() + pl.col("relation_types").list.len() == 7)
    assert 0.66 < asked_all.height / examples.height < 0.76


def test_each_stage_has_passages_of_its_own() -> None:
    examples = build([row(i) for i in range(2000)], held_out_for_grpo=0.1, empty_share=1.0).examples
    stages = dict(examples["split"].value_counts().iter_rows())
    assert 0.08 < stages["grpo"] / examples.height < 0.12 and stages["sft"] + stages["grpo"] == examples.height
    assert set(build([row(i) for i in range(200)], held_out_for_grpo=0.0).examples["split"]) == {"sft"}


def test_an_example_depends_on_its_passage_and_the_seed_not_on_its_neighbours_or_order() -> None:
    def built(rows: list[dict[str, Any]], seed: int = 7) -> dict[str, dict[str, Any]]:
        examples = build(rows, seed=seed, full_ontology_share=0.5, empty_share=1.0).examples
        return {example["passage_id"]: example for example in examples.iter_rows(named=True)}

    rows = [row(i) for i in range(60)]
    together = built(rows)
    random.seed(1)
    assert together == built(rows[::-1])
    (alone,) = built([rows[17]]).values()
    near = together[rows[17]["passage_id"]]
    assert alone | {"score": 0} == near | {"score": 0}  # how rare its labels are is a matter of the whole corpus
    other = built(rows, seed=8)
    assert any(together[key]["entity_types"] != other[key]["entity_types"] for key in together)


def test_the_order_of_types_is_the_ontologys_unless_shuffled() -> None:
    plain = build([row(i) for i in range(40)], full_ontology_share=1.0).examples["entity_types"].to_list()
    shuffled = (
        build([row(i) for i in range(40)], full_ontology_share=1.0, shuffle_types=True)
        .examples["entity_types"]
        .to_list()
    )
    assert {tuple(names) for names in plain} == {ONTOLOGY.entity_names}
    assert len({tuple(names) for names in shuffled}) > 10
    assert {tuple(sorted(names)) for names in shuffled} == {tuple(sorted(ONTOLOGY.entity_names))}


@pytest.mark.parametrize(("share", "kept"), [(0.0, 0), (0.2, 20), (0.5, 80), (1.0, 200)])
def test_empty_answers_are_at_most_their_share_and_all_are_accounted_for(share: float, kept: int) -> None:
    rows = [row(i) for i in range(80)] + [row(1000 + i, Graph()) for i in range(200)]
    built = build(rows, full_ontology_share=1.0, empty_share=share)
    assert built.examples.filter(pl.col("kind") == "negative").height == kept
    assert built.examples.height + built.left_out.height == len(rows)
    assert set(left_out(built).values()) <= {"too_many_empty"}
    backwards = build(rows[::-1], full_ontology_share=1.0, empty_share=share)
    assert left_out(backwards) == left_out(built)


def test_with_thinking_the_rationale_stands_before_the_json_and_everything_is_asked_for() -> None:
    built = build([row(1), row(2, rationale=None), row(3, rationale="")], thinking=True, full_ontology_share=0.0)
    (example,) = built.examples.iter_rows(named=True)
    parsed = parse(example["messages"][1]["content"])
    assert parsed.rationale == "Because."
    assert parsed.strict
    assert example["kind"] == "full"
    assert example["messages"][1]["content"].startswith("<think>\n")
    assert left_out(built) == {row(2)["passage_id"]: "no_rationale", row(3)["passage_id"]: "no_rationale"}


def test_without_thinking_the_answer_is_json_alone() -> None:
    (example,) = build([row(1)]).examples.iter_rows(named=True)
    assert example["messages"][1]["content"].startswith('{"entities":')


def test_the_best_examples_are_kept_when_there_are_too_many() -> None:
    ungrounded = Graph((replace(GRAPH.entities[0], text="Berg Ana"), *GRAPH.entities[1:]), GRAPH.relations)
    rows = [row(i, ungrounded) for i in range(10)] + [row(100 + i) for i in range(5)]
    built = build(rows, max_examples=5, full_ontology_share=1.0)
    assert sorted(built.examples["passage_id"]) == sorted(digest(str(100 + i)) for i in range(5))
    assert list(left_out(built).values()) == ["beyond_max_examples"] * 10


def test_example_ids_are_unique_and_tell_the_corpus() -> None:
    examples = build([row(1), row(2), row(1, corpus="other")]).examples
    assert examples["example_id"].n_unique() == 3


def test_relations_only_gives_the_entities_and_the_answer_repeats_them() -> None:
    built = build([row(i) for i in range(30)], tasks={"both": 0, "relations": 1}, full_ontology_share=1.0)
    for example in built.examples.iter_rows(named=True):
        assert example["task"] == "relations"
        prompt, answer = (message["content"] for message in example["messages"])
        assert 'Ana Berg"person"Velsoft"company"Oslo"city"' in prompt
        assert answer == serialise(GRAPH)


def test_entities_only_lists_no_relations_and_answers_none() -> None:
    built = build([row(1)], tasks={"both": 0, "entities": 1}, full_ontology_share=1.0)
    (example,) = built.examples.iter_rows(named=True)
    assert example["task"] == "entities" and example["relation_types"] == [] == example["relations"]
    assert example["messages"][0]["content"] == '"person""company""city""award";\n' + TEXT + "\n"
    assert parse(example["messages"][1]["content"]).entities == tuple((e.text, e.type) for e in GRAPH.entities)


def test_a_request_for_absent_types_is_answered_with_nothing() -> None:
    examples = build([row(i) for i in range(50)], absent_share=1.0, empty_share=1.0).examples
    assert set(examples["kind"]) == {"negative"}
    assert {m[1]["content"] for m in examples["messages"]} == {serialise(Graph())}


EVENTS = """
entity_types:
  attack: {description: "a violent act, by the word that reports it"}
  group: {}
  place: {}
relation_types:
  attacker: {description: who did it, signatures: [[attack, group]]}
  target: {description: what it was aimed at, signatures: [[attack, group], [attack, place]]}
"""


def test_an_event_is_a_node_and_its_roles_are_relations(tmp_path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "ontology.yaml").write_text(EVENTS)
    ontology = load_ontology(tmp_path / "ontology.yaml")
    text = "Rebels bombed Norvale before the Guard raided them."
    nodes = {"bombed": "attack", "raided": "attack", "Rebels": "group", "Guard": "group", "Norvale": "place"}
    ids = {name: i for i, name in enumerate(nodes)}
    roles = [("bombed", "attacker", "Rebels"), ("bombed", "target", "Norvale"),
             ("raided", "attacker", "Guard"), ("raided", "target", "Rebels")]  # fmt: skip
    events = Graph(
        tuple(Entity(ids[name], name, kind, occurrences(name, text)) for name, kind in nodes.items()),
        tuple(Relation(ids[h], ids[t], kind) for h, kind, t in roles),
    )
    built = build_examples([row(1, events, text=text)], ontology, DatasetSettings(template="extract"), 7)
    (example,) = built.examples.iter_rows(named=True)
    answer = parse(example["messages"][1]["content"])
    assert set(answer.relations) == set(roles) and ("bombed", "attack") in answer.entities
    assert example["score"] >= 0.8  # grounded and legal like any other graph
    assert yaml.safe_load(EVENTS)["relation_types"].keys() == set(example["relation_types"])
