"""A corpus is added completely or not at all, and unreadable documents are reported."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from resources import corpora
from resources.home import Home
from tests.assets.conftest import write_corpus
from text2graph_dagster import cli
from text2graph_dagster.corpus.folder import open_corpus
from text2graph_dagster.corpus.readers.registry import Rejection, read_documents
from text2graph_dagster.errors import UserError


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as found:
        yield found


def add(source: Path, home: Path, instance: dg.DagsterInstance, *, link: bool = False) -> list[str]:
    return corpora.add_corpus(source, "c", Home(root=str(home)), instance, link=link, replace=True)[1]


@pytest.mark.parametrize("link", [True, False])
def test_a_home_inside_the_corpus_is_refused(tmp_path: Path, instance: dg.DagsterInstance, link: bool) -> None:
    source = write_corpus(tmp_path / "source", documents=2)
    with pytest.raises(UserError, match="set TEXT2GRAPH_HOME to a folder outside"):
        add(source, source / "home", instance, link=link)
    assert not (source / "home").exists()


def test_an_unreadable_document_is_reported_and_quarantined(
    tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_corpus(tmp_path / "source", documents=2)
    os.mkfifo(source / "pipe.txt")
    (source / "sub").mkdir()
    (source / "sub" / "locked.txt").write_text("Nobody may read this.")
    monkeypatch.setattr("os.access", lambda path, mode: Path(path).name != "locked.txt")
    assert add(source, tmp_path / "home", instance) == ["pipe.txt", "sub/locked.txt"]
    items = list(read_documents(open_corpus(tmp_path / "home" / "corpora" / "c")))
    refused = [(item.doc_id, item.reason) for item in items if isinstance(item, Rejection)]
    assert refused == [("pipe.txt", "unreadable"), ("sub/locked.txt", "unreadable")]


def test_a_copy_that_fails_leaves_nothing_behind(
    tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_corpus(tmp_path / "source", documents=2)
    add(source, tmp_path / "home", instance)

    def full(source: Path, target: Path) -> None:
        raise OSError(28, "No space left on device", str(target))

    monkeypatch.setattr(shutil, "copy2", full)
    with pytest.raises(UserError, match="No space left on device"):
        add(source, tmp_path / "home", instance)
    assert [p.name for p in (tmp_path / "home" / "corpora").iterdir()] == ["c"]


def test_a_dagster_home_without_configuration_gets_the_project_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with corpora.open_dagster_instance():
        pass
    assert (tmp_path / "dagster.yaml").read_text() == corpora.INSTANCE_CONFIGURATION.read_text()


@pytest.mark.parametrize("folder", ["relative/home", "/proc/nowhere"])
def test_an_unusable_dagster_home_is_a_user_error(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", folder)
    with pytest.raises(UserError, match="DAGSTER_HOME"), corpora.open_dagster_instance():
        pass


def test_an_invalid_dagster_yaml_is_a_user_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dagster.yaml").write_text("nonsense: true\n")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with pytest.raises(UserError, match="DAGSTER_HOME"), corpora.open_dagster_instance():
        pass


def test_an_unwritable_file_gives_one_sentence_and_exit_code_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "app", lambda: (tmp_path / "missing" / "g.graphml").open("w"))
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == cli.USER_ERROR
    assert "No such file or directory" in capsys.readouterr().err


def test_a_deeply_nested_ontology_is_a_user_error(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    source = write_corpus(tmp_path / "source", documents=2)
    (source / "ontology.yaml").write_text("[" * 20_000)
    with pytest.raises(UserError, match="nested too deeply"):
        add(source, tmp_path / "home", instance)
