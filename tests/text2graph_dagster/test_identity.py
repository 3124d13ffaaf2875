"""Digests depend on the content and on nothing else."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from text2graph_dagster.identity import digest, digest_json, digest_weights, normalise


def test_a_digest_depends_on_the_boundaries_of_its_parts() -> None:
    assert digest("ab", "c") != digest("a", "bc")
    assert len(digest("x")) == 32


def test_the_order_of_keys_does_not_matter() -> None:
    assert digest_json({"a": 1, "b": 2}) == digest_json({"b": 2, "a": 1})


@given(st.text())
def test_normalisation_is_idempotent(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


def test_composed_and_decomposed_characters_are_equal() -> None:
    assert normalise("Caf\u0065\u0301  au\nlait ") == normalise("Café au lait")


def test_weights_are_digested_by_name_and_content(tmp_path: Path) -> None:
    assert digest_weights(tmp_path) == digest_weights(tmp_path / "missing") == ""
    (tmp_path / "a.safetensors").write_bytes(b"1")
    first = digest_weights(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    assert digest_weights(tmp_path) == first != ""
    (tmp_path / "a.safetensors").rename(tmp_path / "b.safetensors")
    assert digest_weights(tmp_path) != first
