"""Prompts: complete in every language, strict about their blanks, versioned by their text."""

from importlib import resources

import pytest
from jinja2 import UndefinedError

from text2graph_dagster.prompts import templates

NAMES = ("compact", "compact_relate", "extract", "rationale", "reason", "relate")
PHRASINGS = ("extract.2", "extract.3", "relate.2")
EVERYWHERE = ("compact_given", "given")  # a list of entities, the same in every language


def test_every_prompt_exists_in_english_and_chinese() -> None:
    root = resources.files("text2graph_dagster") / "prompts"
    for language, more in (("en", EVERYWHERE), ("zh", ())):
        found = sorted(p.name.removesuffix(".jinja") for p in (root / language).iterdir())
        assert found == sorted((*NAMES, *PHRASINGS, *more))


@pytest.mark.parametrize("language", ["en", "zh", "no"])
def test_phrasings_are_listed_with_the_plain_one_first(language: str) -> None:
    assert templates.phrasings("extract", language) == ("extract", "extract.2", "extract.3")
    assert templates.phrasings("relate", language) == ("relate", "relate.2")
    assert templates.phrasings("compact", language) == ("compact",)


def test_another_phrasing_does_not_change_the_version_that_teachers_are_asked_with() -> None:
    assert templates.version("extract") != templates.version("extract.2")


@pytest.mark.parametrize("name", NAMES)
def test_a_blank_that_is_not_filled_is_an_error(name: str) -> None:
    with pytest.raises(UndefinedError):
        templates.fill("en", name)


def test_an_unknown_language_is_asked_in_english() -> None:
    values = {"text": "Hei", "entity_types": [], "relation_types": []}
    assert templates.fill("no", "extract", **values) == templates.fill("en", "extract", **values)


def test_a_document_is_shown_as_it_is() -> None:
    text = "a < b & 'c' {{ 7 * 7 }} {% raw %} <script>"
    assert text in templates.fill("en", "extract", text=text, entity_types=[], relation_types=[])


def test_versions_differ_between_prompts_and_are_stable() -> None:
    versions = [templates.version(name) for name in NAMES]
    assert len(set(versions)) == len(NAMES)
    assert versions == [templates.version(name) for name in NAMES]
