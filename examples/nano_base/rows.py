"""Turn passages into training examples with the prompt and columns of the pipeline."""

import random
from collections.abc import Iterator
from typing import Any

from examples.nano_base.ontology import World, draw_world
from examples.nano_base.passages import Passage, write_passage
from text2graph_dagster.graph.model import Entity, Graph
from text2graph_dagster.graph.model import Relation as GraphRelation
from text2graph_dagster.graph.rows import to_rows
from text2graph_dagster.prompts import templates

CORPUS = "nano_base"
_EVERYTHING = 0.6  # share of the examples whose prompt has every type of their ontology


def make_rows(count: int, seed: int) -> Iterator[dict[str, Any]]:
    """Yield `count` examples: the columns of filtered_dataset that training reads, and `text`."""
    for number in range(count):
        rng = random.Random(f"{seed}/{number}")
        world = draw_world(rng)
        yield _row(f"{seed}-{number}", rng, world, write_passage(rng, world))


def _row(name: str, rng: random.Random, world: World, passage: Passage) -> dict[str, Any]:
    kinds, relations = _choose(rng, world)
    graph = graph_of(passage, kinds, relations)
    entities, edges = to_rows(graph)
    return {
        "example_id": name,
        "corpus": CORPUS,
        "messages": [{"role": "user", "content": ask(passage.text, kinds, relations)}],
        "entity_types": kinds,
        "relation_types": relations,
        "entities": entities,
        "relations": edges,
        "text": passage.text,
    }


def ask(text: str, kinds: list[str], relations: list[str]) -> str:
    """Return the pipeline's compact prompt; a test compares it with `prompts.rendering`."""
    named = [{"name": name} for name in relations]
    return templates.fill_template(
        "en", "compact", text=text, entity_types=[{"name": k} for k in kinds], relation_types=named
    )


def _choose(rng: random.Random, world: World) -> tuple[list[str], list[str]]:
    """Return the entity types and relation types of the prompt: all of them, or a random selection."""
    kinds, relations = [k.name for k in world.kinds], [r.name for r in world.relations]
    if rng.random() < _EVERYTHING:
        return kinds, relations
    kept = rng.sample(kinds, rng.randint(1, len(kinds)))
    share = rng.random()
    some = [name for name in relations if rng.random() < share]
    return [k for k in kinds if k in kept], some or relations[:1]


def graph_of(passage: Passage, kinds: list[str], relations: list[str]) -> Graph:
    """Return the graph of the passage for these types; a relation needs both ends."""
    named = [(i, thing) for i, thing in enumerate(passage.things) if thing.mentions and thing.kind.name in kinds]
    entities = tuple(
        Entity(i, t.name.full, t.kind.name, tuple(sorted(t.mentions, key=lambda s: s.start))) for i, t in named
    )
    there = {i for i, _ in named}
    stated = (f for f in passage.facts if f[1] in relations and f[0] in there and f[2] in there)
    return Graph(entities, tuple(GraphRelation(head, tail, name) for head, name, tail in stated))
