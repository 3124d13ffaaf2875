"""The rewards against the failures of the published ancestor, and the properties that no hack may break."""

import json
import math
import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from text2graph_dagster.graph import Entity, Graph, Relation, serialise
from text2graph_dagster.ontology import EntityType, Ontology, RelationType
from text2graph_dagster.rewards import best_matching, canonical, f1, penalty, score, token_f1, verbosity
from text2graph_dagster.settings import RewardWeights

WEIGHTS = RewardWeights().model_dump()
TEXT = 'Ana Ruiz founded Velsoft in Oslo. Ana Ruiz lives in Oslo with Ben Ode. "Rack {9}" is a product of a_b and c.'
ONTOLOGY = Ontology(
    "test",
    "en",
    tuple(map(EntityType, ("person", "company", "city", "product"))),
    (RelationType("founded"), RelationType("lives in"), RelationType("married to", symmetric=True)),
)
ENTITIES = [("Ana Ruiz", "person"), ("Velsoft", "company"), ("Oslo", "city"), ("Ben Ode", "person")]
RELATIONS = [
    ("Ana Ruiz", "founded", "Velsoft"),
    ("Ana Ruiz", "lives in", "Oslo"),
    ("Ana Ruiz", "married to", "Ben Ode"),
]
WORST = -sum(WEIGHTS[name] for name in ("spurious", "grounding", "schema_legal", "verbosity"))


def graph(entities=ENTITIES, relations=RELATIONS) -> Graph:
    ids = {text: i for i, (text, _) in enumerate(entities)}
    return Graph(
        tuple(Entity(i, *e) for i, e in enumerate(entities)),
        tuple(Relation(ids[h], ids[t], kind) for h, kind, t in relations),
    )


def answer(entities=ENTITIES, relations=RELATIONS) -> str:
    return json.dumps(
        {
            "entities": [{"text": text, "type": kind} for text, kind in entities],
            "relations": [{"head": h, "type": kind, "tail": t} for h, kind, t in relations],
        }
    )


def parts(completion: str, gold: Graph | None = None, *, alpha: float = 0.0, thinking: bool = False, text: str = TEXT):
    return score(
        completion,
        text=text,
        entity_types=ONTOLOGY.entity_names,
        relation_types=ONTOLOGY.relation_names,
        gold=graph() if gold is None else gold,
        ontology=ONTOLOGY,
        weights=WEIGHTS,
        alpha=alpha,
        thinking=thinking,
    )


def total(completion: str, gold: Graph | None = None, **options) -> float:
    return parts(completion, gold, **options)["total"]


def think(completion: str, rationale: str = "Ana Ruiz is a person.") -> str:
    return f"<think>{rationale}</think>{completion}"


def test_a_perfect_answer_gets_every_weight_and_no_penalty() -> None:
    best = WEIGHTS["json_valid"] + WEIGHTS["entity_f1"] + WEIGHTS["relation_f1"]
    assert total(answer()) == pytest.approx(best)
    assert total(serialise(graph(), "public")) == pytest.approx(best)
    assert total(think(answer()), thinking=True) == pytest.approx(best + WEIGHTS["format"])


def test_the_ancestors_failures_rank_as_they_ought_to() -> None:
    """The reward of open-r1-text2graph gave, of 3.2: 1.2, 1.0, 3.2, 2.2 and 1.2 to the five cases marked with it."""
    empty = answer((), ())
    ranking = [
        ("perfect graph, a stray brace in the thinking (1.0)", think(answer(), "A brace } and { another.")),
        ("perfect graph, text around the thinking", "Sure. " + think(answer())),
        ("one relation missing", think(answer(ENTITIES, RELATIONS[:2]))),
        ("entities without relations", think(answer(ENTITIES, ()))),
        ("relations without entities (2.2)", think(answer((), RELATIONS))),
        ("reversed tags and an empty graph (1.2)", f"</think>Ana Ruiz is a person.<think>{empty}"),
    ]
    scores = {name: total(completion, thinking=True) for name, completion in ranking}
    best = scores["perfect graph, a stray brace in the thinking (1.0)"]
    assert best == total(think(answer()), thinking=True)
    assert scores["one relation missing"] > scores["perfect graph, text around the thinking"]
    ordered = [scores[n] for n, _ in ranking if n != "perfect graph, text around the thinking"]
    assert all(a > b for a, b in pairwise(ordered)), scores

    repeated = total(think(answer(ENTITIES * 20, RELATIONS * 20)), thinking=True)  # (3.2)
    assert repeated < scores["one relation missing"]
    assert repeated < 0.3 * best

    nothing = Graph()
    assert total(think(empty), nothing, thinking=True) == pytest.approx(best)  # a correct empty answer (1.2)
    assert total(think(answer(ENTITIES[:1], ())), nothing, thinking=True) < best


def test_relations_without_entities_earn_nothing() -> None:
    got = parts(answer((), RELATIONS))
    assert got["entity_f1"] == got["relation_f1"] == 0
    assert got["total"] <= WEIGHTS["json_valid"]


def test_a_relation_needs_ends_of_the_right_type() -> None:
    mistyped = [("Ana Ruiz", "person"), ("Velsoft", "city"), ("Oslo", "city"), ("Ben Ode", "person")]
    assert parts(answer(mistyped))["relation_f1"] == pytest.approx(2 * 2 / (3 + 3))


def test_reversed_relation_is_wrong_unless_it_is_symmetric() -> None:
    assert parts(answer(ENTITIES, [("Velsoft", "founded", "Ana Ruiz"), *RELATIONS[1:]]))["relation_f1"] < 1
    turned = [*RELATIONS[:2], ("Ben Ode", "married to", "Ana Ruiz")]
    assert parts(answer(ENTITIES, turned))["relation_f1"] == 1
    assert parts(answer(ENTITIES, [*RELATIONS, turned[2]]))["relation_f1"] < 1


def test_a_relation_may_be_said_by_its_inverse() -> None:
    relations = (RelationType("employs", inverse="works for"), RelationType("works for", inverse="employs"))
    ontology = Ontology("news", "en", (EntityType("person"), EntityType("company")), relations)
    people = [("Ana Ruiz", "person"), ("Velsoft", "company")]
    one, other = ("Ana Ruiz", "works for", "Velsoft"), ("Velsoft", "employs", "Ana Ruiz")

    def relation_f1(gold: list[tuple[str, str, str]], said: list[tuple[str, str, str]]) -> float:
        return score(
            answer(people, said),
            text="Ana Ruiz works for Velsoft.",
            entity_types=ontology.entity_names,
            relation_types=ontology.relation_names,
            gold=graph(people, gold),
            ontology=ontology,
            weights=WEIGHTS,
        )["relation_f1"]

    assert relation_f1([one], [other]) == relation_f1([one, other], [one]) == relation_f1([one], [one, other]) == 1
    assert relation_f1([one], [other, other]) == pytest.approx(2 / 3)
    assert relation_f1([one], [("Velsoft", "works for", "Ana Ruiz")]) == 0


def test_items_are_tuples_so_a_delimiter_in_a_name_means_nothing() -> None:
    text, gold = "a_b c and a b_c", graph([("a_b", "person"), ("c", "person")], [("a_b", "founded", "c")])
    confused = answer([("a", "person"), ("b_c", "person")], [("a", "founded", "b_c")])
    assert parts(confused, gold, text=text)["entity_f1"] == 0
    assert parts(confused, gold, text=text)["relation_f1"] == 0


def test_braces_and_quotes_inside_strings_are_text() -> None:
    gold = graph([('"Rack {9}"', "product")], [])
    assert total(answer([("Rack {9}", "product")], []), gold) == total(answer(), graph())


@pytest.mark.parametrize(
    "completion",
    ["", "{", "no json", "[]", answer()[:-1], answer() + answer(), think(answer())[:-1], '{"entities":[' * 3000,
     '{"entities":[],"relations":[],"n":' + "1" * 5000 + "}", "<think>" + answer()],
)  # fmt: skip
def test_unreadable_answers_rank_below_every_readable_one(completion: str) -> None:
    assert total(completion) == pytest.approx(WORST)
    assert total(answer([("Madrid", "planet")] * 50, [("x", "y", "z")] * 50)) > WORST


def test_text_around_the_json_forfeits_the_f1() -> None:
    assert total("Here it is: " + answer()) == 0
    assert total(f"```json\n{answer()}\n```") == 0
    assert total(think(answer()), thinking=False) == 0


def test_format_wants_one_closed_block_first_and_the_object_after_it() -> None:
    def format_of(completion: str) -> float:
        return parts(completion, thinking=True)["format"]

    assert format_of(think(answer())) == 1
    assert format_of(answer()) == 0
    assert format_of(think(answer(), "  ")) == 0
    assert format_of("Well. " + think(answer())) == 0
    assert format_of(think(answer()) + " Done.") == 0
    assert format_of("<think>" + think(answer())) == 0


def test_what_the_filter_drops_is_priced_and_not_scored() -> None:
    ungrounded = parts(answer([*ENTITIES, ("Madrid", "city")]))
    assert ungrounded["entity_f1"] == 1
    assert ungrounded["grounding"] == pytest.approx(-1 / 7)
    unrequested = parts(answer([*ENTITIES, ("a_b", "planet")], [*RELATIONS, ("Oslo", "owns", "Velsoft")]))
    assert unrequested["entity_f1"] == unrequested["relation_f1"] == 1
    assert unrequested["schema_legal"] == pytest.approx(-2 / 7)


def test_a_wrong_relation_costs_even_where_silence_earns_nothing() -> None:
    silent, wrong = answer(relations=[]), answer(relations=[("Ben Ode", "lives in", "Oslo")])
    assert parts(silent)["relation_f1"] == parts(wrong)["relation_f1"] == 0
    assert parts(wrong)["spurious"] == pytest.approx(-1 / 3) and parts(silent)["spurious"] == 0
    assert total(wrong) < total(silent)
    one = graph(relations=RELATIONS[:1])
    right, other = (total(answer(relations=[r]), one) for r in (RELATIONS[0], RELATIONS[1]))
    pays_from = (total(silent, one) - other) / (right - other)
    assert pays_from == pytest.approx(WEIGHTS["spurious"] / (WEIGHTS["relation_f1"] + WEIGHTS["spurious"]))


def test_formulas() -> None:
    assert f1(0, 0, 0) == 1
    assert f1(0, 3, 0) == 0.25
    assert f1(0, 0, 3) == 0
    assert f1(2, 4, 2) == pytest.approx(2 / 3)
    assert penalty(2, 4) == -0.5
    assert penalty(9, 4) == -1
    assert penalty(1, 0) == -1
    assert verbosity(5, 4) == 0
    assert verbosity(7, 4) == pytest.approx(-2 / 5)
    assert verbosity(100, 4) == -1
    assert canonical("  “Ｖｅｌ  Soft”., ") == "vel soft"
    assert canonical("...") != canonical(";")
    assert token_f1("ana ruiz", "ana maria ruiz") == pytest.approx(0.8)
    assert token_f1("ana", "ana maria ruiz de oslo") == 0
    assert token_f1("北京大学", "北京") == pytest.approx(2 / 3)
    assert best_matching([[0.4, 0.5], [0.0, 0.45]]) == pytest.approx(0.85)
    assert best_matching([]) == 0


def test_graded_credit_lies_between_none_and_full_and_is_off_at_alpha_0() -> None:
    short = answer([("Ana", "person"), *ENTITIES[1:]], [("Ana", "founded", "Velsoft"), *RELATIONS[1:]])
    none, some = parts(short, alpha=0), parts(short, alpha=0.5)
    for name in ("entity_f1", "relation_f1"):
        assert none[name] < some[name] < 1
    assert some["entity_f1"] == pytest.approx(2 * (3 + 0.5 * token_f1("ana", "ana ruiz")) / 8)
    with pytest.raises(ValueError, match="alpha"):
        parts(short, alpha=0.6)


def test_counts_are_given_for_monitoring() -> None:
    got = parts(answer(ENTITIES[:3], RELATIONS[:1]))
    assert [got[f"{side}_{kind}"] for side in ("predicted", "gold") for kind in ("entities", "relations")] == [
        3,
        1,
        4,
        3,
    ]


# A small world in which right, wrong, repeated, ungrounded and unrequested items all come up.
SURFACES = ["Ana Ruiz", "Velsoft", "Oslo", "Ben Ode", "a_b", "Madrid", "Rack {9}"]
ITEM = st.tuples(st.sampled_from(SURFACES), st.sampled_from(["person", "company", "city", "planet"]))
TRIPLE = st.tuples(
    st.sampled_from(SURFACES), st.sampled_from(["founded", "lives in", "married to", "owns"]), st.sampled_from(SURFACES)
)
OUTPUT = st.tuples(
    st.lists(st.sampled_from(ENTITIES) | ITEM, max_size=8), st.lists(st.sampled_from(RELATIONS) | TRIPLE, max_size=8)
)
GOLDS = st.sampled_from([graph(), graph(ENTITIES, []), graph(ENTITIES[:2], RELATIONS[:1]), graph([], [])])
TOLERANCE = 1e-9


def is_gold_triple(triple: tuple[str, str, str], gold: Graph) -> bool:
    known = {(h.text, kind, t.text) for h, kind, t in gold.triples()}
    return triple in known or (triple[1] == "married to" and triple[::-1] in known)


@given(OUTPUT, GOLDS, st.randoms(use_true_random=False), st.sampled_from([0.0, 0.5]))
def test_the_order_of_items_does_not_matter(output, gold, rng: random.Random, alpha: float) -> None:
    entities, relations = output
    shuffled = rng.sample(entities, len(entities)), rng.sample(relations, len(relations))
    assert total(answer(*shuffled), gold, alpha=alpha) == pytest.approx(total(answer(*output), gold, alpha=alpha))


@given(OUTPUT, GOLDS, ITEM)
def test_adding_a_wrong_entity_never_helps(output, gold, item) -> None:
    entities, relations = output
    repeated = item in entities
    if repeated or item not in {(e.text, e.type) for e in gold.entities}:
        assert total(answer([*entities, item], relations), gold) <= total(answer(*output), gold) + TOLERANCE


@given(OUTPUT, GOLDS, TRIPLE)
def test_adding_a_wrong_relation_never_helps(output, gold, triple) -> None:
    entities, relations = output
    if triple in relations or not is_gold_triple(triple, gold):
        assert total(answer(entities, [*relations, triple]), gold) <= total(answer(*output), gold) + TOLERANCE


@given(OUTPUT, GOLDS, st.data())
def test_removing_a_right_item_never_helps(output, gold, data) -> None:
    entities, relations = list(output[0]), list(output[1])
    right = [(0, e) for e in entities if e in {(g.text, g.type) for g in gold.entities} and entities.count(e) == 1]
    right += [(1, r) for r in relations if is_gold_triple(r, gold) and not _twice(r, relations)]
    emitted = set(entities)
    ends = {(h.text, k, t.text): ((h.text, h.type), (t.text, t.type)) for h, k, t in gold.triples()}
    right = [(w, i) for w, i in right if w == 0 or set(ends.get(i) or ends[i[::-1]]) <= emitted]
    if right:
        which, item = data.draw(st.sampled_from(right))
        before = total(answer(entities, relations), gold)
        (entities, relations)[which].remove(item)
        assert total(answer(entities, relations), gold) <= before + TOLERANCE


def _twice(triple: tuple[str, str, str], relations: list[tuple[str, str, str]]) -> bool:
    return relations.count(triple) + (relations.count(triple[::-1]) if triple[1] == "married to" else 0) > 1


@given(OUTPUT, GOLDS, st.integers(2, 20), st.sampled_from([0.0, 0.5]))
def test_repetition_never_helps(output, gold, times: int, alpha: float) -> None:
    entities, relations = output
    once, many = answer(*output), answer(entities * times, relations * times)
    assert total(many, gold, alpha=alpha) <= total(once, gold, alpha=alpha) + TOLERANCE


@given(OUTPUT, GOLDS, st.sampled_from([0.0, 0.25, 0.5]), st.booleans())
def test_the_reward_is_bounded_and_only_the_gold_graph_gets_the_best(
    output, gold, alpha: float, thinking: bool
) -> None:
    got = parts(think(answer(*output)) if thinking else answer(*output), gold, alpha=alpha, thinking=thinking)
    best = sum(WEIGHTS[name] for name in ("json_valid", "entity_f1", "relation_f1")) + thinking * WEIGHTS["format"]
    assert WORST <= got["total"] <= best + TOLERANCE
    if math.isclose(got["total"], best):
        assert sorted(output[0]) == sorted((e.text, e.type) for e in gold.entities)


PIECES = ["<think>", "</think>", "{", "}", "[", "]", ",", "```", "\ud800", "1e999", "NaN"]
PIECES += ['"entities":', '"relations":', '"', '{"text":1}']


@given(st.text() | st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=20).map("".join), st.booleans())
def test_no_string_raises(completion: str, thinking: bool) -> None:
    got = parts(completion, thinking=thinking, alpha=0.5)
    assert WORST - TOLERANCE <= got["total"] <= sum(WEIGHTS.values())
    assert all(map(math.isfinite, got.values()))
