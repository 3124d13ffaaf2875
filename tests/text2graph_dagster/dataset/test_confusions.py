"""Confusable types are mined from the graphs of a corpus and from disagreements between samples."""

from text2graph_dagster.dataset.confusions import mine_confusions
from text2graph_dagster.graph.model import Entity, Graph, Relation
from text2graph_dagster.ontology import EntityType, Ontology, RelationType

PEOPLE = (("person", "company"),)
ONTOLOGY = Ontology(
    "jobs",
    "en",
    tuple(map(EntityType, ("person", "company", "school", "city"))),
    (
        RelationType("works for", "", PEOPLE),
        RelationType("founded", "", PEOPLE),
        RelationType("leads", "", PEOPLE),
        RelationType("studied at", "", (("person", "school"),)),
        RelationType("lies in", "", (("company", "city"), ("school", "city"))),
    ),
)


def graph(*kinds: str) -> Graph:
    ends = (Entity(0, "Ana", "person"), Entity(1, "Velsoft", "company"))
    return Graph(ends, tuple(Relation(0, 1, kind) for kind in kinds))


def test_relations_that_share_signatures_are_confusable() -> None:
    mined = mine_confusions(ONTOLOGY, []).relation_types
    assert mined["works for"] == ("founded", "leads")  # equal scores: sorted by name
    assert mined["studied at"] == ()


def test_entity_types_in_the_same_signature_positions_are_confusable() -> None:
    mined = mine_confusions(ONTOLOGY, []).entity_types
    assert mined["school"] == ("company",)
    assert mined["city"] == ()


def test_types_in_the_same_passages_are_more_confusable() -> None:
    mined = mine_confusions(ONTOLOGY, [graph("works for", "leads")] * 3 + [graph("founded")]).relation_types
    assert mined["works for"] == ("leads", "founded")


def test_types_mistaken_for_each_other_are_more_confusable() -> None:
    denoised = [(graph("founded", "works for"), graph("works for"))] * 3  # a label that denoising dropped
    assert mine_confusions(ONTOLOGY, [], denoised).relation_types["works for"] == ("founded", "leads")
    samples = [(graph("leads"), graph("works for"))] * 3  # samples that disagree
    assert mine_confusions(ONTOLOGY, [], samples).relation_types["works for"] == ("leads", "founded")
    other = Graph((Entity(0, "Velsoft", "city"),))
    assert mine_confusions(ONTOLOGY, [], [(graph(), other)]).entity_types["city"] == ("company",)
