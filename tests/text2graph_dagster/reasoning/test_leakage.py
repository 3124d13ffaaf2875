"""Remove the think block from a model's answer, and detect telltales (words that reveal that the answer was given)."""

import pytest

from text2graph_dagster.reasoning.leakage import check_language, extract_rationale, find_telltales


@pytest.mark.parametrize(
    ("raw", "rationale"),
    [
        (" So it is. ", "So it is."),
        ("<think>hm</think> So it is.", "So it is."),
        ("hm</think>\nSo it is.", "So it is."),  # the chat template opens the thinking
        ("</think>So it is.<think>", "</think>So it is.<think>"),
        ("So <think>hm</think> it is.", "So <think>hm</think> it is."),
        ("<think>hm", "<think>hm"),
        ("<think>a<think>b</think></think> So.", "<think>a<think>b</think></think> So."),
        ("<think>a</think><think>b</think> So.", "<think>a</think><think>b</think> So."),
        ("<think>a</think> So. <answer>b</answer>", "<think>a</think> So. <answer>b</answer>"),
    ],
)
def test_only_a_closed_think_block_at_the_beginning_is_removed(raw: str, rationale: str) -> None:
    """An earlier project did not check whether tags are balanced and in order."""
    assert extract_rationale(raw) == rationale
    assert bool(find_telltales(extract_rationale(raw), "")) == ("<" in rationale)


@pytest.mark.parametrize(
    "text", ["a < b and c > d", "the listed types", "the given name", "a graph of sales", "书中的图片"]
)
def test_ordinary_words_are_no_telltales(text: str) -> None:
    assert find_telltales(text, "") == []


def test_the_language_of_short_texts_is_not_checked() -> None:
    assert check_language("muy bien", "en") == []
    assert check_language("esto es una frase bastante larga en la lengua española", "other") == []
