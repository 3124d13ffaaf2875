"""Rendered prompts."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.text2graph_dagster.dataset.sample_rows import GRAPH, ONTOLOGY, TEXT
from text2graph_dagster.identity import digest
from text2graph_dagster.prompts import templates
from text2graph_dagster.prompts.escaping import escape_document
from text2graph_dagster.prompts.rendering import choose_phrasing, list_given_entities, render_prompt


def test_the_compact_prompt_is_three_lines() -> None:
    prompt = render_prompt("Some text.", ["person", "city"], ["born in"], ONTOLOGY, "compact", "en")
    assert prompt == '"person""city";"born in"\nSome text.\n'


def test_the_text_prompt_is_the_passage() -> None:
    assert render_prompt("Some text.", ["person", "city"], ["born in"], ONTOLOGY, "text", "en") == "Some text.\n"


def test_the_extract_prompt_describes_only_the_requested_types() -> None:
    prompt = render_prompt(TEXT, ["person", "company"], ["works for", "born in"], ONTOLOGY, "extract", "en")
    assert "- person: a human being\n" in prompt
    assert "- works for: has a job there (person, company)\n" in prompt
    assert "- born in\n" in prompt  # its only signature has a type that is not requested
    assert "city" not in prompt
    assert f"<<<\n{TEXT}\n>>>" in prompt


@pytest.mark.parametrize("template", ["compact", "extract"])
@pytest.mark.parametrize("language", ["en", "zh", "other"])
@pytest.mark.parametrize("entities", [None, GRAPH.entities])
@pytest.mark.parametrize("which", [0, 1, 2])
@given(text=st.text(max_size=60))
def test_every_prompt_has_the_types_and_the_passage(
    template: Any, language: str, entities: Any, which: int, text: str
) -> None:
    """In an earlier project, prompts had no list of types, so that models used wrong labels."""
    name = {"compact": "compact_relate", "extract": "relate"}[template] if entities else template
    phrasing = which % len(templates.list_phrasings(name, language))
    types = (ONTOLOGY.entity_names, ONTOLOGY.relation_names)
    prompt = render_prompt(text, *types, ONTOLOGY, template, language, entities, phrasing)
    assert escape_document(text) in prompt  # control tokens of chat templates are escaped
    assert all(name in prompt for name in ONTOLOGY.relation_names)
    if entities is None or template == "compact":
        assert all(name in prompt for name in ONTOLOGY.entity_names)
    assert entities is None or list_given_entities(entities, template) in prompt


def test_given_entities_precede_the_text_in_the_prompt() -> None:
    prompt = render_prompt(TEXT, ["person", "city"], ["born in"], ONTOLOGY, "compact", "en", GRAPH.entities[::2])
    assert prompt == f'"person""city";"born in"\nAna Berg"person"Oslo"city"\n{TEXT}\n'
    prompt = render_prompt(TEXT, ["person", "city"], ["born in"], ONTOLOGY, "extract", "zh", GRAPH.entities[::2])
    assert "实体：\n- Ana Berg (person)\n- Oslo (city)\n\n关系类型" in prompt


def test_a_passage_always_has_the_same_phrasing_and_all_phrasings_occur() -> None:
    ids = [digest(str(i)) for i in range(60)]
    for language in ("en", "zh", "other"):
        drawn = [choose_phrasing(i, "extract", "both", language, 7) for i in ids]
        assert set(drawn) == {0, 1, 2}
        assert drawn == [choose_phrasing(i, "extract", "both", language, 7) for i in ids]
    assert {choose_phrasing(i, "extract", "relations", "en", 7) for i in ids} == {0, 1}
    assert {choose_phrasing(i, "compact", "both", "en", 7) for i in ids} == {0}
