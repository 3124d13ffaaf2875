"""What a student might try for a better reward than it deserves, and the order in which the tries must rank.

A table is a list of ranks, the best first; every completion of a rank must earn more than every one of the next.
"""

import json
from itertools import pairwise, permutations, product

import pytest

from tests.text2graph_dagster.rewards.reward_examples import (
    BEST,
    CREDIT,
    ENTITIES,
    ONTOLOGY,
    RELATIONS,
    TEXT,
    WORST,
    answer,
    graph,
    think,
    total,
)
from text2graph_dagster.graph.model import Graph
from text2graph_dagster.graph.wire import serialise
from text2graph_dagster.rewards.matching import NO_CREDIT, Credit

Row = tuple[str, str, str]  # id, completion, why it stands where it stands
RIGHT, EMPTY = answer(), answer([], [])
ANA, VELSOFT, OSLO, BEN = ENTITIES
FOUNDED, LIVES, MARRIED = RELATIONS
WORDS = [word.strip('."{}') for word in TEXT.split()]
EVERY_PAIR = [(h, r, t) for (h, _), (t, _) in permutations(ENTITIES, 2) for r in ONTOLOGY.relation_names]
EVERY_TYPE = [(name, kind) for name, _ in ENTITIES for kind in ONTOLOGY.entity_names]
NUMBERED = {
    "entities": [{"id": i, "text": text, "type": kind} for i, (text, kind) in enumerate(ENTITIES)],
    "relations": [{"head": 0, "tail": tail, "type": RELATIONS[tail - 1][1]} for tail in (1, 2, 3)],
}
NOTED = {key: [{**item, "why": "because the text says so"} for item in json.loads(RIGHT)[key]] for key in NUMBERED}
HIDDEN = RIGHT.replace('{"entities":', '{"entities": [{"text": "Madrid", "type": "city"}], "entities":', 1)

RIGHT_GRAPH: list[Row] = [
    ("right", RIGHT, "the gold graph"),
    ("right, as teachers write it", serialise(graph(), "public"), "the order of keys means nothing"),
    ("right, shuffled", answer(ENTITIES[::-1], RELATIONS[::-1]), "a graph is a set"),
    ("right, numbered ends", json.dumps(NUMBERED), "the student's own wire form"),
    ("right, on many lines", json.dumps(NUMBERED, indent=2), "white space between tokens means nothing"),
    ("right, a symmetric relation turned", answer(ENTITIES, [FOUNDED, LIVES, ("Ben Ode", "married to", "Ana Ruiz")]),
     "it says the same"),
    ("right, other case and blanks", answer([("ANA  ruiz", "person"), *ENTITIES[1:]]), "the same surface, normalised"),
    ("right, punctuation at the edge", answer([ANA, VELSOFT, ("Oslo.", "city"), BEN]), "likewise"),
]  # fmt: skip
ONE_FAULT: list[Row] = [
    ("one relation missing", answer(ENTITIES, RELATIONS[:2]), "silence costs recall"),
    ("one entity missing, with its relation", answer(ENTITIES[:3], RELATIONS[:2]), "so does forgetting a name"),
    ("one entity missing, not its relation", answer(ENTITIES[:3]), "a relation needs its ends"),
    ("one relation reversed", answer(ENTITIES, [("Velsoft", "founded", "Ana Ruiz"), LIVES, MARRIED]), "another fact"),
    ("one relation under another type", answer(ENTITIES, [FOUNDED, ("Ana Ruiz", "founded", "Oslo"), MARRIED]),
     "another fact"),
    ("one entity of a wrong type", answer([ANA, VELSOFT, OSLO, ("Ben Ode", "city")]), "its relation falls with it"),
    ("a name under two types", answer([*ENTITIES, ("Oslo", "company")]), "hedging: its relation falls too"),
    ("one wrong entity more", answer([*ENTITIES, ("c", "person")]), "precision"),
    ("one wrong relation more", answer(ENTITIES, [*RELATIONS, ("Ben Ode", "lives in", "Oslo")]), "a guess"),
    ("one entity twice", answer([*ENTITIES, ANA]), "a repetition is one more item"),
    ("one entity twice, in other case", answer([*ENTITIES, ("ANA RUIZ", "person")]), "the same item again"),
    ("one relation twice", answer(ENTITIES, [*RELATIONS, FOUNDED]), "a repetition is one more item"),
    ("a symmetric relation both ways", answer(ENTITIES, [*RELATIONS, MARRIED[::-1]]), "the same item again"),
    ("one invented entity more", answer([*ENTITIES, ("Madrid", "city")]), "the passage does not name it"),
    ("one nameless entity more", answer([*ENTITIES, ("", "city")]), "nothing is no span"),
    ("one entity of no requested type more", answer([*ENTITIES, ("c", "planet")]), "the filter drops it, for a price"),
    ("one relation of no requested type more", answer(ENTITIES, [*RELATIONS, ("Oslo", "owns", "Velsoft")]), "likewise"),
    ("one invented relation more", answer(ENTITIES, [*RELATIONS, ("Madrid", "lives in", "Oslo")]), "likewise"),
    ("a span too long", answer([ANA, VELSOFT, OSLO, ("with Ben Ode", "person")]), "spans are exact"),
    ("a span too short", answer([ANA, VELSOFT, OSLO, ("Ode", "person")]), "spans are exact"),
]  # fmt: skip
BAD_FORM: list[Row] = [
    ("right, in a fence", f"```json\n{RIGHT}\n```", "readable, but not what was asked for"),
    ("right, after a word", f"Here it is: {RIGHT}", "likewise"),
    ("right, before a word", f"{RIGHT} I hope this helps!", "likewise"),
    ("right, after thinking nobody asked for", think(RIGHT), "likewise"),
    ("right, with notes in its items", json.dumps(NOTED), "keys that the form does not have"),
    ("right, with notes beside it", RIGHT[:-1] + ', "notes": "all of it"}', "likewise"),
    ("right, over a list that nobody reads", HIDDEN, "a key twice: the first could hold anything"),
]
SOME_CONTENT: list[Row] = [
    ("entities without relations", answer(ENTITIES, []), "half of the task"),
    ("entities, and each relation reversed", answer(ENTITIES, [FOUNDED[::-1], LIVES[::-1]]), "entities, wrong facts"),
    ("entities, and every relation of every pair", answer(ENTITIES, EVERY_PAIR), "recall bought with precision"),
    ("one entity", answer([ANA], []), "a beginning"),
]
CHEAP: list[Row] = [("nothing, in good form", EMPTY, "a tiny graph was the ancestor's way out")]
WORSE_THAN_NOTHING: list[Row] = [
    ("relations without entities", answer([], RELATIONS),
     "every one dangles; the ancestor's reward gave it 2.2 of 3.2"),
    ("every relation without entities", answer([], EVERY_PAIR), "likewise"),
    ("right, twenty times over", answer(ENTITIES * 20, RELATIONS * 20),
     "one to one: nineteen are wrong; the ancestor's reward gave it 3.2 of 3.2"),
    ("every name under every type", answer(EVERY_TYPE), "hedged names end no relation"),
    ("everything at once", answer(EVERY_TYPE, EVERY_PAIR), "recall 1, and worth nothing"),
    ("every word under every type", answer(list(product(WORDS, ONTOLOGY.entity_names)), []), "likewise"),
    ("the types as entities", answer([(kind, kind) for kind in ONTOLOGY.entity_names], []), "not in the passage"),
    ("only inventions", answer([("Madrid", "city"), ("Rome", "city")], []), "not in the passage"),
    ("only types of its own", answer([(name, "thing") for name, _ in ENTITIES], []), "nobody asked for things"),
    ("nothing, in a fence", f"```json\n{EMPTY}\n```", "no content and no form"),
    ("nothing, with notes", '{"entities": [], "relations": [], "notes": "none"}', "likewise"),
    ("another passage's graph", answer([("Eva Lind", "person"), ("Rome", "city")], [("Eva Lind", "lives in", "Rome")]),
     "learnt by heart"),
]  # fmt: skip
UNREADABLE: list[Row] = [
    ("no answer", "", "nothing to read"),
    ("prose", "Ana Ruiz founded Velsoft.", "no JSON"),
    ("right, cut off", RIGHT[:-1], "nobody knows what is missing"),
    ("right, twice in a row", RIGHT + RIGHT, "which of the two?"),
    ("right, in a list", f"[{RIGHT}]", "not an object"),
    ("right, thinking never closed", f"<think>{RIGHT}", "all of it is thinking"),
    ("right, tags reversed", f"</think>Ana Ruiz is a person.<think>{RIGHT}", "likewise"),
    ("bare names", '{"entities": ["Ana Ruiz"], "relations": []}', "items are objects"),
    ("no relations at all", '{"entities": []}', "both lists belong there"),
    ("text that is none", '{"entities": [{"text": null, "type": "person"}], "relations": []}', "not a string"),
    ("nested without end", '{"entities":[' * 3000, "not even JSON"),
    ("a number without end", '{"entities": [], "relations": [], "n": ' + "1" * 5000 + "}", "more than Python reads"),
]

PLAIN = [RIGHT_GRAPH, ONE_FAULT, BAD_FORM, SOME_CONTENT, CHEAP, WORSE_THAN_NOTHING, UNREADABLE]
THINKING: list[list[Row]] = [
    [
        ("right, thought about", think(RIGHT), "what was asked for"),
        ("right, braces in the thinking", think(RIGHT, "A brace } and { another."),
         "text, not JSON; the ancestor's reward gave it 1.0 of 3.2"),
    ],
    [
        ("right, not thought about", RIGHT, "the form's small weight"),
        ("right, empty thinking", think(RIGHT, " "), "likewise"),
    ],
    [("one relation missing", think(answer(ENTITIES, RELATIONS[:2])), "content outweighs form")],
    [
        ("right, words before", f"Sure. {think(RIGHT)}", "bad form"),
        ("right, words after", f"{think(RIGHT)} Done.", "bad form"),
    ],
    [("entities without relations", think(answer(ENTITIES, [])), "half of the task")],
    [("nothing, thought about", think(EMPTY), "form alone")],
    [("relations without entities", think(answer([], RELATIONS)), "dangling")],
    [("tags reversed, nothing", f"</think>Ana Ruiz is a person.<think>{EMPTY}",
     "the ancestor's reward gave it 1.2 of 3.2")],
]  # fmt: skip
NO_FACTS: list[list[Row]] = [  # the passage holds nothing that was asked for
    [("nothing", EMPTY, "right; the ancestor's reward gave it 1.2 of 3.2")],
    [("one entity", answer([ANA], []), "one wrong item"), ("one entity, invented", answer([("Rome", "city")], []), "")],
    [("nothing, in a fence", f"```\n{EMPTY}\n```", "bad form")],
    [("one relation", answer([ANA, VELSOFT], [FOUNDED]), "three wrong items, one of them a fact")],
    [("a whole graph", RIGHT, "all of it wrong")],
    [("a larger graph", answer(ENTITIES * 20, RELATIONS * 20), "even more of it")],
    [("unreadable", RIGHT[:-1], "unreadable")],
]


@pytest.mark.parametrize("credit", [NO_CREDIT, CREDIT], ids=["no credit", "partial credit"])
@pytest.mark.parametrize(
    ("table", "gold", "thinking"),
    [(PLAIN, None, False), (THINKING, None, True), (NO_FACTS, Graph(), False)],
    ids=["plain", "thinking", "no facts"],
)
def test_every_try_ranks_where_it_belongs(
    table: list[list[Row]], gold: Graph | None, thinking: bool, credit: Credit
) -> None:
    earned = [
        [(total(completion, gold, credit=credit, thinking=thinking), name) for name, completion, _ in rank]
        for rank in table
    ]
    for better, worse in pairwise(earned):
        assert min(better) > max(worse)


def test_there_are_as_many_tries_as_it_takes() -> None:
    names = [name for rank in PLAIN for name, _, _ in rank]
    assert len(names) == len(set(names)) >= 60


@pytest.mark.parametrize("completion", [completion for _, completion, _ in RIGHT_GRAPH])
def test_a_right_graph_earns_everything_however_it_is_written(completion: str) -> None:
    assert total(completion) == pytest.approx(BEST)


@pytest.mark.parametrize("completion", [completion for _, completion, _ in UNREADABLE])
def test_what_cannot_be_read_pays_every_penalty(completion: str) -> None:
    assert total(completion) == pytest.approx(WORST)
