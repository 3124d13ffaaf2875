"""Cues and the ontology's trigger words, which suggest that a passage states a relation."""

import numpy as np
import pytest

from text2graph_dagster.dataset.denoising.cues import (
    COMMON_CUES,
    CUE_WEIGHTS,
    TriggerWords,
    compute_common_cues,
    compute_trigger_cues,
    predict_from_cues,
)
from text2graph_dagster.dataset.denoising.pair_features import Passage, iterate_pairs, iterate_stems, tokenise_words
from text2graph_dagster.graph.model import Entity, Graph, Span
from text2graph_dagster.ontology import EntityType, Ontology, RelationType

CAPITAL = RelationType(
    "capital", "seat of government of the country", (("country", "city"),), aliases=("governed from",)
)
BORDER = RelationType("shares border with", "", (("country", "country"),), symmetric=True)
INSIDE = RelationType("located in", "", (("city", "country"),), aliases=("in", ","))
CAPITAL_ZH = RelationType("首都", "", (("country", "city"),))
ONTOLOGY = Ontology("t", "en", (EntityType("country"), EntityType("city")), (CAPITAL, BORDER, INSIDE, CAPITAL_ZH))


def predict(text: str, relation: RelationType, *names: tuple[str, str]) -> float:
    """Return the probability that the relation connects the first name to the second."""
    entities = tuple(
        Entity(i, name, kind, (Span(text.index(name), text.index(name) + len(name)),))
        for i, (name, kind) in enumerate(names)
    )
    context = next(
        p.context for p in iterate_pairs(Passage("0" * 32, text, Graph(entities)), ONTOLOGY) if p.head.id == 0
    )
    cues = (*compute_common_cues(context), *compute_trigger_cues(context, TriggerWords.of(relation, ONTOLOGY)))
    assert len(cues) == len(CUE_WEIGHTS)
    return float(predict_from_cues(np.array([cues], dtype=np.float32))[0])


PERU, LIMA = ("Peru", "country"), ("Lima", "city")


@pytest.mark.parametrize(
    ("text", "relation", "names"),
    [
        ("Lima is the capital of Peru.", CAPITAL, (PERU, LIMA)),
        ("Peru, governed from Lima, is old.", CAPITAL, (PERU, LIMA)),
        ("Peru borders Chile.", BORDER, (PERU, ("Chile", "country"))),
        ("They met in Lima, Peru.", INSIDE, (LIMA, PERU)),
        ("秘鲁的首都是利马。", CAPITAL_ZH, (("秘鲁", "country"), ("利马", "city"))),
    ],
)
def test_trigger_words_make_a_statement_likely(
    text: str, relation: RelationType, names: tuple[tuple[str, str], tuple[str, str]]
) -> None:
    assert predict(text, relation, *names) > 0.5


@pytest.mark.parametrize(
    ("text", "relation", "names"),
    [
        ("Lima is the largest market of Peru.", CAPITAL, (PERU, LIMA)),
        ("Lima was never the capital of Peru.", CAPITAL, (PERU, LIMA)),
        ("They visited Peru, Chile and Brazil.", BORDER, (PERU, ("Chile", "country"))),
        ("In Peru, Lima is loved.", INSIDE, (LIMA, PERU)),
        ("利马在秘鲁很受欢迎。", CAPITAL_ZH, (("秘鲁", "country"), ("利马", "city"))),
    ],
)
def test_missing_triggers_or_a_negation_make_it_unlikely(
    text: str, relation: RelationType, names: tuple[tuple[str, str], tuple[str, str]]
) -> None:
    assert predict(text, relation, *names) < 0.5


def test_names_of_entity_types_are_not_triggers() -> None:
    assert TriggerWords.of(CAPITAL, ONTOLOGY).described == {"seat", "gover"} - TriggerWords.of(CAPITAL, ONTOLOGY).named


def test_aliases_without_a_content_word_are_connectors() -> None:
    assert TriggerWords.of(INSIDE, ONTOLOGY).connectors == {("in",), (",",)}


def test_inflected_forms_have_the_same_stem() -> None:
    assert len(set(iterate_stems(tokenise_words("border borders bordered bordering")))) == 1
    assert list(iterate_stems(tokenise_words("首都是"))) == ["首都", "都是"]


def test_cues_shared_by_all_relations_come_first() -> None:
    assert list(CUE_WEIGHTS)[COMMON_CUES:] == ["named_between", "named_around", "described", "connected_by_alias"]
