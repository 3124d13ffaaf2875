"""The knowledge base is incomplete, and has facts that no document states."""

from typing import Any

import pytest

from examples.gazette.generate import Summary
from examples.gazette.ontology import SYMMETRIC
from tests.examples.gazette.small_settings import SMALL


def test_the_knowledge_base_lacks_some_stated_facts_and_has_unstated_facts(
    written: Summary, gold: list[dict[str, Any]], knowledge: list[dict[str, Any]], training_texts: list[str]
) -> None:
    coverage = written.shares["facts in the knowledge base (of facts)"]
    assert coverage == pytest.approx(SMALL.knowledge_base_coverage, abs=0.001)
    known = {(line["head"], line["relation"], line["tail"]) for line in knowledge}
    assert not any((t, r, h) in known for h, r, t in known if r in SYMMETRIC)
    stated = [(r["head"], r["type"], r["tail"]) for record in gold for r in record["relations"]]
    missing = [fact for fact in stated if fact not in known and (fact[2], fact[1], fact[0]) not in known]
    assert missing
    everything = "\n".join([*training_texts, *(record["text"] for record in gold)])
    assert any(line["head"] not in everything and not line["head_aliases"] for line in knowledge)


def test_entities_of_a_known_fact_cooccur_in_passages_that_do_not_state_it(
    gold: list[dict[str, Any]], knowledge: list[dict[str, Any]]
) -> None:
    known = {(line["head"], line["tail"]): line["relation"] for line in knowledge}
    wrong = 0
    for record in gold:
        stated = {(r["head"], r["tail"]) for r in record["relations"]}
        texts = [entity["text"] for entity in record["entities"]]
        wrong += sum((h, t) in known and not {(h, t), (t, h)} & stated for h in texts for t in texts)
    assert wrong > len(gold) // 10
