"""Teachers and reasoners with a server of their own: it starts when there is something to ask, and ends after that."""

from pathlib import Path

import pytest

from resources.managed_teachers import closing_model_server
from resources.teachers import ReasonerResource, TeacherResource
from tests.assets.conftest import write_corpus
from tests.resources.model_server import fake_vllm, left_of
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


def test_the_server_starts_at_the_first_question_and_ends_with_the_block(tmp_path: Path) -> None:
    ledger = MemoryLedger()
    guide, requests = teacher_and_requests(tmp_path, fake_vllm(tmp_path, "family"))
    with closing_model_server(guide):
        assert not (tmp_path / "pids").exists()
        asked = ask_teacher(guide, requests, ledger)
        assert [answer.status for answer in asked.answers] == ["ok"] * 3
        assert left_of(tmp_path)
    assert left_of(tmp_path) == []
    assert (tmp_path / "servers" / "teacher.log").exists()


def test_no_server_starts_when_every_answer_is_known(tmp_path: Path) -> None:
    ledger = MemoryLedger()
    for _ in range(2):
        (tmp_path / "pids").unlink(missing_ok=True)
        guide, requests = teacher_and_requests(tmp_path, fake_vllm(tmp_path))
        with closing_model_server(guide):
            asked = ask_teacher(guide, requests, ledger)
    assert asked.new_calls == 0
    assert not (tmp_path / "pids").exists()


def test_a_server_that_dies_while_it_is_asked_is_what_is_told(tmp_path: Path) -> None:
    guide, requests = teacher_and_requests(tmp_path, fake_vllm(tmp_path, "mortal family"))
    with pytest.raises(UserError, match="ended with exit code 9"), closing_model_server(guide):
        ask_teacher(guide, requests, MemoryLedger())
    assert left_of(tmp_path) == []


def test_where_a_server_answers_already_none_is_started(tmp_path: Path) -> None:
    corpus = open_corpus(write_corpus(tmp_path / "corpus"))
    guide = TeacherResource(logs=str(tmp_path)).for_corpus(corpus, TeacherSettings(kind="chat", model="m"))
    author = ReasonerResource(logs=str(tmp_path)).build(ReasonerSettings(kind="chat", model="m"))
    for who in (guide, author):
        with closing_model_server(who):
            pass
    assert not list(tmp_path.glob("*.log"))
