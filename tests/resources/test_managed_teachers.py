"""Teachers and reasoners with a managed server: it starts at the first request and ends with the block."""

from pathlib import Path

import pytest

from resources.managed_teachers import closing_model_server
from resources.teachers import ReasonerResource, TeacherResource
from tests.assets.conftest import write_corpus
from tests.resources.model_server import fake_vllm, find_leftovers
from tests.text2graph_dagster.teachers.memory_ledger import MemoryLedger
from text2graph_dagster.corpus.folder import open_corpus
from text2graph_dagster.errors import UserError
from text2graph_dagster.settings import ReasonerSettings, ServerSettings, TeacherSettings
from text2graph_dagster.teachers.ledger import ask_teacher
from text2graph_dagster.teachers.protocol import Teacher, TeacherRequest


def teacher_and_requests(folder: Path, server: ServerSettings, count: int = 3) -> tuple[Teacher, list[TeacherRequest]]:
    corpus = open_corpus(write_corpus(folder / "corpus"))
    settings = TeacherSettings(kind="chat", model="tiny", server=server, concurrency=1)
    requests = [TeacherRequest(f"p{i}", "Ada Torvik founded Velsoft.", "en", corpus.ontology) for i in range(count)]
    return TeacherResource(logs=str(folder / "servers")).for_corpus(corpus, settings), requests


def test_the_server_starts_at_the_first_request_and_ends_with_the_block(tmp_path: Path) -> None:
    ledger = MemoryLedger()
    teacher, requests = teacher_and_requests(tmp_path, fake_vllm(tmp_path, "family"))
    with closing_model_server(teacher):
        assert not (tmp_path / "pids").exists()
        asked = ask_teacher(teacher, requests, ledger)
        assert [answer.status for answer in asked.answers] == ["ok"] * 3
        assert find_leftovers(tmp_path)
    assert find_leftovers(tmp_path) == []
    assert (tmp_path / "servers" / "teacher.log").exists()


def test_no_server_starts_if_all_answers_are_in_the_ledger(tmp_path: Path) -> None:
    ledger = MemoryLedger()
    for _ in range(2):
        (tmp_path / "pids").unlink(missing_ok=True)
        teacher, requests = teacher_and_requests(tmp_path, fake_vllm(tmp_path))
        with closing_model_server(teacher):
            asked = ask_teacher(teacher, requests, ledger)
    assert asked.new_calls == 0
    assert not (tmp_path / "pids").exists()


def test_the_error_names_a_server_that_dies_during_a_request(tmp_path: Path) -> None:
    teacher, requests = teacher_and_requests(tmp_path, fake_vllm(tmp_path, "mortal family"))
    with pytest.raises(UserError, match="ended with exit code 9"), closing_model_server(teacher):
        ask_teacher(teacher, requests, MemoryLedger())
    assert find_leftovers(tmp_path) == []


def test_no_server_is_started_for_a_running_endpoint(tmp_path: Path) -> None:
    corpus = open_corpus(write_corpus(tmp_path / "corpus"))
    teacher = TeacherResource(logs=str(tmp_path)).for_corpus(corpus, TeacherSettings(kind="chat", model="m"))
    reasoner = ReasonerResource(logs=str(tmp_path)).build(ReasonerSettings(kind="chat", model="m"))
    for client in (teacher, reasoner):
        with closing_model_server(client):
            pass
    assert not list(tmp_path.glob("*.log"))
