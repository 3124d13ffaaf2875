"""Prompts: complete in every language, strict about their blanks, versioned by their text."""

from importlib import resources

import pytest
from jinja2 import UndefinedError

from text2graph_dagster import prompts

NAMES = ("compact", "extract", "rationale", "reason")


def test_every_prompt_exists_in_english_and_chinese() -> None:
    root = resources.files("text2graph_dagster") / "prompts"
    for language in ("en", "zh"):
        assert sorted(p.name for p in (root / language).iterdir()) == [f"{name}.jinja" for name in NAMES]


@pytest.mark.parametrize("name", NAMES)
def test_a_blank_that_is_not_filled_is_an_error(name: str) -> None:
    with pytest.raises(UndefinedError):
        prompts.fill("en", name)


def test_an_unknown_language_is_asked_in_english() -> None:
    values = {"text": "Hei", "entity_types": [], "relation_types": []}
    assert prompts.fill("no", "extract", **values) == prompts.fill("en", "extract", **values)


def test_a_document_is_shown_as_it_is() -> None:
    text = "a < b & 'c' {{ 7 * 7 }} {% raw %} <script>"
    assert text in prompts.fill("en", "extract", text=text, entity_types=[], relation_types=[])


def test_versions_differ_between_prompts_and_are_stable() -> None:
    versions = [prompts.version(name) for name in NAMES]
    assert len(set(versions)) == len(NAMES)
    assert versions == [prompts.version(name) for name in NAMES]
