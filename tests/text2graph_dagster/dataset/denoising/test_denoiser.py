"""Unlikely labels are dropped and missing relations are added; with too little data, nothing changes."""

import random

import pytest

from text2graph_dagster.dataset.denoising import denoiser
from text2graph_dagster.dataset.denoising.denoiser import Denoiser, Passage, denoise_passages
from text2graph_dagster.graph.model import Entity, Graph, Relation, Span
from text2graph_dagster.identity import digest
from text2graph_dagster.ontology import EntityType, Ontology, RelationType

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


def passage(number: int, words: str, labelled: bool, names: int | None = None) -> Passage:
    person, city = (f"{name}{number if names is None else number % names}" for name in ("Ana", "Ulm"))
    text = f"{person} {words} {city} that year."
    at = text.index(city)
    entities = (
        Entity(0, person, "person", (Span(0, len(person)),)),
        Entity(1, city, "city", (Span(at, at + len(city)),)),
    )
    relations = (Relation(0, 1, "born in", provenance="kb:1"),) if labelled else ()
    return Passage(digest(str(number)), text, Graph(entities, relations))


def corpus(size: int = 400) -> list[Passage]:
    """Return passages that state the relation (70 % labelled) and visits (10 % labelled); people occur repeatedly."""
    rng = random.Random(1)
    return [
        passage(i, words, rng.random() < share, names=size // 3)
        for i, (words, share) in enumerate([(STATES, 0.7), (DOES_NOT, 0.1)] * (size // 2))
    ]


def test_denoised_labels_match_what_the_passages_state() -> None:
    passages = corpus()
    denoised = denoise_passages(passages, ONTOLOGY)
    for before, after in zip(passages, denoised.graphs, strict=True):
        assert bool(after.relations) == (STATES in before.text)
        assert after.entities == before.graph.entities
    assert denoised.dropped > 0
    assert denoised.added > 0


def test_added_relations_have_provenance_and_evidence() -> None:
    passages = corpus()
    denoised = denoise_passages(passages, ONTOLOGY)
    added = [
        (p, r) for p, g in zip(passages, denoised.graphs, strict=True) for r in g.relations if r.provenance != "kb:1"
    ]
    assert len(added) == denoised.added
    for before, relation in added:
        assert relation.provenance.startswith("words:")
        assert relation.evidence is not None
        assert STATES in before.text[relation.evidence.start : relation.evidence.end]


def test_the_order_of_passages_does_not_matter() -> None:
    passages = corpus()
    shuffled = random.Random(2).sample(passages, len(passages))
    one = dict(zip((p.passage_id for p in passages), denoise_passages(passages, ONTOLOGY).graphs, strict=True))
    for before, graph in zip(shuffled, denoise_passages(shuffled, ONTOLOGY).graphs, strict=True):
        assert graph == one[before.passage_id]


def test_a_relation_with_few_labels_is_left_unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(denoiser, "MIN_LABELS", 100)
    passages = corpus(40)
    denoised = denoise_passages(passages, ONTOLOGY)
    assert denoised.graphs == [p.graph for p in passages]
    assert (denoised.dropped, denoised.added) == (0, 0)


def make_uninformative_corpus(size: int = 1200) -> list[Passage]:
    """Return passages labelled at random; few of them state the relation."""
    rng = random.Random(3)
    ways = ["was born in", *["met friends in", "wrote about", "flew to", "sang of", "left for", "saw", "liked"] * 2]
    return [passage(i, rng.choice(ways), rng.random() < 0.15) for i in range(size)]


def test_uninformative_labels_are_kept_only_if_cues_support_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(denoiser, "MAX_FACT_WEIGHT", 0.5)
    passages = make_uninformative_corpus()
    denoised = denoise_passages(passages, ONTOLOGY)
    kept = [p for p, g in zip(passages, denoised.graphs, strict=True) if g.relations]
    assert kept
    assert denoised.dropped > len(kept)
    assert denoised.added == 0
    assert all("was born in" in p.text for p in kept)


def test_every_relation_has_a_confidence() -> None:
    denoised = denoise_passages(corpus(), ONTOLOGY)
    confidences = [r.confidence for g in denoised.graphs for r in g.relations]
    assert confidences
    assert all(c is not None and 0.5 <= c <= 1 for c in confidences)


def test_unchanged_labels_have_a_confidence_too() -> None:
    """Labels that denoising would drop have lower confidences than the others."""
    passages = corpus()
    denoised = denoise_passages(passages, ONTOLOGY)
    assert denoised.labels == [p.graph for p in passages]
    confidences: dict[bool, list[float]] = {True: [], False: []}
    for labels, graph in zip(denoised.labels, denoised.graphs, strict=True):
        for relation in labels.relations:
            assert relation.confidence is not None
            confidences[relation in graph.relations].append(relation.confidence)
    assert len(confidences[False]) == denoised.dropped
    assert max(confidences[False]) < min(confidences[True])


def test_a_known_fact_makes_its_statement_more_likely() -> None:
    passages = [*corpus(), passage(1000, STATES, True), passage(1001, STATES, False)]
    denoised = denoise_passages(passages, ONTOLOGY).graphs
    known, unknown = (g.relations[0].confidence for g in denoised[-2:])
    assert known is not None
    assert unknown is not None
    assert known > unknown


def test_a_trained_denoiser_can_denoise_in_batches() -> None:
    passages = corpus()
    whole = denoise_passages(passages, ONTOLOGY)
    trained = Denoiser.train(iter(passages), ONTOLOGY)
    batches = [trained.denoise(passages[i : i + 90]) for i in range(0, len(passages), 90)]
    assert [g for batch in batches for g in batch.graphs] == whole.graphs
    assert sum(batch.added for batch in batches) == whole.added


def test_passages_beyond_the_training_sample_are_denoised_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(denoiser, "MAX_TRAINING_PASSAGES", 400)
    passages = corpus(800)
    denoised = denoise_passages(passages, ONTOLOGY)
    assert all(bool(g.relations) == (STATES in p.text) for p, g in zip(passages, denoised.graphs, strict=True))


def test_no_passages_give_no_graphs() -> None:
    assert denoise_passages([], ONTOLOGY).graphs == []


def test_a_vote_share_without_mentions_remains_the_confidence() -> None:
    """Without a mention, there are no features to predict a confidence from."""
    entities = (Entity(0, "Ana", "person"), Entity(1, "Ulm", "city"))
    voted = Passage(digest("p"), "It rained.", Graph(entities, (Relation(0, 1, "born in", None, "vote", 0.75),)))
    (graph,) = denoise_passages([voted], ONTOLOGY).graphs
    assert [relation.confidence for relation in graph.relations] == [0.75]
