"""The identity of base models."""

from pathlib import Path

from text2graph_dagster.inference.base_models import identify_base_model


def test_a_hub_model_is_identified_by_name_and_a_directory_by_content(tmp_path: Path) -> None:
    assert identify_base_model("org/model") == "org/model"
    (tmp_path / "config.json").write_text("{}")
    first = identify_base_model(str(tmp_path))
    (tmp_path / "config.json").write_text('{"layers": 2}')
    assert identify_base_model(str(tmp_path)) != first


def test_the_nano_base_is_identified_by_a_digest_of_its_weights() -> None:
    assert len(identify_base_model("nano")) == 64
