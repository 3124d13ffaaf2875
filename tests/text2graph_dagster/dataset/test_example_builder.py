"""Every answer matches its prompt, and every passage becomes an example or is left out with a reason."""

import random
from dataclasses import replace
from typing import Any

import polars as pl
import pytest
import yaml

from tests.text2graph_dagster.dataset.sample_rows import GRAPH, ONTOLOGY, TEXT, build_examples, row
from text2graph_dagster.contracts import FILTERED_DATASET
from text2graph_dagster.graph.mentions import find_occurrences
from text2graph_dagster.graph.model import Entity, Graph, Relation
from text2graph_dagster.graph.parsing import parse
from text2graph_dagster.graph.rows import from_rows
from text2graph_dagster.graph.wire import serialise
from text2graph_dagster.identity import digest
from text2graph_dagster.ontology import load_ontology
from text2graph_dagster.prompts.rendering import render_prompt


def test_examples_match_the_contract() -> None:
    examples = build_examples([row(i) for i in range(5)]).examples
    assert examples.schema == FILTERED_DATASET.empty().schema
    FILTERED_DATASET.schema.validate(examples)


def test_no_rows_give_an_empty_table() -> None:
    assert build_examples([]).examples.schema == FILTERED_DATASET.empty().schema


def test_a_full_example_lists_every_type_and_answers_with_the_whole_graph() -> None:
    (example,) = build_examples([row(1)], full_ontology_share=1.0).examples.iter_rows(named=True)
    assert example["kind"] == "full"
    assert example["entity_types"] == list(ONTOLOGY.entity_names)
    assert example["relation_types"] == list(ONTOLOGY.relation_names)
    user, assistant = example["messages"]
    assert user == {
        "role": "user",
        "content": render_prompt(TEXT, ONTOLOGY.entity_names, ONTOLOGY.relation_names, ONTOLOGY, "compact", "en"),
    }
    assert assistant == {"role": "assistant", "content": serialise(GRAPH)}
    assert from_rows(example["entities"], example["relations"]) == GRAPH


def test_the_answer_to_a_subset_example_has_only_listed_types() -> None:
    kinds = set()
    for example in build_examples(
        [row(i) for i in range(300)], full_ontology_share=0.0, empty_share=1.0
    ).examples.iter_rows(named=True):
        kinds.add(example["kind"])
        parsed = parse(example["messages"][1]["content"])
        listed = set(example["entity_types"])
        assert listed
        assert {kind for _, kind in parsed.entities} <= listed
        assert {kind for _, kind, _ in parsed.relations} <= set(example["relation_types"])
        assert {end for h, _, t in parsed.relations for end in (h, t)} <= {text for text, _ in parsed.entities}
        # every stated entity of a listed type is in the answer
        assert {kind for _, kind in parsed.entities} == {e.type for e in GRAPH.entities} & listed
        for name in example["relation_types"]:  # the head and tail types of every listed relation are listed
            assert any(set(signature) <= listed for signature in ONTOLOGY.relation(name).signatures)
        assert example["messages"][0]["content"].startswith(
            "".join(f'"{name}"' for name in example["entity_types"]) + ";"
        )
    assert kinds == {"subset", "negative"}


def test_the_share_of_full_examples_is_as_configured() -> None:
    examples = build_examples([row(i) for i in range(2000)], full_ontology_share=0.7, empty_share=1.0).examples
    full = examples.filter(pl.col("entity_types").list.len() + pl.col("relation_types").list.len() == 7)
    assert 0.66 < full.height / examples.height < 0.76


def test_sft_and_grpo_have_different_passages() -> None:
    examples = build_examples([row(i) for i in range(2000)], held_out_for_grpo=0.1, empty_share=1.0).examples
    stages = dict(examples["split"].value_counts().iter_rows())
    assert 0.08 < stages["grpo"] / examples.height < 0.12 and stages["sft"] + stages["grpo"] == examples.height
    assert set(build_examples([row(i) for i in range(200)], held_out_for_grpo=0.0).examples["split"]) == {"sft"}


def test_an_example_depends_on_its_passage_and_the_seed_only() -> None:
    def built(rows: list[dict[str, Any]], seed: int = 7) -> dict[str, dict[str, Any]]:
        examples = build_examples(rows, seed=seed, full_ontology_share=0.5, empty_share=1.0).examples
        return {example["passage_id"]: example for example in examples.iter_rows(named=True)}

    rows = [row(i) for i in range(60)]
    together = built(rows)
    random.seed(1)
    assert together == built(rows[::-1])
    (alone,) = built([rows[17]]).values()
    near = together[rows[17]["passage_id"]]
    assert alone | {"score": 0} == near | {"score": 0}  # the rarity of its labels depends on the whole corpus
    other = built(rows, seed=8)
    assert any(together[key]["entity_types"] != other[key]["entity_types"] for key in together)


def test_types_are_in_ontology_order_unless_shuffled() -> None:
    plain = build_examples([row(i) for i in range(40)], full_ontology_share=1.0).examples["entity_types"].to_list()
    shuffled = (
        build_examples([row(i) for i in range(40)], full_ontology_share=1.0, shuffle_types=True)
        .examples["entity_types"]
        .to_list()
    )
    assert {tuple(names) for names in plain} == {ONTOLOGY.entity_names}
    assert len({tuple(names) for names in shuffled}) > 10
    assert {tuple(sorted(names)) for names in shuffled} == {tuple(sorted(ONTOLOGY.entity_names))}


@pytest.mark.parametrize(("share", "kept"), [(0.0, 0), (0.2, 20), (0.5, 80), (1.0, 200)])
def test_empty_answers_are_limited_to_their_share_and_the_rest_is_left_out(share: float, kept: int) -> None:
    rows = [row(i) for i in range(80)] + [row(1000 + i, Graph()) for i in range(200)]
    built = build_examples(rows, full_ontology_share=1.0, empty_share=share)
    assert built.examples.filter(pl.col("kind") == "negative").height == kept
    assert built.examples.height + built.left_out.height == len(rows)
    assert set(built.reasons().values()) <= {"too_many_empty"}
    backwards = build_examples(rows[::-1], full_ontology_share=1.0, empty_share=share)
    assert backwards.reasons() == built.reasons()


def test_with_thinking_the_rationale_precedes_the_json_and_every_type_is_listed() -> None:
    built = build_examples(
        [row(1), row(2, rationale=None), row(3, rationale="")], thinking=True, full_ontology_share=0.0
    )
    (example,) = built.examples.iter_rows(named=True)
    parsed = parse(example["messages"][1]["content"])
    assert parsed.rationale == "Because."
    assert parsed.strict
    assert example["kind"] == "full"
    assert example["messages"][1]["content"].startswith("<think>\n")
    assert built.reasons() == {row(2)["passage_id"]: "no_rationale", row(3)["passage_id"]: "no_rationale"}


def test_without_thinking_the_answer_is_only_json() -> None:
    (example,) = build_examples([row(1)]).examples.iter_rows(named=True)
    assert example["messages"][1]["content"].startswith('{"entities":')


def test_max_examples_keeps_the_best() -> None:
    ungrounded = Graph((replace(GRAPH.entities[0], text="Berg Ana"), *GRAPH.entities[1:]), GRAPH.relations)
    rows = [row(i, ungrounded) for i in range(10)] + [row(100 + i) for i in range(5)]
    built = build_examples(rows, max_examples=5, full_ontology_share=1.0)
    assert sorted(built.examples["passage_id"]) == sorted(digest(str(100 + i)) for i in range(5))
    assert list(built.reasons().values()) == ["beyond_max_examples"] * 10


def test_example_ids_are_unique_across_corpora() -> None:
    examples = build_examples([row(1), row(2), row(1, corpus="other")]).examples
    assert examples["example_id"].n_unique() == 3


def test_the_relations_task_gives_the_entities_and_the_answer_repeats_them() -> None:
    built = build_examples([row(i) for i in range(30)], tasks={"both": 0, "relations": 1}, full_ontology_share=1.0)
    for example in built.examples.iter_rows(named=True):
        assert example["task"] == "relations"
        prompt, answer = (message["content"] for message in example["messages"])
        assert 'Ana Berg"person"Velsoft"company"Oslo"city"' in prompt
        assert answer == serialise(GRAPH)


def test_the_entities_task_lists_and_answers_no_relations() -> None:
    built = build_examples([row(1)], tasks={"both": 0, "entities": 1}, full_ontology_share=1.0)
    (example,) = built.examples.iter_rows(named=True)
    assert example["task"] == "entities" and example["relation_types"] == [] == example["relations"]
    assert example["messages"][0]["content"] == '"person""company""city""award";\n' + TEXT + "\n"
    assert parse(example["messages"][1]["content"]).entities == tuple((e.text, e.type) for e in GRAPH.entities)


def test_absent_types_have_an_empty_answer() -> None:
    examples = build_examples([row(i) for i in range(50)], absent_share=1.0, empty_share=1.0).examples
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


def test_events_are_entities_and_their_roles_are_relations(tmp_path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "ontology.yaml").write_text(EVENTS)
    ontology = load_ontology(tmp_path / "ontology.yaml")
    text = "Rebels bombed Norvale before the Guard raided them."
    nodes = {"bombed": "attack", "raided": "attack", "Rebels": "group", "Guard": "group", "Norvale": "place"}
    ids = {name: i for i, name in enumerate(nodes)}
    roles = [("bombed", "attacker", "Rebels"), ("bombed", "target", "Norvale"),
             ("raided", "attacker", "Guard"), ("raided", "target", "Rebels")]  # fmt: skip
    events = Graph(
        tuple(Entity(ids[name], name, kind, find_occurrences(name, text)) for name, kind in nodes.items()),
        tuple(Relation(ids[h], ids[t], kind) for h, kind, t in roles),
    )
    built = build_examples([row(1, events, text=text)], ontology=ontology, template="extract")
    (example,) = built.examples.iter_rows(named=True)
    answer = parse(example["messages"][1]["content"])
    assert set(answer.relations) == set(roles) and ("bombed", "attack") in answer.entities
    assert example["score"] >= 0.8  # grounded and legal like any other graph
    assert yaml.safe_load(EVENTS)["relation_types"].keys() == set(example["relation_types"])
