"""Sampled tasks list the types they should, and the answer can match them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.text2graph_dagster.dataset.sample_rows import GRAPH, ONTOLOGY
from text2graph_dagster.dataset.confusions import Confusions
from text2graph_dagster.dataset.task_sampling import SampledTask, TaskSampler, restrict_graph
from text2graph_dagster.errors import UserError
from text2graph_dagster.graph.model import Graph
from text2graph_dagster.identity import digest
from text2graph_dagster.settings import DatasetSettings, Settings

CONFUSIONS = Confusions({"company": ("award",)}, {"works for": ("won", "born in"), "born in": ("won",)})


def sample(
    graph: Graph = GRAPH, count: int = 300, confusions: Confusions = CONFUSIONS, **settings: Any
) -> list[SampledTask]:
    sampler = TaskSampler(ONTOLOGY, DatasetSettings(**settings), 7, confusions)
    return [sampler.sample(digest(str(i)), graph) for i in range(count)]


def test_restricting_a_graph_drops_relations_without_head_or_tail() -> None:
    kept = restrict_graph(GRAPH, ["person", "city"], ["works for", "born in"])
    assert [(h.text, kind, t.text) for h, kind, t in kept.triples()] == [("Ana Berg", "born in", "Oslo")]
    assert [e.id for e in kept.entities] == [0, 2]


def test_a_subset_lists_types_confused_with_the_stated_ones() -> None:
    tasks = sample(full_ontology_share=0.0, hard_negatives=1)
    assert all("award" in w.entity_types for w in tasks)
    assert all("won" in w.relation_types for w in tasks if "person" in w.entity_types)
    without = sample(full_ontology_share=0.0, hard_negatives=0)
    assert 0.3 < sum("award" in w.entity_types for w in without) / len(without) < 0.9


def test_stated_types_are_not_always_listed() -> None:
    """A student for which every listed type is stated would learn to predict all listed types."""
    tasks = sample(full_ontology_share=0.0)
    assert any("company" not in w.entity_types for w in tasks) and any("company" in w.entity_types for w in tasks)


@pytest.mark.parametrize("shuffle", [True, False])
def test_types_are_in_ontology_order_unless_shuffled(shuffle: bool) -> None:
    tasks = sample(full_ontology_share=0.0, shuffle_types=shuffle)
    in_order = [list(w.entity_types) == [n for n in ONTOLOGY.entity_names if n in w.entity_types] for w in tasks]
    assert all(in_order) != shuffle


def test_the_share_of_absent_types_is_as_configured() -> None:
    stated = {e.type for e in GRAPH.entities}
    absent = [w for w in sample(count=2000, absent_share=0.25) if not stated.intersection(w.entity_types)]
    assert 0.22 < len(absent) / 2000 < 0.28
    assert all(w.entity_types == ["award"] for w in absent)
    assert not any(set(w.entity_types) == {"award"} for w in sample(Graph(), absent_share=1.0, full_ontology_share=1.0))


def test_the_shares_of_tasks_are_as_configured() -> None:
    tasks = sample(count=3000, tasks={"both": 2, "entities": 1, "relations": 1})
    share = {task: sum(w.task == task for w in tasks) / 3000 for task in ("both", "entities", "relations")}
    assert share == pytest.approx({"both": 0.5, "entities": 0.25, "relations": 0.25}, abs=0.03)
    assert all(not w.relation_types for w in tasks if w.task == "entities")
    alone = Graph(GRAPH.entities[:1])  # one entity has no relations
    assert {w.task for w in sample(alone, tasks={"both": 0, "entities": 0, "relations": 1})} == {"entities"}
    assert {w.task for w in sample()} == {"both"}


def test_at_least_one_task_must_have_a_positive_share() -> None:
    with pytest.raises(UserError, match="at least one task"):
        Settings.load(None, {"dataset": {"tasks": {"both": 0}}})


@given(
    full=st.floats(0, 1),
    absent=st.floats(0, 1),
    hard=st.integers(0, 5),
    shuffle=st.booleans(),
    thinking=st.booleans(),
    number=st.integers(),
)
def test_every_listed_relation_has_listed_head_and_tail_types(
    full: float, absent: float, hard: int, shuffle: bool, thinking: bool, number: int
) -> None:
    settings = DatasetSettings(
        full_ontology_share=full, absent_share=absent, hard_negatives=hard, shuffle_types=shuffle, thinking=thinking
    )
    sampled = TaskSampler(ONTOLOGY, settings, 7, CONFUSIONS).sample(digest(str(number)), GRAPH)
    listed = set(sampled.entity_types)
    assert listed <= set(ONTOLOGY.entity_names) and len(listed) == len(sampled.entity_types) > 0
    assert len(set(sampled.relation_types)) == len(sampled.relation_types)
    for name in sampled.relation_types:
        assert any(set(signature) <= listed for signature in ONTOLOGY.relation(name).signatures)
    if thinking:
        assert (sampled.task, sampled.kind) == ("both", "full") and listed == set(ONTOLOGY.entity_names)
