"""What is asked for and what is answered."""

import random
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from text2graph_dagster.contracts import FILTERED_DATASET
from text2graph_dagster.dataset.instructions import Built, build_examples, render, restrict
from text2graph_dagster.graph import Entity, Graph, Relation, Span, from_rows, parse, serialise, to_rows
from text2graph_dagster.identity import digest
from text2graph_dagster.ontology import EntityType, Ontology, RelationType
from text2graph_dagster.settings import DatasetSettings

ONTOLOGY = Ontology(
    "news",
    "en",
    (EntityType("person", "a human being"), EntityType("company"), EntityType("city"), EntityType("award")),
    (
        RelationType("works for", "has a job there", (("person", "company"),)),
        RelationType("born in", "", (("person", "city"),)),
        RelationType("won", "", (("person", "award"),)),
    ),
)
TEXT = "Ana Berg of Velsoft was born in Oslo."
GRAPH = Graph(
    (
        Entity(0, "Ana Berg", "person", (Span(0, 8),)),
        Entity(1, "Velsoft", "company", (Span(12, 19),)),
        Entity(2, "Oslo", "city", (Span(32, 36),)),
    ),
    (Relation(0, 1, "works for", Span(0, 37), "kb:1"), Relation(0, 2, "born in", Span(0, 37), "kb:2")),
)


def row(number: int, graph: Graph = GRAPH, **more: Any) -> dict[str, Any]:
    entities, relations = to_rows(graph)
    return {
        "corpus": "news", "passage_id": digest(str(number)), "text": TEXT, "language": "en",
        "entities": entities, "relations": relations, "rationale": "Because.", **more,
    }  # fmt: skip


def build(rows: list[dict[str, Any]], seed: int = 7, **settings: Any) -> Built:
    return build_examples(rows, ONTOLOGY, DatasetSettings(**settings), seed)


def test_the_compact_prompt_is_three_lines() -> None:
    prompt = render("Some text.", ["person", "city"], ["born in"], ONTOLOGY, "compact", "en")
    assert prompt == '"person""city";"born in"\nSome text.\n'


def test_the_extract_prompt_describes_the_types_it_asks_for_and_no_others() -> None:
    prompt = render(TEXT, ["person", "company"], ["works for", "born in"], ONTOLOGY, "extract", "en")
    assert "- person: a human being\n" in prompt
    assert "- works for: has a job there (person, company)\n" in prompt
    assert "- born in\n" in prompt  # its only signature needs a type that is not asked for
    assert "city" not in prompt
    assert f"<<<\n{TEXT}\n>>>" in prompt


@pytest.mark.parametrize("template", ["compact", "extract"])
@pytest.mark.parametrize("language", ["en", "zh", "other"])
@given(text=st.text(max_size=60))
def test_every_prompt_carries_the_types_and_the_passage_unchanged(template: Any, language: str, text: str) -> None:
    """The ancestor's prompts carried no list of types, so label vocabulary was what failed."""
    prompt = render(text, ONTOLOGY.entity_names, ONTOLOGY.relation_names, ONTOLOGY, template, language)
    assert text in prompt
    assert all(name in prompt for name in (*ONTOLOGY.entity_names, *ONTOLOGY.relation_names))


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
    examples = build([row(i) for i in range(2000)], held_for_grpo=0.1, empty_share=1.0).examples
    stages = dict(examples["split"].value_counts().iter_rows())
    assert 0.08 < stages["grpo"] / examples.height < 0.12 and stages["sft"] + stages["grpo"] == examples.height
    assert set(build([row(i) for i in range(200)], held_for_grpo=0.0).examples["split"]) == {"sft"}


def test_an_example_depends_on_its_passage_and_the_seed_not_on_its_neighbours_or_order() -> None:
    rows = [row(i) for i in range(60)]
    together = {e["passage_id"]: e for e in build(rows, empty_share=1.0).examples.iter_rows(named=True)}
    random.seed(1)
    backwards = {e["passage_id"]: e for e in build(rows[::-1], empty_share=1.0).examples.iter_rows(named=True)}
    alone = next(build([rows[17]], empty_share=1.0).examples.iter_rows(named=True))
    assert together == backwards
    assert alone == together[rows[17]["passage_id"]]
    other = {e["passage_id"]: e for e in build(rows, seed=8, empty_share=1.0).examples.iter_rows(named=True)}
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
    assert built.examples.height + len(built.left_out) == len(rows)
    assert set(built.left_out.values()) <= {"too_many_empty"}
    backwards = build(rows[::-1], full_ontology_share=1.0, empty_share=share)
    assert set(backwards.left_out) == set(built.left_out)


def test_with_thinking_the_rationale_stands_before_the_json_and_everything_is_asked_for() -> None:
    built = build([row(1), row(2, rationale=None), row(3, rationale="")], thinking=True, full_ontology_share=0.0)
    (example,) = built.examples.iter_rows(named=True)
    parsed = parse(example["messages"][1]["content"])
    assert parsed.rationale == "Because."
    assert parsed.strict
    assert example["kind"] == "full"
    assert example["messages"][1]["content"].startswith("<think>\n")
    assert built.left_out == {row(2)["passage_id"]: "no_rationale", row(3)["passage_id"]: "no_rationale"}


def test_without_thinking_the_answer_is_json_alone() -> None:
    (example,) = build([row(1)]).examples.iter_rows(named=True)
    assert example["messages"][1]["content"].startswith('{"entities":')


def test_the_best_examples_are_kept_when_there_are_too_many() -> None:
    ungrounded = Graph((Entity(0, "Berg Ana", "person", (Span(0, 8),)),))
    rows = [row(i, ungrounded) for i in range(10)] + [row(100 + i) for i in range(5)]
    built = build(rows, max_examples=5, full_ontology_share=1.0)
    assert sorted(built.examples["passage_id"]) == sorted(digest(str(100 + i)) for i in range(5))
    assert list(built.left_out.values()) == ["beyond_max_examples"] * 10


def test_a_relation_needs_both_its_ends() -> None:
    kept = restrict(GRAPH, ["person", "city"], ["works for", "born in"])
    assert [(h.text, kind, t.text) for h, kind, t in kept.triples()] == [("Ana Berg", "born in", "Oslo")]
    assert [e.id for e in kept.entities] == [0, 2]


def test_example_ids_are_unique_and_tell_the_corpus() -> None:
    examples = build([row(1), row(2), row(1, corpus="other")]).examples
    assert examples["example_id"].n_unique() == 3
