"""Templates: complete in every language, strict about variables, versioned by their text."""

from importlib import resources

import pytest
from jinja2 import UndefinedError

from text2graph_dagster.prompts import templates

NAMES = ("compact", "compact_relate", "extract", "rationale", "reason", "relate")
PHRASINGS = ("extract.2", "extract.3", "relate.2")
EVERYWHERE = ("compact_given", "given", "text")  # without words of a language


def test_every_prompt_exists_in_english_and_chinese() -> None:
    root = resources.files("text2graph_dagster") / "prompts"
    for language, more in (("en", EVERYWHERE), ("zh", ())):
        found = sorted(p.name.removesuffix(".jinja") for p in (root / language).iterdir())
        assert found == sorted((*NAMES, *PHRASINGS, *more))


@pytest.mark.parametrize("language", ["en", "zh", "no"])
def test_the_plain_phrasing_is_listed_first(language: str) -> None:
    assert templates.list_phrasings("extract", language) == ("extract", "extract.2", "extract.3")
    assert templates.list_phrasings("relate", language) == ("relate", "relate.2")
    assert templates.list_phrasings("compact", language) == ("compact",)


def test_each_phrasing_has_a_version_of_its_own() -> None:
    assert templates.prompt_version("extract") != templates.prompt_version("extract.2")


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_variable_is_an_error(name: str) -> None:
    with pytest.raises(UndefinedError):
        templates.fill_template("en", name)


def test_an_unknown_language_gets_the_english_prompt() -> None:
    values = {"text": "Hei", "entity_types": [], "relation_types": []}
    assert templates.fill_template("no", "extract", **values) == templates.fill_template("en", "extract", **values)


def test_a_document_is_inserted_unchanged() -> None:
    text = "a < b & 'c' {{ 7 * 7 }} {% raw %} <script>"
    assert text in templates.fill_template("en", "extract", text=text, entity_types=[], relation_types=[])


def test_versions_differ_between_prompts_and_are_stable() -> None:
    versions = [templates.prompt_version(name) for name in NAMES]
    assert len(set(versions)) == len(NAMES)
    assert versions == [templates.prompt_version(name) for name in NAMES]
