"""Settings of earlier releases are refused, with the new name in the message."""

from typing import Any

import pytest

from text2graph_dagster.errors import UserError
from text2graph_dagster.settings import Settings
from text2graph_dagster.settings.renamed import REMOVED, RENAMED


def nest(path: str, value: Any) -> dict[str, Any]:
    head, _, rest = path.partition(".")
    return {head: nest(rest, value) if rest else value}


def exists(path: str) -> bool:
    section: Any = Settings
    for part in path.split("."):
        if part not in section.model_fields:
            return False
        section = section.model_fields[part].annotation
    return True


@pytest.mark.parametrize(("old", "new"), RENAMED.items())
def test_the_error_for_an_old_name_gives_the_new_name(old: str, new: str) -> None:
    assert exists(new)
    with pytest.raises(UserError, match=f"there is no such setting: it is called {new.rpartition('.')[2]} now"):
        Settings.load(None, nest(old, 1))


@pytest.mark.parametrize("old", [name for name in REMOVED if not name.startswith("server.")])
def test_a_removed_setting_is_refused_with_advice(old: str) -> None:
    with pytest.raises(UserError, match="leave it out"):
        Settings.load(None, nest(old, 1))


@pytest.mark.parametrize("section", ["teacher", "reasoner"])
def test_removed_server_settings_are_refused_in_every_section(section: str) -> None:
    with pytest.raises(UserError, match="extra_args"):
        Settings.load(None, {section: {"server": {"speculative": {}}}})


def test_removed_settings_are_refused_in_a_panel_member_too() -> None:
    with pytest.raises(UserError, match="extra_args"):
        Settings.load(None, {"teacher": {"panel": [{"server": {"prefix_caching": True}}]}})
