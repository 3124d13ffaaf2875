"""TODO."""

from collections.abc import Iterable

from text2graph_dagster.grammar import Form, Request, forms_of
from text2graph_dagster.graph.wire import WireForm
from text2graph_dagster.settings import EMBEDDED, Settings, StudentSettings


def choose_wire(student: StudentSettings) -> WireForm:
    """Return the form of the student's JSON."""
    if student.wire != "auto":
        return student.wire
    return "indexed" if student.base_model in EMBEDDED else "public"


def answer_forms(requests: Iterable[Request], settings: Settings) -> list[Form] | None:
    """Return what the student's answers may look like; None where they are held to nothing."""
    return forms_of(requests, settings.decoding, choose_wire(settings.student), settings.dataset.thinking)
