"""Names in a document are unambiguous."""

import random
from dataclasses import replace

from examples.gazette.documents import compose
from examples.gazette.draft import gold_record
from examples.gazette.names import NameMaker
from examples.gazette.world import build_world
from tests.examples.gazette.small_settings import SMALL


def test_a_short_form_refers_to_one_person_in_a_document() -> None:
    settings = replace(SMALL, shared_surname=0.9, short_form=1.0, short_form_first=0.5)
    crowded = build_world("train", 30, NameMaker(random.Random(1), []), settings)
    for seed in range(200):
        record = gold_record(compose(crowded, random.Random(seed), settings), "d", "dev")
        people = [entity for entity in record["entities"] if entity["type"] == "person"]
        surfaces = [{record["text"][m["start"] : m["end"]] for m in person["mentions"]} for person in people]
        assert sum(map(len, surfaces)) == len(set().union(*surfaces))
