"""The form of a student's answers: the wire form it writes, and the grammar that decoding enforces."""

from collections.abc import Iterable

from text2graph_dagster.grammar import AnswerForm, AnswerRequest, make_forms
from text2graph_dagster.graph.wire import WireForm
from text2graph_dagster.settings import EMBEDDED, Settings


def choose_wire(settings: Settings) -> WireForm:
    """Return the form that the student writes: `student.wire`, where "auto" depends on base model and prompt.

    The prompt template `extract` shows the form `public`, which the student therefore writes.
    """
    student = settings.student
    if student.wire != "auto":
        return student.wire
    if student.base_model in EMBEDDED:
        return "indexed"
    return "public" if settings.dataset.template == "extract" else "lines"


def answer_forms(requests: Iterable[AnswerRequest], settings: Settings) -> list[AnswerForm] | None:
    """Return the form of the answer to each request, for constrained decoding; None if decoding is unconstrained."""
    return make_forms(requests, settings.decoding, choose_wire(settings), settings.dataset.thinking)
