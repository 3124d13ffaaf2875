"""Teachers and reasoners as resources, and the ledger in the warehouse that prevents repeated calls."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
from pydantic import Field

from resources.managed_teachers import ManagedEndpoint
from resources.vllm import LazyServer
from resources.warehouse import Warehouse
from text2graph_dagster.corpus.folder import CorpusFolder
from text2graph_dagster.errors import UserError
from text2graph_dagster.reasoning.chat_reasoner import ChatReasoner
from text2graph_dagster.reasoning.composed_reasoner import ComposedReasoner
from text2graph_dagster.settings import ReasonerSettings, TeacherSettings
from text2graph_dagster.teachers.budget import Budget
from text2graph_dagster.teachers.chat.endpoint import Endpoint, EndpointSettings
from text2graph_dagster.teachers.chat.teacher import ChatTeacher
from text2graph_dagster.teachers.journal import Journal
from text2graph_dagster.teachers.knowledge_base.knowledge import BrokenLine
from text2graph_dagster.teachers.knowledge_base.teacher import KnowledgeBaseTeacher
from text2graph_dagster.teachers.protocol import Reasoner, Teacher


def make_endpoint(settings: TeacherSettings | ReasonerSettings, log_file: Path) -> Endpoint:
    """Return the chat endpoint of a teacher or reasoner, with its own model server if `server` is set.

    Raises:
        UserError: the settings have no model or no valid address.
    """
    names = {field.name for field in fields(EndpointSettings)}
    endpoint = EndpointSettings(**settings.model_dump(include=names))
    if settings.server is None:
        return Endpoint(endpoint)
    return ManagedEndpoint(
        endpoint, LazyServer(settings.model, settings.server, log_file, dg.get_dagster_logger().info)
    )


def make_budget(settings: TeacherSettings | ReasonerSettings) -> Budget:
    """Return the budget for the calls of a run."""
    names = {field.name for field in fields(Budget)}
    return Budget(**settings.model_dump(include=names))


@dataclass(frozen=True)
class WarehouseLedger:
    """The table teacher_calls as an implementation of `text2graph_dagster.teachers.ledger.Ledger`."""

    warehouse: Warehouse

    @cached_property
    def _journal(self) -> Journal:
        return Journal(Path(self.warehouse.path).parent / "calls")

    def known(self, keys: Sequence[str]) -> Mapping[str, dict[str, Any]]:
        """Return key → recorded call for `keys`, including calls that a killed run left in the journal."""
        for rows in self._journal.recover():
            self._write(rows)
        sql = "SELECT * EXCLUDE (request) FROM teacher_calls WHERE call_key IN (SELECT unnest(?))"
        return {row["call_key"]: row for row in self.warehouse.read(sql, [list(keys)]).iter_rows(named=True)}

    def append(self, row: Mapping[str, Any]) -> None:
        """Append a call to the journal, so that it is not lost if the process is killed before `record`.

        Raises:
            UserError: the disk is full, or the journal's folder is not writable.
        """
        try:
            self._journal.append(row)
        except OSError as error:
            raise UserError(
                f"{self._journal.folder} cannot be written ({error.strerror}): free some space, or point "
                "TEXT2GRAPH_HOME to a folder that you may write to, then run again."
            ) from None

    def record(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Store calls in the warehouse, durably, and clear the journal."""
        self._write(rows)
        self._journal.clear()

    def _write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        if rows:
            self.warehouse.record("teacher_calls", pl.DataFrame([dict(row) for row in rows], infer_schema_length=None))


def list_broken_facts(teacher: Teacher) -> list[BrokenLine]:
    """Return the lines of the teacher's knowledge base that could not be parsed; empty for other teachers."""
    return teacher.broken if isinstance(teacher, KnowledgeBaseTeacher) else []


def count_dropped_items(teacher: Teacher) -> dict[str, int]:
    """Return how many items of a model's answers were dropped, by reason; empty for other teachers."""
    return dict(getattr(teacher, "dropped", {}))


class TeacherResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Builds the teacher that the settings describe."""

    logs: str = Field(description="folder for the log of a model server")

    def for_corpus(self, folder: CorpusFolder, settings: TeacherSettings) -> Teacher:
        """Return the teacher of one corpus.

        Raises:
            UserError: the corpus has no knowledge base, and no chat endpoint is set.
        """
        if settings.kind == "chat":
            return ChatTeacher(make_endpoint(settings, Path(self.logs) / "teacher.log"))
        if folder.knowledge_base is None:
            raise UserError(
                f"corpus {folder.name!r} has no knowledge_base.jsonl: add one, or set teacher.kind to chat and "
                "teacher.base_url to an OpenAI-compatible endpoint."
            )
        return KnowledgeBaseTeacher(folder.knowledge_base, folder.ontology)


class ReasonerResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Builds the reasoner that the settings describe."""

    logs: str = Field(description="folder for the log of a model server")

    def build(self, settings: ReasonerSettings) -> Reasoner:
        """Return the reasoner."""
        if settings.kind != "chat":
            return ComposedReasoner()
        return ChatReasoner(make_endpoint(settings, Path(self.logs) / "reasoner.log"))
