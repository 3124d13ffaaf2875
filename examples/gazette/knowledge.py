"""The knowledge base: an incomplete list of the facts of a world, with incomplete lists of aliases."""

import random
from typing import Any

from examples.gazette.settings import GazetteSettings
from examples.gazette.world import World


def knowledge_base(world: World, settings: GazetteSettings) -> list[dict[str, Any]]:
    """Return the lines of `knowledge_base.jsonl`: a random share of the facts, whether or not a document states them.

    A symmetric fact has one direction only. Each alias of an entity is known with probability `alias_coverage`; the
    known aliases of an entity are the same on every line.
    """
    rng = random.Random(f"{settings.seed}/{world.name}/knowledge")
    aliases = {
        entity.key: [alias for alias in entity.aliases if rng.random() < settings.alias_coverage]
        for entity in world.entities
    }
    kept = sorted(rng.sample(range(len(world.facts)), round(len(world.facts) * settings.knowledge_base_coverage)))
    return [
        {
            "head": fact.head.name,
            "relation": fact.relation,
            "tail": fact.tail.name,
            "head_aliases": aliases[fact.head.key],
            "tail_aliases": aliases[fact.tail.key],
            "head_type": fact.head.type,
            "tail_type": fact.tail.type,
            "head_id": fact.head.key,
            "tail_id": fact.tail.key,
        }
        for fact in (world.facts[index] for index in kept)
    ]
