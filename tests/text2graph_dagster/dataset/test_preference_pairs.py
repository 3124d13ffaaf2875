"""The chosen graph of a preference pair always has the higher reward, and every kind of mistake occurs."""

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from text2graph_dagster.dataset.confusions import mine_confusions
from text2graph_dagster.dataset.preference_pairs import (
    PAIR_KINDS,
    GraphPreference,
    PairCase,
    corrupt_graph,
    rank_answers,
    to_parsed_graph,
)
from text2graph_dagster.graph.mentions import find_occurrences
from text2graph_dagster.graph.model import Entity, Graph, ParsedGraph, Relation
from text2graph_dagster.graph.wire import serialise
from text2graph_dagster.ontology import EntityType, Ontology, RelationType
from text2graph_dagster.rewards.items import RewardRequest
from text2graph_dagster.rewards.scoring import score_completion
from text2graph_dagster.settings import RewardWeights

WEIGHTS = RewardWeights().model_dump()
ONTOLOGY = Ontology(
    "test",
    "en",
    tuple(map(EntityType, ("person", "company", "city"))),
    (
        RelationType("works for", "", (("person", "company"),)),
        RelationType("founded", "", (("person", "company"),)),
        RelationType("child of", "", (("person", "person"),)),
        RelationType("married to", "", (("person", "person"),), symmetric=True),
        RelationType("lives in", "", (("person", "city"),)),
    ),
)
TEXT = "Last week Ana Ruiz, a daughter of Ben Ode, left Velsoft of Oslo. Her husband Cal Tove still works for Gramont."
NAMES = {"Ana Ruiz": "person", "Ben Ode": "person", "Cal Tove": "person", "Velsoft": "company", "Gramont": "company"}
NAMES |= {"Oslo": "city"}
FACTS = [(h, r.name, t) for h in NAMES for t in NAMES if h != t for r in ONTOLOGY.relation_types]
FACTS = [(h, r, t) for h, r, t in FACTS if ONTOLOGY.allows(NAMES[h], r, NAMES[t]) and (r != "married to" or h < t)]


def graph(names: list[str], facts: list[tuple[str, str, str]]) -> Graph:
    ids = {name: i for i, name in enumerate(names)}
    entities = tuple(Entity(i, name, NAMES[name], find_occurrences(name, TEXT)) for name, i in ids.items())
    return Graph(entities, tuple(Relation(ids[h], ids[t], r) for h, r, t in facts if h in ids and t in ids))


GRAPHS = st.builds(
    graph,
    st.lists(st.sampled_from(sorted(NAMES)), unique=True),
    st.lists(st.sampled_from(FACTS), unique=True, max_size=5),
)
CONFUSIONS = mine_confusions(ONTOLOGY, [graph(list(NAMES), FACTS)])


def case(gold: Graph) -> PairCase:
    return PairCase(TEXT, ONTOLOGY.entity_names, ONTOLOGY.relation_names, gold, ONTOLOGY, WEIGHTS)


def reward(graph: Graph, gold: Graph) -> float:
    request = RewardRequest.prepare(TEXT, ONTOLOGY.entity_names, ONTOLOGY.relation_names, gold, ONTOLOGY)
    return score_completion(serialise(graph, "public"), request, WEIGHTS)["total"]


def check(pair: GraphPreference, gold: Graph) -> None:
    assert pair.chosen != pair.rejected
    assert serialise(pair.chosen, "compact") != serialise(pair.rejected, "compact")
    assert reward(pair.chosen, gold) > reward(pair.rejected, gold)


@settings(deadline=None, max_examples=50)
@given(GRAPHS, st.integers(0, 1000))
def test_the_graph_is_preferred_to_every_corruption_of_it(gold: Graph, seed: int) -> None:
    pairs = corrupt_graph(case(gold), CONFUSIONS, random.Random(seed))
    for pair in pairs:
        check(pair, gold)
        assert to_parsed_graph(pair.chosen) == to_parsed_graph(case(gold).legalise(to_parsed_graph(gold)))
    assert pairs == corrupt_graph(case(gold), CONFUSIONS, random.Random(seed))
    assert len({pair.kind for pair in pairs}) == len(pairs)


@settings(deadline=None, max_examples=50)
@given(GRAPHS, st.lists(GRAPHS, max_size=4), st.integers(1, 4))
def test_answers_are_ranked_by_their_reward(gold: Graph, answers: list[Graph], max_pairs: int) -> None:
    pairs = rank_answers(case(gold), map(to_parsed_graph, answers), max_pairs, random.Random(1))
    for pair in pairs:
        check(pair, gold)
    rewards = {round(reward(answer, gold), 6) for answer in answers}
    assert len(pairs) == min(max_pairs, len(rewards) * (len(rewards) - 1) // 2)


def test_every_kind_of_mistake_occurs_and_changes_the_graph_as_intended() -> None:
    facts = [("Ana Ruiz", "child of", "Ben Ode"), ("Cal Tove", "works for", "Gramont")]
    gold = graph(list(NAMES), facts)
    seen: dict[str, list[Graph]] = {kind: [] for kind in PAIR_KINDS}
    for seed in range(50):
        for pair in corrupt_graph(case(gold), CONFUSIONS, random.Random(seed)):
            seen[pair.kind].append(pair.rejected)
    assert {kind for kind, graphs in seen.items() if graphs} == set(PAIR_KINDS) - {"sampled"}
    assert all(("Ben Ode", "child of", "Ana Ruiz") in to_parsed_graph(g).relations for g in seen["flip"])
    assert all(
        ("Cal Tove", "founded", "Gramont") in to_parsed_graph(g).relations
        or not {"child of"} & {r.type for r in g.relations}
        for g in seen["relation_type"]
    )
    assert {len(g.relations) for g in seen["dropped"]} == {0, 1, 2}
    assert all(len(g.entities) + len(g.relations) == 9 for g in seen["invented"])
    spans = {entity.text for g in seen["span"] for entity in g.entities} - set(NAMES)
    assert {"Ana", "week Ana Ruiz", "Gramont"} - spans == {"Gramont"}
    wrong = Counter((e.text, e.type) for g in seen["entity_type"] for e in g.entities if NAMES[e.text] != e.type)
    assert len(wrong) > 5


@pytest.mark.parametrize("kind", ["flip", "relation_type"])
def test_no_pair_is_made_if_a_kind_of_mistake_is_impossible(kind: str) -> None:
    gold = graph(
        ["Ana Ruiz", "Oslo"], [("Ana Ruiz", "lives in", "Oslo")]
    )  # no other relation is allowed, nor the inverse
    for seed in range(20):
        assert kind not in {pair.kind for pair in corrupt_graph(case(gold), CONFUSIONS, random.Random(seed))}


def test_no_pair_is_made_from_equal_or_illegal_answers() -> None:
    gold = graph(["Ana Ruiz"], [])
    nowhere = ParsedGraph((("Ana Ruiz", "person"), ("Nobody", "person")))
    assert rank_answers(case(gold), [to_parsed_graph(gold), nowhere], 3, random.Random(0)) == []
