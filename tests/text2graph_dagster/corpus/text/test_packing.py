"""Packing: passages cover the text in order and within their budgets."""

import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from text2graph_dagster.corpus.text.packing import (
    RUNAWAY_FACTOR,
    count_tokens,
    find_unfit_stretches,
    pack_passages,
    pack_with_counts,
)
from text2graph_dagster.corpus.text.sentences import iterate_sentences, split_sentences
from text2graph_dagster.graph.model import Span

WORDS = [
    "Ana",
    "lives",
    "in",
    "Oslo",
    "Mr.",
    "U.S.",
    "3.5",
    "no",
    "北京",
    "人。",
    "好，",
    "#",
    "##",
    "-",
    "1.",
    "= x =",
    "\ud83d",
]
GLUE = [" ", " ", " ", "\n", "\n\n", ". ", "! ", '." ', "。", "\r\n", "\u3000"]
TEXTS = st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from(GLUE)), max_size=60).map(
    lambda pairs: "".join(word + glue for word, glue in pairs)
) | st.text(alphabet="ab. \n#=!?\"'(中。，\u0301", max_size=120)


def texts(text: str, spans: list[Span]) -> list[str]:
    return [text[span.start : span.end] for span in spans]


def assert_covers(text: str, spans: list[Span]) -> None:
    at = 0
    for span in spans:
        assert text[at : span.start].strip() == ""
        assert span.start < span.end
        assert not text[span.start].isspace()
        assert not text[span.end - 1].isspace()
        at = span.end
    assert text[at:].strip() == ""


@given(TEXTS, st.sampled_from(["en", "zh"]))
def test_sentences_cover_the_text_in_order(text: str, language: str) -> None:
    assert_covers(text, split_sentences(text, language))


@given(TEXTS, st.sampled_from(["en", "zh"]), st.integers(1, 30), st.integers(1, 60))
def test_passages_cover_the_text_within_their_budgets(text: str, language: str, tokens: int, characters: int) -> None:
    packed = pack_with_counts(text, language, tokens, characters)
    spans = [span for span, _ in packed]
    assert_covers(text, spans)
    assert spans == pack_passages(text, language, tokens, characters)
    whole = list(iterate_sentences(text, language))
    for span, counted in packed:
        words = text[span.start : span.end]
        assert len(words) <= characters
        assert count_tokens(words) <= counted
        inside = [s for s in whole if span.start < s.end and s.start < span.end]
        alone = len(inside) == 1 or (len(inside) == 2 and inside[0].heading)
        assert counted <= tokens or alone


@given(TEXTS, st.integers(5, 30))
def test_packing_is_greedy(text: str, tokens: int) -> None:
    spans = pack_passages(text, "en", tokens)
    for first, second in itertools.pairwise(spans):
        joined = [s for s in iterate_sentences(text, "en") if first.start <= s.start and s.end <= second.end]
        opening = [s for s in joined if s.start >= second.start]
        total = count_tokens(text[first.start : first.end])
        if not opening:
            continue  # a run-on sentence, taken line by line
        # The first sentence of the second passage did not fit into the first one, or is a heading.
        assert opening[0].heading or total + count_tokens(text[opening[0].start : opening[0].end]) > tokens


def test_whole_sentences_are_packed_up_to_the_budget() -> None:
    text = "One two three. Four five six. Seven eight nine."
    assert texts(text, pack_passages(text, "en", 8)) == ["One two three. Four five six.", "Seven eight nine."]
    assert texts(text, pack_passages(text, "en", 4)) == ["One two three.", "Four five six.", "Seven eight nine."]
    assert texts(text, pack_passages(text, "en", 12)) == [text]
    assert pack_passages(" \n ", "en", 8) == []


def test_an_overlap_repeats_whole_sentences() -> None:
    text = "One two. Three four. Five six. Seven eight nine ten eleven."
    last = "Seven eight nine ten eleven."
    assert texts(text, pack_passages(text, "en", 6, overlap=1)) == [
        "One two. Three four.",
        "Three four. Five six.",
        last,
    ]
    assert texts(text, pack_passages(text, "en", 9, overlap=5)) == [
        "One two. Three four. Five six.",
        f"Five six. {last}",
    ]


@example("Ana\nAna Ana Ana Ana = x =\n= x =\nAna ", 10, 1)
@given(TEXTS, st.integers(5, 30), st.integers(1, 3))
def test_overlapping_passages_advance_and_cover_the_text(text: str, tokens: int, overlap: int) -> None:
    spans = pack_passages(text, "en", tokens, overlap=overlap)
    at = 0
    for span in spans:
        assert text[at : span.start].strip() == ""
        assert span.end > at
        at = span.end
    assert text[at:].strip() == ""
    for first, second in itertools.pairwise(spans):
        assert first.start < second.start
        shared = [s for s in iterate_sentences(text, "en") if second.start <= s.start and s.end <= first.end]
        assert len(shared) <= overlap


def test_a_heading_is_packed_with_what_follows() -> None:
    text = "One two three four.\n\n# Next\n\nFive six seven eight."
    assert texts(text, pack_passages(text, "en", 8)) == ["One two three four.", "# Next\n\nFive six seven eight."]


def test_a_heading_stays_with_a_sentence_over_the_budget() -> None:
    text = "# Part\n\n## Next\n\nFive six seven eight nine ten eleven twelve."
    assert texts(text, pack_passages(text, "en", 8)) == [
        "# Part",
        "## Next\n\nFive six seven eight nine ten eleven twelve.",
    ]


def test_a_heading_at_the_end_is_not_lost() -> None:
    text = "One two three four.\n\n# References"
    assert texts(text, pack_passages(text, "en", 8)) == [text]
    assert texts(text, pack_passages(text, "en", 5)) == ["One two three four.", "# References"]


def test_a_sentence_over_the_budget_becomes_a_separate_passage() -> None:
    text = "Short one. This sentence is a good deal longer than the budget. Short two."
    assert texts(text, pack_passages(text, "en", 6))[1] == "This sentence is a good deal longer than the budget."


def test_lines_without_sentence_ends_are_packed_line_by_line() -> None:
    text = "\n".join(f"headline number {i} of the day" for i in range(20))
    passages = texts(text, pack_passages(text, "en", 12))
    assert len(passages) == 10
    assert all(passage.count("\n") == 1 and passage.startswith("headline") for passage in passages)


@pytest.mark.parametrize(
    ("text", "ends"), [("word " * 4_000, "word"), ("他说，" * 4_000, "，"), ("字" * 10_000, "字"), ("x" * 10_000, "x")]
)
def test_a_sentence_over_the_hard_cap_is_cut(text: str, ends: str) -> None:
    spans = pack_passages(text, "zh", 50, 1_000)
    assert_covers(text, spans)
    assert all(passage.endswith(ends) for passage in texts(text, spans))
    assert all(count_tokens(passage) <= 50 and len(passage) <= 1_000 for passage in texts(text, spans))


def test_stretches_that_cannot_be_split_into_sentences_are_found() -> None:
    run, cap = "QUJD" * 300, 1_000
    text = f"Before it. {run} After it.\n\n" + "word " * (RUNAWAY_FACTOR * cap // 5 + 1) + "\n\nThe end."
    found = find_unfit_stretches(text, "en", cap)
    assert [reason for _, reason in found] == ["unbroken_run", "no_sentence_end"]
    assert text[found[0][0].start : found[0][0].end] == run
    assert text[found[1][0].start : found[1][0].end].startswith("word word")


@pytest.mark.parametrize("text", ["字" * 20_000, "word " * 4_000, "A b c. " * 50_000, "a line\n" * 50_000])
def test_text_that_can_be_split_has_no_unfit_stretch(text: str) -> None:
    assert find_unfit_stretches(text, "en", 1_000) == []


@pytest.mark.parametrize(
    "unit", [".", '."', "Mr. ", ". ", "# ", "=", "\n ", "- a\n", "1. ", "| a ", "\u0301\u0316", "((", "a.\n\n"]
)
def test_repetition_is_split_in_one_pass(unit: str) -> None:
    """Quadratic time would take minutes here."""
    text = unit * (400_000 // len(unit))
    assert_covers(text, pack_passages(text, "en", 48, 4_000))
