"""Labels that the words speak against go, statements that were passed over come, and little data changes nothing."""

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
    """Statements labelled in seven of ten cases, visits in one of ten; the same people are spoken of several times."""
    rng = random.Random(1)
    return [
        passage(i, words, rng.random() < share, names=size // 3)
        for i, (words, share) in enumerate([(STATES, 0.7), (DOES_NOT, 0.1)] * (size // 2))
    ]


def test_labels_follow_the_words_afterwards() -> None:
    passages = corpus()
    mended = denoise_passages(passages, ONTOLOGY)
    for before, after in zip(passages, mended.graphs, strict=True):
        assert bool(after.relations) == (STATES in before.text)
        assert after.entities == before.graph.entities
    assert mended.dropped > 0
    assert mended.added > 0


def test_what_was_added_says_so_and_has_its_words() -> None:
    passages = corpus()
    mended = denoise_passages(passages, ONTOLOGY)
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
    one = dict(zip((p.passage_id for p in passages), denoise_passages(passages, ONTOLOGY).graphs, strict=True))
    for before, graph in zip(shuffled, denoise_passages(shuffled, ONTOLOGY).graphs, strict=True):
        assert graph == one[before.passage_id]


def test_a_relation_with_few_labels_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(denoiser, "MIN_LABELS", 100)
    passages = corpus(40)
    mended = denoise_passages(passages, ONTOLOGY)
    assert mended.graphs == [p.graph for p in passages]
    assert (mended.dropped, mended.added) == (0, 0)


def names_together(size: int = 1200) -> list[Passage]:
    """Two names stand together for many reasons, labelled whatever is said; one passage in ten states the relation."""
    rng = random.Random(3)
    ways = ["was born in", *["met friends in", "wrote about", "flew to", "sang of", "left for", "saw", "liked"] * 2]
    return [passage(i, rng.choice(ways), rng.random() < 0.15) for i in range(size)]


def test_where_labels_say_nothing_only_what_the_ontology_speaks_of_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(denoiser, "MAX_FACT_WEIGHT", 0.5)
    passages = names_together()
    mended = denoise_passages(passages, ONTOLOGY)
    kept = [p for p, g in zip(passages, mended.graphs, strict=True) if g.relations]
    assert kept
    assert mended.dropped > len(kept)
    assert mended.added == 0
    assert all("was born in" in p.text for p in kept)


def test_every_kept_relation_bears_its_confidence() -> None:
    mended = denoise_passages(corpus(), ONTOLOGY)
    confidences = [r.confidence for g in mended.graphs for r in g.relations]
    assert confidences
    assert all(c is not None and 0.5 <= c <= 1 for c in confidences)


def test_labels_that_are_left_bear_their_confidence_too() -> None:
    """Those that mending would drop are the less likely ones."""
    passages = corpus()
    mended = denoise_passages(passages, ONTOLOGY)
    assert mended.labels == [p.graph for p in passages]
    said: dict[bool, list[float]] = {True: [], False: []}
    for labels, graph in zip(mended.labels, mended.graphs, strict=True):
        for relation in labels.relations:
            assert relation.confidence is not None
            said[relation in graph.relations].append(relation.confidence)
    assert len(said[False]) == mended.dropped
    assert max(said[False]) < min(said[True])


def test_a_fact_makes_its_statement_more_likely() -> None:
    passages = [*corpus(), passage(1000, STATES, True), passage(1001, STATES, False)]
    mended = denoise_passages(passages, ONTOLOGY).graphs
    known, unknown = (g.relations[0].confidence for g in mended[-2:])
    assert known is not None
    assert unknown is not None
    assert known > unknown


def test_what_was_learnt_judges_passages_piece_by_piece() -> None:
    passages = corpus()
    whole = denoise_passages(passages, ONTOLOGY)
    denoiser_ = Denoiser.train(iter(passages), ONTOLOGY)
    pieces = [denoiser_.denoise(passages[i : i + 90]) for i in range(0, len(passages), 90)]
    assert [g for piece in pieces for g in piece.graphs] == whole.graphs
    assert sum(piece.added for piece in pieces) == whole.added


def test_more_passages_than_are_learnt_from_are_still_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(denoiser, "MAX_TRAINING_PASSAGES", 400)
    passages = corpus(800)
    mended = denoise_passages(passages, ONTOLOGY)
    assert all(bool(g.relations) == (STATES in p.text) for p, g in zip(passages, mended.graphs, strict=True))


def test_nothing_in_gives_nothing_out() -> None:
    assert denoise_passages([], ONTOLOGY).graphs == []


def test_where_the_words_cannot_judge_the_share_of_a_vote_stays() -> None:
    """A name without a place in the passage gives no words to judge by."""
    entities = (Entity(0, "Ana", "person"), Entity(1, "Ulm", "city"))
    voted = Passage(digest("p"), "It rained.", Graph(entities, (Relation(0, 1, "born in", None, "vote", 0.75),)))
    (graph,) = denoise_passages([voted], ONTOLOGY).graphs
    assert [relation.confidence for relation in graph.relations] == [0.75]
