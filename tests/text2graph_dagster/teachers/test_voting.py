"""Merging graphs by vote."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.text2graph_dagster.teachers.knowledge_base.sample_knowledge import NEWS
from text2graph_dagster.graph.model import Entity, Graph, Relation, Span
from text2graph_dagster.rewards.canonical import canonicalise, inverted_relations
from text2graph_dagster.teachers.voting import Vote, vote, vote_agreement, vote_triples

INVERTED = inverted_relations(NEWS)
#        0         1         2         3         4
#        0123456789012345678901234567890123456789012345
TEXT = "Ana Berg of Velsoft wed Tom Lund; Oslo, Norway"
NAMES = {"Ana Berg": "person", "Velsoft": "company", "Tom Lund": "person", "Oslo": "city", "Norway": "country"}


def graph(*stated: tuple[str, str, str], names: dict[str, str] = NAMES, provenance: str = "") -> Graph:
    """Return a graph of all the names, with these relations."""
    places = [(name, kind, TEXT.casefold().index(canonicalise(name))) for name, kind in names.items()]
    entities = [Entity(i, n, k, (Span(at, at + len(n)),)) for i, (n, k, at) in enumerate(places)]
    ids = {entity.text: entity.id for entity in entities}
    return Graph(tuple(entities), tuple(Relation(ids[h], ids[t], k, None, provenance) for h, k, t in stated))


WORKS = ("Ana Berg", "works for", "Velsoft")
WED = ("Ana Berg", "married to", "Tom Lund")
CAPITAL = ("Oslo", "capital of", "Norway")


def confidences(voted: Graph) -> dict[tuple[str, str, str], float | None]:
    names = voted.by_id()
    return {(names[r.head].text, r.type, names[r.tail].text): r.confidence for r in voted.relations}


def test_a_majority_is_kept_and_its_share_is_the_confidence() -> None:
    voted = vote([Vote(graph(WORKS, WED)), Vote(graph(WORKS)), Vote(graph(WORKS, CAPITAL))], NEWS, 0.5)
    assert confidences(voted) == {WORKS: 1.0}
    voted = vote([Vote(graph(WORKS, WED)), Vote(graph(WORKS)), Vote(graph(WED))], NEWS, 0.5)
    assert confidences(voted) == {WORKS: pytest.approx(2 / 3), WED: pytest.approx(2 / 3)}


def test_half_of_the_votes_is_no_majority_and_threshold_zero_gives_the_union() -> None:
    both = [Vote(graph(WORKS)), Vote(graph(WED))]
    assert confidences(vote(both, NEWS, 0.5)) == {}
    assert confidences(vote(both, NEWS, 0.0)) == {WORKS: 0.5, WED: 0.5}


def test_votes_are_weighted() -> None:
    voted = vote([Vote(graph(WORKS), 2.0), Vote(graph(WED), 1.0), Vote(graph(), 0.5)], NEWS, 0.5)
    assert confidences(voted) == {WORKS: pytest.approx(2 / 3.5)}


def test_symmetric_and_inverse_relations_are_one_triple() -> None:
    turned = [graph(("Tom Lund", "married to", "Ana Berg")), graph(("Norway", "has capital", "Oslo"))]
    voted = vote([Vote(graph(WED, CAPITAL)), *map(Vote, turned)], NEWS, 0.6)
    assert set(confidences(voted)) == {WED, CAPITAL}
    heavier = vote([Vote(graph(WED, CAPITAL)), Vote(turned[0], 9.0), Vote(turned[1], 9.0)], NEWS, 0.1)
    assert set(confidences(heavier)) == {("Tom Lund", "married to", "Ana Berg"), ("Norway", "has capital", "Oslo")}


def test_both_names_of_an_inverse_pair_are_kept_if_all_graphs_have_both() -> None:
    both = graph(CAPITAL, ("Norway", "has capital", "Oslo"))
    assert set(confidences(vote([Vote(both), Vote(both)], NEWS, 0.5))) == set(confidences(both))


def test_spellings_of_one_name_are_one_entity_with_all_mentions() -> None:
    shouted = Graph((Entity(0, "ANA  BERG", "person", (Span(0, 8),)),))
    twice = Graph((Entity(0, "Ana Berg", "person", (Span(0, 8), Span(12, 19))),))
    (entity,) = vote([Vote(shouted), Vote(twice), Vote(twice)], NEWS, 0.9).entities
    assert entity == Entity(0, "Ana Berg", "person", (Span(0, 8), Span(12, 19)))


def test_a_name_with_two_types_is_voted_on_as_two_items() -> None:
    other = graph(names={**NAMES, "Oslo": "company"})
    kinds = [e.type for e in vote([Vote(graph()), Vote(graph()), Vote(other)], NEWS, 0.5).entities if e.text == "Oslo"]
    assert kinds == ["city"]


def test_repeated_items_in_a_graph_are_one_vote() -> None:
    loud = Graph(graph(WORKS).entities, graph(WORKS).relations * 20)
    assert confidences(vote([Vote(loud), Vote(graph()), Vote(graph())], NEWS, 0.5)) == {}


def test_provenance_and_evidence_are_kept() -> None:
    known, read = graph(WORKS, provenance="kb:7"), graph(WORKS, provenance="chat:m")
    placed = Graph(read.entities, (Relation(0, 1, "works for", Span(0, 19), "chat:m"),))
    (relation,) = vote([Vote(known), Vote(placed)], NEWS, 0.5).relations
    assert (relation.provenance, relation.evidence, relation.confidence) == ("chat:m; kb:7", Span(0, 19), 1.0)


def test_no_votes_give_an_empty_graph() -> None:
    assert vote([], NEWS, 0.5) == Graph()


def test_agreement_is_the_mean_f1_of_pairs() -> None:
    assert vote_agreement([graph(WORKS)], NEWS) is None
    assert vote_agreement([graph(), graph()], NEWS) == 1.0
    assert vote_agreement([graph(WORKS, WED), graph(WORKS), graph()], NEWS) == pytest.approx((2 / 3 + 0 + 0) / 3)
    assert vote_agreement([graph(WED), graph(("Tom Lund", "married to", "Ana Berg"))], NEWS) == 1.0


STATED = st.tuples(st.sampled_from(list(NAMES)), st.sampled_from(NEWS.relation_names), st.sampled_from(list(NAMES)))
WRITTEN = st.sampled_from([NAMES, {name.upper(): kind for name, kind in NAMES.items()}])


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    names = draw(WRITTEN)
    as_written = dict(zip(NAMES, names, strict=True))
    stated = draw(st.lists(STATED, max_size=6, unique=True))
    full = graph(*((as_written[h], k, as_written[t]) for h, k, t in stated), names=names)
    wanted = {i for r in full.relations for i in (r.head, r.tail)} | draw(st.sets(st.integers(0, 4)))
    spans = {e.id: draw(st.sets(st.sampled_from([e.mentions[0], Span(40, 46)]), min_size=1)) for e in full.entities}
    kept = [Entity(e.id, e.text, e.type, tuple(sorted(spans[e.id], key=lambda s: s.start))) for e in full.entities]
    evidence = draw(st.sampled_from([None, Span(0, 10), Span(5, 46)]))
    relations = tuple(Relation(r.head, r.tail, r.type, evidence, draw(st.sampled_from("ab"))) for r in full.relations)
    return Graph(tuple(e for e in kept if e.id in wanted), relations)


VOTES = st.lists(st.builds(Vote, graphs(), st.sampled_from([0.1, 0.2, 0.7, 1.0, 3.0])), min_size=1, max_size=5)
THRESHOLDS = st.floats(0, 0.999)
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # graphs are slow to generate


@patient
@given(VOTES, THRESHOLDS, st.randoms())
def test_the_order_of_the_votes_does_not_matter(votes: list[Vote], keep_above: float, random: object) -> None:
    shuffled = sorted(votes, key=lambda _: random.random())  # type: ignore[attr-defined]
    one, other = vote(votes, NEWS, keep_above), vote(shuffled, NEWS, keep_above)
    assert one == other
    assert [r.confidence for r in one.relations] == [r.confidence for r in other.relations]


@patient
@given(graphs(), st.integers(1, 4), THRESHOLDS)
def test_identical_graphs_give_that_graph(one: Graph, count: int, keep_above: float) -> None:
    voted = vote([Vote(one)] * count, NEWS, keep_above)
    assert {(e.text, e.type, e.mentions) for e in voted.entities} == {
        (e.text, e.type, e.mentions) for e in one.entities
    }
    assert set(confidences(voted)) == set(confidences(one))
    assert all(r.confidence == 1.0 for r in voted.relations)
    assert len(voted.relations) == len(one.relations)


@patient
@given(VOTES, THRESHOLDS, THRESHOLDS)
def test_a_higher_threshold_adds_nothing(votes: list[Vote], first: float, second: float) -> None:
    low, high = (vote(votes, NEWS, threshold) for threshold in sorted((first, second)))
    assert {(e.text, e.type) for e in high.entities} <= {(e.text, e.type) for e in low.entities}
    assert set(confidences(high)) <= set(confidences(low))


@patient
@given(VOTES, THRESHOLDS)
def test_kept_relations_are_from_a_vote_and_have_head_and_tail(votes: list[Vote], keep_above: float) -> None:
    voted = vote(votes, NEWS, keep_above)
    ids = {e.id for e in voted.entities}
    assert all(r.head in ids and r.tail in ids and r.confidence is not None for r in voted.relations)
    assert vote_triples(voted, INVERTED) <= frozenset().union(*(vote_triples(v.graph, INVERTED) for v in votes))
    assert ids == set(range(len(ids)))
