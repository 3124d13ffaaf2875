"""Facts that a document denies are false in its world."""

import random

from examples.gazette.choices import Chooser
from examples.gazette.world import World


def test_denied_facts_are_false(world: World) -> None:
    chooser = Chooser(world, random.Random(2))
    drawn = 0
    for fact in world.facts:
        for denied in (chooser.untrue(fact), chooser.other_relation(fact)):
            if denied is not None:
                drawn += 1
                assert denied not in world.facts_about[denied.head.key]
    assert drawn > len(world.facts) // 2
