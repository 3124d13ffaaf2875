"""Attempts to hack the reward, and how they must be ranked.

A table is a list of ranks, best first. Every completion must earn more than every completion of the next rank.
"""

import json
from itertools import pairwise, permutations, product

import pytest

from tests.text2graph_dagster.rewards.reward_examples import (
    BEST,
    ENTITIES,
    ONTOLOGY,
    RELATIONS,
    SPAN_CREDIT,
    TEXT,
    WORST,
    answer,
    graph,
    think,
    total,
)
from text2graph_dagster.graph.model import Graph
from text2graph_dagster.graph.wire import serialise

Row = tuple[str, str, str]  # id, completion, why it has this rank
CORRECT, EMPTY = answer(), answer([], [])
ANA, VELSOFT, OSLO, BEN = ENTITIES
FOUNDED, LIVES, MARRIED = RELATIONS
WORDS = [word.strip('."{}') for word in TEXT.split()]
EVERY_PAIR = [(h, r, t) for (h, _), (t, _) in permutations(ENTITIES, 2) for r in ONTOLOGY.relation_names]
EVERY_TYPE = [(name, kind) for name, _ in ENTITIES for kind in ONTOLOGY.entity_names]
NUMBERED = {
    "entities": [{"id": i, "text": text, "type": kind} for i, (text, kind) in enumerate(ENTITIES)],
    "relations": [{"head": 0, "tail": tail, "type": RELATIONS[tail - 1][1]} for tail in (1, 2, 3)],
}
NOTED = {key: [{**item, "why": "because the text says so"} for item in json.loads(CORRECT)[key]] for key in NUMBERED}
HIDDEN = CORRECT.replace('{"entities":', '{"entities": [{"text": "Madrid", "type": "city"}], "entities":', 1)

CORRECT_GRAPH: list[Row] = [
    ("correct", CORRECT, "the gold graph"),
    ("correct, in the public form", serialise(graph(), "public"), "the order of keys means nothing"),
    ("correct, shuffled", answer(ENTITIES[::-1], RELATIONS[::-1]), "a graph is a set"),
    ("correct, in lines", serialise(graph(), "lines"), "the form without JSON"),
    ("correct, numbered ends", json.dumps(NUMBERED), "the indexed wire form"),
    ("correct, on many lines", json.dumps(NUMBERED, indent=2), "white space between tokens means nothing"),
    ("correct, a symmetric relation inverted",
     answer(ENTITIES, [FOUNDED, LIVES, ("Ben Ode", "married to", "Ana Ruiz")]), "the same fact"),
    ("correct, other case and blanks", answer([("ANA  ruiz", "person"), *ENTITIES[1:]]), "the same surface"),
    ("correct, punctuation at the edge", answer([ANA, VELSOFT, ("Oslo.", "city"), BEN]), "likewise"),
]  # fmt: skip
ONE_FAULT: list[Row] = [
    ("one relation missing", answer(ENTITIES, RELATIONS[:2]), "a gap costs recall"),
    ("one entity missing, with its relation", answer(ENTITIES[:3], RELATIONS[:2]), "so does a missing entity"),
    ("one entity missing, not its relation", answer(ENTITIES[:3]), "a relation needs its ends"),
    ("one relation reversed", answer(ENTITIES, [("Velsoft", "founded", "Ana Ruiz"), LIVES, MARRIED]), "another fact"),
    ("one relation under another type", answer(ENTITIES, [FOUNDED, ("Ana Ruiz", "founded", "Oslo"), MARRIED]),
     "another fact"),
    ("one entity of a wrong type", answer([ANA, VELSOFT, OSLO, ("Ben Ode", "city")]), "nor does its relation count"),
    ("a name under two types", answer([*ENTITIES, ("Oslo", "company")]), "hedging: nor does its relation count"),
    ("one wrong entity more", answer([*ENTITIES, ("c", "person")]), "precision"),
    ("one wrong relation more", answer(ENTITIES, [*RELATIONS, ("Ben Ode", "lives in", "Oslo")]), "a guess"),
    ("one entity twice", answer([*ENTITIES, ANA]), "a repetition is one more item"),
    ("one entity twice, in other case", answer([*ENTITIES, ("ANA RUIZ", "person")]), "the same item again"),
    ("one relation twice", answer(ENTITIES, [*RELATIONS, FOUNDED]), "a repetition is one more item"),
    ("a symmetric relation both ways", answer(ENTITIES, [*RELATIONS, MARRIED[::-1]]), "the same item again"),
    ("one invented entity more", answer([*ENTITIES, ("Madrid", "city")]), "the passage does not name it"),
    ("one entity with an empty name more", answer([*ENTITIES, ("", "city")]), "an empty string is no span"),
    ("one entity of no requested type more", answer([*ENTITIES, ("c", "planet")]), "the filter drops it, at a penalty"),
    ("one relation of no requested type more", answer(ENTITIES, [*RELATIONS, ("Oslo", "owns", "Velsoft")]), "likewise"),
    ("one invented relation more", answer(ENTITIES, [*RELATIONS, ("Madrid", "lives in", "Oslo")]), "likewise"),
    ("a span too long", answer([ANA, VELSOFT, OSLO, ("with Ben Ode", "person")]), "spans are exact"),
    ("a span too short", answer([ANA, VELSOFT, OSLO, ("Ode", "person")]), "spans are exact"),
]  # fmt: skip
INVALID_FORM: list[Row] = [
    ("correct, in a fence", f"```json\n{CORRECT}\n```", "readable, but not the requested form"),
    ("correct, after a word", f"Here it is: {CORRECT}", "likewise"),
    ("correct, before a word", f"{CORRECT} I hope this helps!", "likewise"),
    ("correct, after a rationale that was not requested", think(CORRECT), "likewise"),
    ("correct, with notes in its items", json.dumps(NOTED), "keys that are not in the wire form"),
    ("correct, with notes beside it", CORRECT[:-1] + ', "notes": "all of it"}', "likewise"),
    ("correct, after a list that no parser reads", HIDDEN, "a duplicate key: the first value could be anything"),
]
SOME_CONTENT: list[Row] = [
    ("entities without relations", answer(ENTITIES, []), "half of the task"),
    (
        "entities, and each relation reversed",
        answer(ENTITIES, [FOUNDED[::-1], LIVES[::-1]]),
        "right entities, wrong facts",
    ),
    ("entities, and every relation of every pair", answer(ENTITIES, EVERY_PAIR), "recall at the cost of precision"),
    ("one entity", answer([ANA], []), "a small part of the graph"),
]
CHEAP: list[Row] = [("empty, in valid form", EMPTY, "the ancestor collapsed to tiny graphs")]
WORSE_THAN_EMPTY: list[Row] = [
    ("relations without entities", answer([], RELATIONS),
     "every one dangles; the ancestor's reward gave it 2.2 of 3.2"),
    ("every relation without entities", answer([], EVERY_PAIR), "likewise"),
    ("correct, repeated twenty times", answer(ENTITIES * 20, RELATIONS * 20),
     "one to one: nineteen are wrong; the ancestor's reward gave it 3.2 of 3.2"),
    ("every name under every type", answer(EVERY_TYPE), "a relation may not end in a hedged name"),
    ("everything at once", answer(EVERY_TYPE, EVERY_PAIR), "recall 1 at a precision near 0"),
    ("every word under every type", answer(list(product(WORDS, ONTOLOGY.entity_names)), []), "likewise"),
    ("the types as entities", answer([(kind, kind) for kind in ONTOLOGY.entity_names], []), "not in the passage"),
    ("only inventions", answer([("Madrid", "city"), ("Rome", "city")], []), "not in the passage"),
    ("only types of its own", answer([(name, "thing") for name, _ in ENTITIES], []), "an unrequested type"),
    ("empty, in a fence", f"```json\n{EMPTY}\n```", "neither content nor form"),
    ("empty, with notes", '{"entities": [], "relations": [], "notes": "none"}', "likewise"),
    ("another passage's graph", answer([("Eva Lind", "person"), ("Rome", "city")], [("Eva Lind", "lives in", "Rome")]),
     "memorised"),
]  # fmt: skip
UNREADABLE: list[Row] = [
    ("no answer", "", "nothing to read"),
    ("prose", "Ana Ruiz founded Velsoft.", "no JSON"),
    ("correct, cut off", CORRECT[:-1], "what is missing is unknown"),
    ("correct, twice in a row", CORRECT + CORRECT, "several objects are ambiguous"),
    ("correct, in a list", f"[{CORRECT}]", "not an object"),
    ("correct, thinking never closed", f"<think>{CORRECT}", "everything is rationale"),
    ("correct, tags reversed", f"</think>Ana Ruiz is a person.<think>{CORRECT}", "likewise"),
    ("bare names", '{"entities": ["Ana Ruiz"], "relations": []}', "items are objects"),
    ("no relations at all", '{"entities": []}', "both lists are required"),
    ("text that is null", '{"entities": [{"text": null, "type": "person"}], "relations": []}', "not a string"),
    ("nested without end", '{"entities":[' * 3000, "not even JSON"),
    (
        "a number without end",
        '{"entities": [], "relations": [], "n": ' + "1" * 5000 + "}",
        "more digits than Python converts",
    ),
]

PLAIN = [CORRECT_GRAPH, ONE_FAULT, INVALID_FORM, SOME_CONTENT, CHEAP, WORSE_THAN_EMPTY, UNREADABLE]
THINKING: list[list[Row]] = [
    [
        ("correct, with a rationale", think(CORRECT), "the requested form"),
        ("correct, braces in the rationale", think(CORRECT, "A brace } and { another."),
         "text, not JSON; the ancestor's reward gave it 1.0 of 3.2"),
    ],
    [
        ("correct, without a rationale", CORRECT, "the small weight of format"),
        ("correct, empty rationale", think(CORRECT, " "), "likewise"),
    ],
    [("one relation missing", think(answer(ENTITIES, RELATIONS[:2])), "content outweighs form")],
    [
        ("correct, words before", f"Sure. {think(CORRECT)}", "invalid form"),
        ("correct, words after", f"{think(CORRECT)} Done.", "invalid form"),
    ],
    [("entities without relations", think(answer(ENTITIES, [])), "half of the task")],
    [("empty, with a rationale", think(EMPTY), "form alone")],
    [("relations without entities", think(answer([], RELATIONS)), "dangling relations")],
    [("tags reversed, empty answer", f"</think>Ana Ruiz is a person.<think>{EMPTY}",
     "the ancestor's reward gave it 1.2 of 3.2")],
]  # fmt: skip
NO_FACTS: list[list[Row]] = [  # the passage has no item of a requested type
    [("empty", EMPTY, "correct; the ancestor's reward gave it 1.2 of 3.2")],
    [("one entity", answer([ANA], []), "one wrong item"), ("one entity, invented", answer([("Rome", "city")], []), "")],
    [("empty, in a fence", f"```\n{EMPTY}\n```", "invalid form")],
    [("one relation", answer([ANA, VELSOFT], [FOUNDED]), "three wrong items, one of them a fact")],
    [("a whole graph", CORRECT, "all of it wrong")],
    [("a larger graph", answer(ENTITIES * 20, RELATIONS * 20), "even more of it")],
    [("unreadable", CORRECT[:-1], "unreadable")],
]


@pytest.mark.parametrize("span_credit", [0.0, SPAN_CREDIT], ids=["no credit", "span credit"])
@pytest.mark.parametrize(
    ("table", "gold", "thinking"),
    [(PLAIN, None, False), (THINKING, None, True), (NO_FACTS, Graph(), False)],
    ids=["plain", "thinking", "no facts"],
)
def test_completions_are_ranked_in_the_order_of_the_table(
    table: list[list[Row]], gold: Graph | None, thinking: bool, span_credit: float
) -> None:
    earned = [
        [(total(completion, gold, span_credit=span_credit, thinking=thinking), name) for name, completion, _ in rank]
        for rank in table
    ]
    for better, worse in pairwise(earned):
        assert min(better) > max(worse)


def test_the_table_has_at_least_sixty_completions() -> None:
    names = [name for rank in PLAIN for name, _, _ in rank]
    assert len(names) == len(set(names)) >= 60


@pytest.mark.parametrize("completion", [completion for _, completion, _ in CORRECT_GRAPH])
def test_a_correct_graph_earns_the_best_reward_in_every_spelling(completion: str) -> None:
    assert total(completion) == pytest.approx(BEST)


@pytest.mark.parametrize("completion", [completion for _, completion, _ in UNREADABLE])
def test_an_unreadable_completion_gets_every_penalty(completion: str) -> None:
    assert total(completion) == pytest.approx(WORST)
