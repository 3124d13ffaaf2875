"""Teachers and reasoners as resources, and the ledger that makes every call once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
from pydantic import Field

from resources.served import ServedReasoner, ServedTeacher
from resources.vllm import LazyServer
from resources.warehouse import Warehouse
from text2graph_dagster.corpus.folder import CorpusFolder
from text2graph_dagster.errors import UserError
from text2graph_dagster.reasoning.chat import ChatReasoner
from text2graph_dagster.reasoning.compose import ComposedReasoner
from text2graph_dagster.settings import ReasonerSettings, TeacherSettings
from text2graph_dagster.teachers.chat import ChatTeacher
from text2graph_dagster.teachers.endpoint import EndpointSettings
from text2graph_dagster.teachers.knowledge import BrokenLine
from text2graph_dagster.teachers.knowledge_base import KnowledgeBaseTeacher
from text2graph_dagster.teachers.protocol import Reasoner, Teacher


def _endpoint(settings: TeacherSettings | ReasonerSettings) -> EndpointSettings:
    names = {field.name for field in fields(EndpointSettings)}
    return EndpointSettings(**settings.model_dump(include=names))


def _server(settings: TeacherSettings | ReasonerSettings, log_file: Path) -> LazyServer | None:
    """Return the server that the settings ask for; None where one answers already."""
    if settings.server is None:
        return None
    return LazyServer(settings.model, settings.server, log_file, dg.get_dagster_logger().info)


@dataclass(frozen=True)
class WarehouseLedger:
    """The table teacher_calls behind the protocol `text2graph_dagster.teachers.ledger.Ledger`."""

    warehouse: Warehouse

    def known(self, keys: Sequence[str]) -> Mapping[str, dict[str, Any]]:
        """Return the recorded calls among `keys`, by key."""
        sql = "SELECT * FROM teacher_calls WHERE call_key IN (SELECT unnest(?))"
        return {row["call_key"]: row for row in self.warehouse.read(sql, [list(keys)]).iter_rows(named=True)}

    def record(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Keep these calls; when it returns they are on disk."""
        if rows:
            self.warehouse.record("teacher_calls", pl.DataFrame([dict(row) for row in rows], infer_schema_length=None))


def broken_facts(teacher: Teacher) -> list[BrokenLine]:
    """Return the lines of the teacher's knowledge base that could not be read, if it has one."""
    return teacher.broken if isinstance(teacher, KnowledgeBaseTeacher) else []


class TeacherResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Makes the teacher that the settings ask for."""

    logs: str = Field(description="folder for the log of a model server")

    def for_corpus(self, folder: CorpusFolder, settings: TeacherSettings) -> Teacher:
        """Return the teacher of one corpus.

        Raises:
            UserError: what that teacher needs is missing.
        """
        if settings.kind == "chat":
            server = _server(settings, Path(self.logs) / "teacher.log")
            return ServedTeacher(_endpoint(settings), server) if server else ChatTeacher(_endpoint(settings))
        if folder.knowledge_base is None:
            raise UserError(
                f"corpus {folder.name!r} has no knowledge_base.jsonl: add one, or set teacher.kind to chat and "
                "teacher.base_url to an OpenAI-compatible endpoint."
            )
        return KnowledgeBaseTeacher(folder.knowledge_base, folder.ontology)


class ReasonerResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Makes the reasoner that the settings ask for."""

    logs: str = Field(description="folder for the log of a model server")

    def build(self, settings: ReasonerSettings) -> Reasoner:
        """Return the reasoner."""
        if settings.kind != "chat":
            return ComposedReasoner()
        server = _server(settings, Path(self.logs) / "reasoner.log")
        return ServedReasoner(_endpoint(settings), server) if server else ChatReasoner(_endpoint(settings))
