"""Documents state true facts only."""

import random
from dataclasses import replace

from examples.gazette.documents import compose
from examples.gazette.draft import gold_record
from examples.gazette.world import World
from tests.examples.gazette.small_settings import SMALL


def test_documents_state_only_true_facts_and_each_only_once(world: World) -> None:
    for seed in range(50):
        draft = compose(world, random.Random(seed), SMALL)
        facts = [statement.fact for statement in draft.statements]
        assert len(set(facts)) == len(facts)
        assert all(world.holds(*fact) for fact in facts)


def test_factless_documents_have_no_relations(world: World) -> None:
    settings = replace(SMALL, factless_documents=1.0)
    for seed in range(30):
        assert gold_record(compose(world, random.Random(seed), settings), "d", "dev")["relations"] == []
