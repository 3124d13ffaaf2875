"""The form of a student's answers: the JSON variant it writes, and the grammar that decoding enforces."""

from collections.abc import Iterable

from text2graph_dagster.grammar import AnswerForm, AnswerRequest, make_forms
from text2graph_dagster.graph.wire import WireForm
from text2graph_dagster.settings import EMBEDDED, Settings, StudentSettings


def choose_wire(student: StudentSettings) -> WireForm:
    """Return the JSON variant that the student writes: `student.wire`, where "auto" depends on the base model."""
    if student.wire != "auto":
        return student.wire
    return "indexed" if student.base_model in EMBEDDED else "public"


def answer_forms(requests: Iterable[AnswerRequest], settings: Settings) -> list[AnswerForm] | None:
    """Return the form of the answer to each request, for constrained decoding; None if decoding is unconstrained."""
    return make_forms(requests, settings.decoding, choose_wire(settings.student), settings.dataset.thinking)
