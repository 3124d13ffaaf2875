"""Teachers and reasoners as resources, and the ledger that makes every call once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
from pydantic import Field

from resources.managed_teachers import ManagedReasoner, ManagedTeacher
from resources.vllm import LazyServer
from resources.warehouse import Warehouse
from text2graph_dagster.corpus.folder import CorpusFolder
from text2graph_dagster.errors import UserError
from text2graph_dagster.reasoning.chat_reasoner import ChatReasoner
from text2graph_dagster.reasoning.composed_reasoner import ComposedReasoner
from text2graph_dagster.settings import ReasonerSettings, TeacherSettings
from text2graph_dagster.teachers.budget import Budget
from text2graph_dagster.teachers.chat.endpoint import EndpointSettings
from text2graph_dagster.teachers.chat.teacher import ChatTeacher
from text2graph_dagster.teachers.journal import Journal
from text2graph_dagster.teachers.knowledge_base.knowledge import BrokenLine
from text2graph_dagster.teachers.knowledge_base.teacher import KnowledgeBaseTeacher
from text2graph_dagster.teachers.protocol import Reasoner, Teacher


def _endpoint(settings: TeacherSettings | ReasonerSettings) -> EndpointSettings:
    names = {field.name for field in fields(EndpointSettings)}
    return EndpointSettings(**settings.model_dump(include=names))


def budget(settings: TeacherSettings | ReasonerSettings) -> Budget:
    """Return what a run may spend on calls."""
    names = {field.name for field in fields(Budget)}
    return Budget(**settings.model_dump(include=names))


def _server(settings: TeacherSettings | ReasonerSettings, log_file: Path) -> LazyServer | None:
    """Return the server that the settings ask for; None where one answers already."""
    if settings.server is None:
        return None
    return LazyServer(settings.model, settings.server, log_file, dg.get_dagster_logger().info)


@dataclass(frozen=True)
class WarehouseLedger:
    """The table teacher_calls behind the protocol `text2graph_dagster.teachers.ledger.Ledger`."""

    warehouse: Warehouse

    @cached_property
    def _journal(self) -> Journal:
        return Journal(Path(self.warehouse.path).parent / "calls")

    def known(self, keys: Sequence[str]) -> Mapping[str, dict[str, Any]]:
        """Return the recorded calls among `keys`, by key, those too that a killed run had only jotted down."""
        for rows in self._journal.left():
            self._write(rows)
        sql = "SELECT * EXCLUDE (request) FROM teacher_calls WHERE call_key IN (SELECT unnest(?))"
        return {row["call_key"]: row for row in self.warehouse.read(sql, [list(keys)]).iter_rows(named=True)}

    def append(self, row: Mapping[str, Any]) -> None:
        """Keep this call from being lost if the process is killed before it is recorded.

        Raises:
            UserError: there is no space left, or the folder cannot be written.
        """
        try:
            self._journal.append(row)
        except OSError as error:
            raise UserError(
                f"{self._journal.folder} cannot be written ({error.strerror}): free some space, or point "
                "TEXT2GRAPH_HOME to a folder that you may write to, then run again."
            ) from None

    def record(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Keep these calls; when it returns they are on disk."""
        self._write(rows)
        self._journal.clear()

    def _write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        if rows:
            self.warehouse.record("teacher_calls", pl.DataFrame([dict(row) for row in rows], infer_schema_length=None))


def broken_facts(teacher: Teacher) -> list[BrokenLine]:
    """Return the lines of the teacher's knowledge base that could not be read, if it has one."""
    return teacher.broken if isinstance(teacher, KnowledgeBaseTeacher) else []


def dropped_items(teacher: Teacher) -> dict[str, int]:
    """Return how many items of a model's answers are in no graph, by reason; nothing for other teachers."""
    return dict(getattr(teacher, "dropped", {}))


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
            return ManagedTeacher(_endpoint(settings), server) if server else ChatTeacher(_endpoint(settings))
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
        return ManagedReasoner(_endpoint(settings), server) if server else ChatReasoner(_endpoint(settings))
