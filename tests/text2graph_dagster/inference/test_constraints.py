"""The grammar accepts every correct answer and rejects ill-formed ones."""

from dataclasses import replace
from typing import Any

import pytest

from tests.text2graph_dagster.inference.decoding_cases import FORM, form_of
from text2graph_dagster.grammar import AnswerForm
from text2graph_dagster.graph.wire import WireForm, serialise
from text2graph_dagster.inference.constraints import GrammarConstraint
from text2graph_dagster.training.data.examples import tokenise_examples

ENTITIES = '{"entities":[{"id":0,"text":"Ana Torvik","type":"person"},{"id":1,"text":"Bakelo","type":"company"}]'


def accepts(tokenizer: Any, form: AnswerForm, answer: str) -> bool:
    """Return whether the grammar accepts the tokens of the answer followed by the EOS token."""
    ids = tokenizer(answer, add_special_tokens=False)["input_ids"] + [tokenizer.eos_token_id]
    constraint = GrammarConstraint(tokenizer, len(tokenizer), [form])
    return not any(constraint.advance([0], [token]) for token in ids)


@pytest.mark.parametrize("wire", ["public", "compact", "indexed", "lines"])
@pytest.mark.parametrize("copied", [True, False])
@pytest.mark.parametrize("requested", [True, False])
def test_every_gold_answer_is_accepted(nano: Any, examples: Any, wire: WireForm, copied: bool, requested: bool) -> None:
    _, tokenizer = nano
    some = [replace(e, answer=serialise(e.graph, wire)) for e in examples[:20]]
    thought = [replace(e, answer=f'<think>It says {{"so"}}: é.</think>\n{e.answer}') for e in some]
    for thinking, batch in ((False, some), (True, some), (True, thought)):
        forms = [form_of(e, wire=wire, copied=copied, requested=requested, thinking=thinking) for e in batch]
        constraint = GrammarConstraint(tokenizer, len(tokenizer), forms)
        for i, tokens in enumerate(tokenise_examples(batch, tokenizer)):
            assert not [token for token in tokens.answer if constraint.advance([i], [token])], batch[i].answer


@pytest.mark.parametrize(
    "answer",
    [
        ENTITIES + ',"relations":[{"head":0,"type":"works for","tail":1}]}',
        ENTITIES + ',"relations":[]}',
        '{"entities":[],"relations":[]}',
        '{"entities":[{"id":0,"text":"\\"","type":"person"}],"relations":[]}',
        '{"entities":[{"id":0,"text":"it\'s a \\\\ or","type":"person"}],"relations":[]}',
        '{"entities":[{"id":0,"text":"Bakelo.\\nShe said: “No”","type":"person"}],"relations":[]}',
    ],
)
def test_a_well_formed_answer_is_accepted(nano: Any, answer: str) -> None:
    assert accepts(nano[1], FORM, answer)


@pytest.mark.parametrize(
    ("answer", "accepted"),
    [
        ("---", True),
        ("Ana Torvik | person\n---", True),
        ("Ana Torvik | person\nBakelo | company\n---\nAna Torvik | works for | Bakelo", True),
        ("---\nAna Torvik | works for | Bakelo", False),  # a relation without an entity
        ("Ana Torvik | person", False),  # truncated
        ("Ana Torvik | person\n---\n", False),
        ("Ana Torvik\n---", False),
        (" Ana Torvik | person\n---", False),
        ("Eva | person\n---", False),  # not in the passage
        ("Ana | Torvik | person\n---", False),
        ('{"entities":[],"relations":[]}', False),
    ],
)
def test_lines_are_accepted_if_complete_and_copied(nano: Any, answer: str, accepted: bool) -> None:
    form = replace(FORM, wire="lines", text="Ana Torvik joined Bakelo.", copied=True)
    assert accepts(nano[1], form, answer) == accepted


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "none",
        ENTITIES + ',"relations":[]',  # truncated
        ENTITIES + ',"relations":[]}}',
        ENTITIES + ',"relations":[]} as the text says',
        ENTITIES + "}",
        ENTITIES + ',"relations":[{"head":0,"type":"works for","tail":2}]}',  # the tail is not an entity
        ENTITIES + ',"relations":[{"head":0,"type":"owns","tail":1}]}',  # the type was not requested
        ENTITIES + ',"relations":[{"head":0,"tail":1,"type":"works for"}]}',  # another JSON variant
        ENTITIES + ',"relations":[{"head":0,"type":"works for","tail":1},]}',
        '{"entities":[{"id":1,"text":"Bakelo","type":"company"}],"relations":[]}',  # ids do not start at 0
        '{"entities":[],"relations":[{"head":0,"type":"works for","tail":0}]}',
        '{"entities":[{"id":0,"text":"Bake","type":"company"}],"relations":[]}',  # part of a word
        '{"entities":[{"id":0,"text":"Bakelo Torvik","type":"company"}],"relations":[]}',
        '{"entities":[{"id":0,"text":"","type":"company"}],"relations":[]}',
        '{"entities":[{"id":0,"text":" ","type":"company"}],"relations":[]}',
        '{"entities":[{"id":0,"text":"\\n","type":"company"}],"relations":[]}',
        "<think>No thinking was asked for.</think>\n" + ENTITIES + ',"relations":[]}',
    ],
)
def test_an_ill_formed_answer_is_rejected(nano: Any, answer: str) -> None:
    assert not accepts(nano[1], FORM, answer)


def test_types_that_were_not_requested_are_rejected_only_with_requested_types(nano: Any) -> None:
    answer = '{"entities":[{"id":0,"text":"Bakelo","type":"a \\"shop\\""}],"relations":[]}'
    assert accepts(nano[1], replace(FORM, requested=False), answer)
    assert not accepts(nano[1], FORM, answer)
    assert not accepts(nano[1], replace(FORM, relation_types=()), ENTITIES + ',"relations":[{"head":0')
