"""The settings page in docs is current, and every setting has a description."""

from pathlib import Path

import pytest

from text2graph_dagster.settings.reference import count_settings, iterate_sections, iterate_settings, write_reference

SETTINGS = [
    (prefix, name, field) for prefix, section in iterate_sections() for name, field in iterate_settings(section)
]


def test_the_page_in_docs_is_current() -> None:
    page = Path(__file__).parents[3] / "docs" / "settings.md"
    assert page.read_text(encoding="utf-8") == write_reference(), (
        "run: python -m text2graph_dagster.settings.reference > docs/settings.md"
    )


def test_every_setting_is_on_the_page() -> None:
    page = write_reference()
    assert count_settings() == len(SETTINGS)
    assert all(f"| `{name}` |" in page for _, name, _ in SETTINGS)


@pytest.mark.parametrize(("prefix", "name", "field"), SETTINGS)
def test_every_setting_has_a_description(prefix: str, name: str, field: object) -> None:
    description = getattr(field, "description", None)
    assert description, f"{prefix}.{name} has no description"
    if "None" in str(getattr(field, "annotation", "")) and name != "systems":
        assert "null: " in description, f"{prefix}.{name} does not say what null means"


def test_names_of_settings_follow_the_naming_rules() -> None:
    assert not [name for _, name, _ in SETTINGS if name.startswith(("least_", "most_"))]
