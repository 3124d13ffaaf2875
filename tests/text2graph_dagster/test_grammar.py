"""The grammar allows names that the legality filter accepts; requests with equal forms share rules."""

import json
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from text2graph_dagster import grammar
from text2graph_dagster.grammar import AnswerForm, deduplicate_forms, make_forms, write_grammar
from text2graph_dagster.graph.legality import ground
from text2graph_dagster.graph.mentions import is_boundary
from text2graph_dagster.settings import DecodingSettings

TEXTS = st.text(st.sampled_from("ab é1_ .,'\"\\\n\t東京カ\u00a0́"), min_size=1, max_size=20)


def form(text: str = "Ana Torvik", copied: bool = True) -> AnswerForm:
    return AnswerForm(("person",), ("knows",), text, "public", copied, False, False)


@settings(deadline=None)
@given(TEXTS)
def test_a_passage_is_split_at_word_boundaries(text: str) -> None:
    cuts = [at for at in range(len(text) + 1) if is_boundary(text, at)]
    expected = [text[a:b] for a, b in pairwise(cuts)]
    words = grammar._words(text, "public")
    assert "".join(words) == json.dumps(text, ensure_ascii=False)[1:-1]
    assert [json.loads(f'"{word}"') for word in words] == expected


@settings(deadline=None)
@given(TEXTS, st.data())
def test_runs_of_words_that_do_not_begin_with_white_space_are_grounded(text: str, data: st.DataObject) -> None:
    words = [json.loads(f'"{word}"') for word in grammar._words(text, "public")]
    first = data.draw(st.integers(0, len(words) - 1))
    span = "".join(words[first : data.draw(st.integers(first + 1, len(words)))])
    assert span[0].isspace() or ground(span, text) is not None


def test_forms_are_made_only_if_a_grammar_is_set() -> None:
    assert make_forms([form()], DecodingSettings(grammar="none"), "public", False) is None
    forms = make_forms([form()], DecodingSettings(grammar="copy", types="requested"), "indexed", True)
    assert forms == [AnswerForm(("person",), ("knows",), "Ana Torvik", "indexed", True, True, True)]


def test_requests_with_equal_forms_share_their_rules() -> None:
    assert deduplicate_forms([form("a"), form("b"), form("a")])[1] == [0, 1, 0]
    forms, places = deduplicate_forms([form("a", copied=False), form("b", copied=False)])
    assert places == [0, 0] and len(forms) == 1
    assert write_grammar(forms).count("answer") == 2  # the start rule, and its own rule
