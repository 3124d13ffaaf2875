"""Settings files that cannot be used."""

from pathlib import Path

import pytest

from resources.settings import SettingsResource
from text2graph_dagster.errors import UserError


def test_an_unreadable_file_is_a_user_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("seed: 3")

    def refuse(path: Path, encoding: str) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_text", refuse)
    with pytest.raises(UserError, match="cannot be read"):
        SettingsResource(path=str(file)).load()


def test_a_deeply_nested_file_is_a_user_error(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("[" * 20_000)
    with pytest.raises(UserError, match="nested too deeply"):
        SettingsResource(path=str(file)).load()
