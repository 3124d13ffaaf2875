"""Relations are verbalised, and those that the passage does not entail are removed."""

from collections.abc import Sequence

import pytest

from text2graph_dagster.dataset.denoising.denoiser import DenoisedGraphs, Passage
from text2graph_dagster.dataset.denoising.nli_filter import EntailmentPair, filter_by_entailment, verbalise_relation
from text2graph_dagster.graph.model import Entity, Graph, Relation
from text2graph_dagster.ontology import EntityType, Ontology, RelationType

ONTOLOGY = Ontology(
    "tiny", "en", (EntityType("person"),), (RelationType("advises"), RelationType("married to", symmetric=True))
)
ENTITIES = tuple(Entity(i, name, "person") for i, name in enumerate(("Ana", "Ben", "Cleo")))
LABEL, OTHER_LABEL = Relation(0, 1, "advises", provenance="kb:1"), Relation(1, 2, "married to", provenance="kb:2")
ADDED = Relation(0, 2, "advises", provenance="words:0.80", confidence=0.8)
PASSAGES = [
    Passage("a" * 32, "One.", Graph(ENTITIES, (LABEL, OTHER_LABEL))),
    Passage("b" * 32, "Two.", Graph(ENTITIES)),
    Passage("c" * 32, "Three.", Graph(ENTITIES, (LABEL,))),
]
GRAPHS = [Graph(ENTITIES, (LABEL, OTHER_LABEL)), Graph(ENTITIES), Graph(ENTITIES, (LABEL, ADDED))]
DENOISED = DenoisedGraphs(GRAPHS, GRAPHS, 7, 1)


class FakeScorer:
    """Scores the given pairs as entailed, and records its inputs."""

    def __init__(self, *entailed: EntailmentPair) -> None:
        self.entailed, self.scored = entailed, list[EntailmentPair]()

    def __call__(self, pairs: Sequence[EntailmentPair]) -> Sequence[float]:
        self.scored = list(pairs)
        return [0.5 if pair in self.entailed else 0.49 for pair in pairs]


def test_only_entailed_relations_are_kept() -> None:
    scorer = FakeScorer(("One.", "Ana advises Ben."), ("Three.", "Ana advises Cleo."))
    found = filter_by_entailment(PASSAGES, DENOISED, ONTOLOGY, scorer, 0.5)
    assert [graph.relations for graph in found.graphs] == [(LABEL,), (), (ADDED,)]
    assert (found.dropped, found.added) == (9, 1)
    assert len(scorer.scored) == 5


def test_a_removed_addition_is_not_counted_as_added() -> None:
    scorer = FakeScorer(("One.", "Ana advises Ben."), ("One.", "Ben married to Cleo."), ("Three.", "Ana advises Ben."))
    found = filter_by_entailment(PASSAGES, DENOISED, ONTOLOGY, scorer, 0.5)
    assert (found.dropped, found.added) == (7, 0)


def test_a_symmetric_relation_may_be_entailed_in_either_direction() -> None:
    scorer = FakeScorer(("One.", "Cleo married to Ben."))
    assert filter_by_entailment(PASSAGES, DENOISED, ONTOLOGY, scorer, 0.5).graphs[0].relations == (OTHER_LABEL,)


@pytest.mark.parametrize(
    ("relation", "language", "words"),
    [
        ("founded", "en", "A founded B."),
        ("Live_In", "en", "A live in B."),
        ("DATE_OF_BIRTH", "en", "A date of birth B."),
        ("CEO of", "en", "A CEO of B."),
        ("位于", "zh", "A位于B。"),
    ],
)
def test_relations_become_sentences(relation: str, language: str, words: str) -> None:
    assert verbalise_relation("A", relation, "B", language) == words
