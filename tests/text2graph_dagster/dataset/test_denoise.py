"""Labels that the words speak against go, statements that were passed over come, and little data changes nothing."""

import random

from text2graph_dagster.dataset.denoise import Passage, denoise
from text2graph_dagster.graph import Entity, Graph, Relation, Span
from text2graph_dagster.identity import digest
from text2graph_dagster.ontology import EntityType, Ontology, RelationType
from text2graph_dagster.settings import DenoiseSettings

ONTOLOGY = Ontology(
    "tiny",
    "en",
    (EntityType("person"), EntityType("city")),
    (
        RelationType("born in", signatures=(("person", "city"),)),
        RelationType("married to", signatures=(("person", "person"),), symmetric=True),
    ),
)
STATES, DOES_NOT = "was born in", "paid a short visit to"


def passage(number: int, words: str, labelled: bool) -> Passage:
    person, city = f"Ana{number}", f"Ulm{number}"
    text = f"{person} {words} {city} that year."
    at = text.index(city)
    entities = (
        Entity(0, person, "person", (Span(0, len(person)),)),
        Entity(1, city, "city", (Span(at, at + len(city)),)),
    )
    relations = (Relation(0, 1, "born in", provenance="kb:1"),) if labelled else ()
    return Passage(digest(str(number)), text, Graph(entities, relations))


def corpus(size: int = 400) -> list[Passage]:
    """Statements labelled in seven of ten cases, visits in one of ten."""
    rng = random.Random(1)
    return [
        passage(i, words, rng.random() < share)
        for i, (words, share) in enumerate([(STATES, 0.7), (DOES_NOT, 0.1)] * (size // 2))
    ]


def test_labels_follow_the_words_afterwards() -> None:
    passages = corpus()
    mended = denoise(passages, ONTOLOGY, DenoiseSettings())
    for before, after in zip(passages, mended.graphs, strict=True):
        assert bool(after.relations) == (STATES in before.text)
        assert after.entities == before.graph.entities
    assert mended.dropped > 0
    assert mended.added > 0


def test_what_was_added_says_so_and_has_its_words() -> None:
    passages = corpus()
    mended = denoise(passages, ONTOLOGY, DenoiseSettings())
    added = [
        (p, r) for p, g in zip(passages, mended.graphs, strict=True) for r in g.relations if r.provenance != "kb:1"
    ]
    assert len(added) == mended.added
    for before, relation in added:
        assert relation.provenance.startswith("words:")
        assert relation.evidence is not None
        assert STATES in before.text[relation.evidence.start : relation.evidence.end]


def test_the_order_of_passages_does_not_matter() -> None:
    passages = corpus()
    shuffled = random.Random(2).sample(passages, len(passages))
    one = dict(
        zip((p.passage_id for p in passages), denoise(passages, ONTOLOGY, DenoiseSettings()).graphs, strict=True)
    )
    for before, graph in zip(shuffled, denoise(shuffled, ONTOLOGY, DenoiseSettings()).graphs, strict=True):
        assert graph == one[before.passage_id]


def test_a_relation_with_few_labels_is_left_as_it_is() -> None:
    passages = corpus(40)
    mended = denoise(passages, ONTOLOGY, DenoiseSettings(least_labels=100))
    assert mended.graphs == [p.graph for p in passages]
    assert (mended.dropped, mended.added) == (0, 0)


def test_nothing_in_gives_nothing_out() -> None:
    assert denoise([], ONTOLOGY, DenoiseSettings()).graphs == []
