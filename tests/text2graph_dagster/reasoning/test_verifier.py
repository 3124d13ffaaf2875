"""The verifier derives the graph from a rationale, and detects tampering."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.text2graph_dagster.reasoning.test_composed_reasoner import GRAPH, ONTOLOGY, TEXT
from text2graph_dagster.corpus.text.sentences import split_sentences
from text2graph_dagster.graph.model import Entity, Graph, Relation, Span
from text2graph_dagster.reasoning.composed_reasoner import compose_rationale
from text2graph_dagster.reasoning.verifier import MAX_CHARACTERS, RationaleVerdict, find_leaks, verify_rationale

RATIONALE = compose_rationale(TEXT, "en", ONTOLOGY, GRAPH)


def verify_model_rationale(rationale: str) -> RationaleVerdict:
    return verify_rationale(rationale, TEXT, ONTOLOGY, GRAPH)


def test_the_verifier_derives_the_graph_of_a_composed_rationale() -> None:
    assert verify_model_rationale(RATIONALE) == RationaleVerdict(True)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('"Velsoft" (company)', '"Velsoft" (city)', "missing_entity: Velsoft (company)"),
        ('"Velsoft" (company)', '"Velsoft" (planet)', "unknown_type: planet"),
        ('"Velsoft" (company)', '"Veltech" (company)', "not_in_sentence: Veltech in 1"),
        (', "Velsoft" (company)', "", "missing_entity: Velsoft (company)"),
        ("Sentence 2 names", "Sentence 3 names", "not_in_sentence: Tom Lund in 3"),
        ("Sentence 2 names", "Sentence 9 names", "not_in_sentence: Tom Lund in 9"),
        ('"Berg" ("Ana Berg", person)', '"Berg" (person)', "extra_entity: Berg (person)"),
        ('"Berg" ("Ana Berg", person), ', "", "other_mentions: Ana Berg"),
        ("works for", "founded", "missing_relation: Ana Berg - works for - Velsoft"),
        ("works for", "founded", "extra_relation: Ana Berg - founded - Velsoft"),
        ("works for", "employs", "unknown_relation: employs"),
        ('"Ana Berg" - works for - "Velsoft"', '"Velsoft" - works for - "Ana Berg"', "signature: works for"),
        ("Sentence 1 states", "Sentence 2 states", "end_not_named: Ana Berg in 2 to 2"),
        ("Sentences 1 to 2 state", "Sentences 1 to 3 state", "other_sentences: Ana Berg - married to - Tom Lund"),
        (
            'Sentence 1 states: "Ana Berg" - works for - "Velsoft".\n',
            "",
            "missing_relation: Ana Berg - works for - Velsoft",
        ),
        ("names", "mentions", "unread: Sentence 1 mentions"),
        ("Sentence 2", "I guess. Sentence 2", "unread: I guess. Sentence 2"),
        ("(company).", "(company) and more.", "unread: Sentence 1 names"),
    ],
)
def test_tampering_is_detected(old: str, new: str, reason: str) -> None:
    tampered = RATIONALE.replace(old, new)
    assert tampered != RATIONALE
    verdict = verify_model_rationale(tampered)
    assert not verdict.verified
    assert any(r.startswith(reason) for r in verdict.reasons), verdict.reasons


@pytest.mark.parametrize(
    ("added", "reason"),
    [
        ('Sentence 1 states: "Ana Berg" - founded - "Velsoft".', "extra_relation: Ana Berg - founded - Velsoft"),
        ('Sentence 3 names "Oslo" (company).', "extra_entity: Oslo (company)"),
        (
            'Sentence 1 also allows to ask about "Ana Berg" and "Velsoft", but does not state: works for.',
            "rejects_its_own: Ana Berg - works for - Velsoft",
        ),
        (
            'Sentence 1 also allows to ask about "Ana Berg" and "Oslo", but does not state: works for.',
            "rejects_end_not_named: Oslo in 1 to 1",
        ),
        ('{"entities":[{"id":0,"text":"Ana Berg","type":"person"}],"relations":[]}', "leaks_json"),
        ("The relation is, as given, works for.", "refers_to_the_answer: as given"),
        ("</think>", "holds_tags"),
    ],
)
def test_additions_to_a_rationale_are_detected(added: str, reason: str) -> None:
    verdict = verify_model_rationale(f"{RATIONALE}\n{added}")
    assert not verdict.verified
    assert reason in verdict.reasons


def test_empty_and_overlong_rationales_are_rejected() -> None:
    assert "empty" in verify_model_rationale(" \n").reasons
    assert verify_model_rationale(RATIONALE + "\n" * MAX_CHARACTERS).reasons == (
        f"too_long: {len(RATIONALE) + MAX_CHARACTERS} characters",
    )


def test_a_rationale_of_another_passage_is_rejected() -> None:
    assert not verify_rationale(RATIONALE, "It rained.", ONTOLOGY, Graph()).verified


def test_a_brace_inside_a_quoted_name_is_no_leak() -> None:
    text = 'Ana "{The}" Berg left.'
    graph = Graph((Entity(0, 'Ana "{The}" Berg', "person", (Span(0, 16),)),))
    rationale = compose_rationale(text, "en", ONTOLOGY, graph)
    assert find_leaks(rationale) == []
    assert verify_rationale(rationale, text, ONTOLOGY, graph).verified


def test_a_relation_without_evidence_is_stated_where_its_ends_are_closest() -> None:
    graph = Graph(GRAPH.entities, (Relation(0, 1, "works for"),))
    rationale = compose_rationale(TEXT, "en", ONTOLOGY, graph)
    assert 'Sentence 1 states: "Ana Berg" - works for - "Velsoft".' in rationale
    assert verify_rationale(rationale, TEXT, ONTOLOGY, graph).verified


WORDS = st.sampled_from(
    ["Ana", "Tom-Ole", "O'Neil", 'B"ob"', "王明", "北京。", "went.", "to", "(Oslo)", "U.S.", "“Vel”", "x\ny"]
)


@given(st.lists(WORDS, min_size=1, max_size=14), st.data(), st.sampled_from(["en", "zh"]))
def test_composed_rationales_of_random_passages_verify(words: list[str], data: st.DataObject, language: str) -> None:
    text = " ".join(words)
    starts, at = [], 0
    for word in words:
        starts.append(at)
        at += len(word) + 1
    chosen = data.draw(st.sets(st.integers(0, len(words) - 1), max_size=6))
    kinds = ("person", "company", "city")
    merged: dict[tuple[str, str], list[Span]] = {}
    for place in sorted(chosen):
        surface = words[place].rstrip(".。")
        span = Span(starts[place], starts[place] + len(surface))
        if "\n" not in surface:
            merged.setdefault((surface, kinds[len(surface) % 3]), []).append(span)
    entities = tuple(Entity(i, name, kind, tuple(spans)) for i, ((name, kind), spans) in enumerate(merged.items()))
    relations = tuple(
        Relation(a.id, b.id, name)
        for a in entities
        for b in entities
        for name in ("works for", "married to")
        if a.id < b.id and ONTOLOGY.allows(a.type, name, b.type) and data.draw(st.booleans())
    )
    graph = Graph(entities, relations)
    whole = all(
        any(s.start <= m.start and m.end <= s.end for s in split_sentences(text, language))
        for e in entities
        for m in e.mentions
    )
    verdict = verify_rationale(compose_rationale(text, language, ONTOLOGY, graph), text, ONTOLOGY, graph, language)
    assert verdict.verified or not whole, verdict.reasons
