"""Canonical texts."""

from text2graph_dagster.rewards.canonical import canonicalise


def test_canonical_texts_ignore_case_width_quotes_and_outer_punctuation() -> None:
    assert canonicalise("  “Ｖｅｌ  Soft”., ") == "vel soft"
    assert canonicalise("...") != canonicalise(";")
