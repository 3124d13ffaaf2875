"""Mentions of a name in a passage."""

from text2graph_dagster.graph.mentions import find_occurrences
from text2graph_dagster.graph.model import Span


def test_occurrences_are_on_word_boundaries() -> None:
    assert find_occurrences("Ana", "Ana met Anan. Ana!") == (Span(0, 3), Span(14, 17))
    assert find_occurrences("北京", "我在北京大学") == (Span(2, 4),)
    assert find_occurrences("", "x") == ()
