"""The grammar allows names that the legality filter will find, and says the same of equal requests."""

import json
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from text2graph_dagster import grammar
from text2graph_dagster.grammar import Form, distinct, forms_of, write_grammar
from text2graph_dagster.graph.legality import ground
from text2graph_dagster.graph.mentions import is_boundary
from text2graph_dagster.settings import DecodingSettings

TEXTS = st.text(st.sampled_from("ab é1_ .,'\"\\\n\t東京カ\u00a0́"), min_size=1, max_size=20)


def form(text: str = "Ana Torvik", copied: bool = True) -> Form:
    return Form(("person",), ("knows",), text, "public", copied, False, False)


@settings(deadline=None)
@given(TEXTS)
def test_a_passage_is_cut_where_a_word_may_begin_or_end(text: str) -> None:
    cuts = [at for at in range(len(text) + 1) if is_boundary(text, at)]
    expected = [text[a:b] for a, b in pairwise(cuts)]
    words = grammar._words(text)
    assert "".join(words) == json.dumps(text, ensure_ascii=False)[1:-1]
    assert [json.loads(f'"{word}"') for word in words] == expected


@settings(deadline=None)
@given(TEXTS, st.data())
def test_every_run_of_words_that_does_not_begin_with_white_space_is_grounded(text: str, data: st.DataObject) -> None:
    words = [json.loads(f'"{word}"') for word in grammar._words(text)]
    first = data.draw(st.integers(0, len(words) - 1))
    span = "".join(words[first : data.draw(st.integers(first + 1, len(words)))])
    assert span[0].isspace() or ground(span, text) is not None


def test_no_grammar_asks_for_no_form() -> None:
    assert forms_of([form()], DecodingSettings(grammar="none"), "public", False) is None
    told = forms_of([form()], DecodingSettings(grammar="copy", types="requested"), "indexed", True)
    assert told == [Form(("person",), ("knows",), "Ana Torvik", "indexed", True, True, True)]


def test_requests_that_allow_the_same_share_their_rules() -> None:
    assert distinct([form("a"), form("b"), form("a")])[1] == [0, 1, 0]
    forms, places = distinct([form("a", copied=False), form("b", copied=False)])
    assert places == [0, 0] and len(forms) == 1
    assert write_grammar(forms).count("answer") == 2  # where it begins, and its rule
