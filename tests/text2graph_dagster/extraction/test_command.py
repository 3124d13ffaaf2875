"""The command `text2graph extract`, with a fake server in place of the student."""

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from tests.text2graph_dagster.extraction.tiny_students import make_checkpoint, serve_answers
from tests.text2graph_dagster.teachers.chat.chat_server import Seen, serving
from text2graph_dagster.cli import app, main
from text2graph_dagster.errors import UserError


@pytest.fixture
def seen() -> Iterator[Seen]:
    with serving(serve_answers) as served:
        yield served


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkpoint without a model, and a folder of documents, one of them unreadable."""
    make_checkpoint(tmp_path, "tiny")
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "a.txt").write_text("Ana Kovač lives in Dene.", encoding="utf-8")
    (docs / "b.pdf").write_bytes(b"%PDF-broken")
    (docs / "c.txt").write_text("silence")
    return tmp_path


def run(seen: Seen, folder: Path, *arguments: str, stdin: str | bytes = "") -> Result:
    known = ["--checkpoint", str(folder / "checkpoint"), "--server", seen.url]
    return CliRunner().invoke(app, ["extract", *known, *arguments], input=stdin)


def rows(text: str) -> dict[str, Any]:
    return {row["doc_id"]: row for row in map(json.loads, text.splitlines())}


def test_every_document_is_a_line_and_unreadable_ones_give_exit_code_one(seen: Seen, folder: Path) -> None:
    done = run(seen, folder, str(folder / "docs"), "--out", str(folder / "graphs.jsonl"))
    assert (done.exit_code, done.stdout) == (1, "")
    a, b, c = rows((folder / "graphs.jsonl").read_text(encoding="utf-8")).values()
    assert a["text"] == "Ana Kovač lives in Dene."
    assert a["entities"][1] == {"id": 1, "text": "Dene", "type": "city", "mentions": [{"start": 19, "end": 23}]}
    evidence = [{"start": 0, "end": 24, "text": "Ana Kovač lives in Dene."}]
    assert a["relations"] == [{"head": 0, "type": "lives in", "tail": 1, "evidence": evidence}]
    assert (a["passages"], a["dropped"], a["left_out"]) == ([{"start": 0, "end": 24}], {}, [])
    assert b == {"doc_id": f"{folder}/docs/b.pdf", "error": "broken_document", "detail": b["detail"]}
    assert c["passages"] == [{"start": 0, "end": 7, "problem": "no_json"}]
    assert done.stderr.strip() == (
        "documents 2, passages 2, entities 2, relations 1; documents not read: 1 broken_document; "
        "passages without an answer: 1 no_json"
    )


def test_standard_input_is_one_document(seen: Seen, folder: Path) -> None:
    done = run(seen, folder, stdin="Bo went to Velsoft.")
    assert done.exit_code == 0
    (row,) = rows(done.stdout).values()
    assert row["doc_id"] == "-" and [e["text"] for e in row["entities"]] == ["Bo", "Velsoft"]
    silent = run(seen, folder, "-", "--no-text", stdin="Bo.".encode("utf-16"))
    assert "text" not in rows(silent.stdout)["-"]
    empty = run(seen, folder, stdin="")
    assert empty.exit_code == 1 and rows(empty.stdout)["-"]["error"] == "empty"


@pytest.mark.parametrize(("format_", "holds"), [("cypher", "MERGE"), ("graphml", "<graphml"), ("jsonld", "@graph")])
def test_other_formats_are_written_to_a_file(seen: Seen, folder: Path, format_: str, holds: str) -> None:
    out = folder / "out"
    done = run(seen, folder, str(folder / "docs"), "--format", format_, "--out", str(out))
    assert done.exit_code == 1 and f"{folder}/docs/b.pdf: broken_document" in done.stderr
    assert holds in out.read_text(encoding="utf-8") and "Ana Kovač" in out.read_text(encoding="utf-8")
    with pytest.raises(UserError, match="--out"):
        raise run(seen, folder, str(folder / "docs"), "--format", format_).exception or AssertionError


def test_csv_evidence_refers_to_the_document(seen: Seen, folder: Path) -> None:
    assert (
        run(seen, folder, str(folder / "docs" / "a.txt"), "--format", "csv", "--out", str(folder / "o")).exit_code == 0
    )
    evidence = (folder / "o" / "evidence.csv").read_text(encoding="utf-8").splitlines()
    assert evidence[-1].endswith("docs/a.txt,0,24,Ana Kovač lives in Dene.")


def test_a_lone_surrogate_does_not_stop_the_output(seen: Seen, folder: Path) -> None:
    (folder / "half.jsonl").write_text('{"text": "Bo \\ud800."}\n{"text": "Bo."}\n')
    done = run(seen, folder, str(folder / "half.jsonl"))
    assert done.exit_code == 0 and len(rows(done.stdout)) == 2


def test_a_changed_prompt_is_reported(seen: Seen, folder: Path) -> None:
    recipe = folder / "checkpoint" / "extraction.json"
    recipe.write_text(json.dumps({**json.loads(recipe.read_text()), "prompt_version": "other"}))
    assert "the prompt template has changed" in run(seen, folder, stdin="Bo.").stderr


def test_an_existing_output_is_kept_if_the_student_cannot_be_reached(folder: Path) -> None:
    out = folder / "graphs.jsonl"
    out.write_text("kept")
    known = ["--checkpoint", str(folder / "checkpoint"), "--server", "http://127.0.0.1:9/v1"]
    done = CliRunner().invoke(app, ["extract", *known, str(folder / "docs"), "--out", str(out)])
    assert isinstance(done.exception, UserError) and out.read_text() == "kept"


def test_a_file_without_documents_is_a_line_with_an_error(seen: Seen, folder: Path) -> None:
    (folder / "none.jsonl").write_text("\n")
    done = run(seen, folder, str(folder / "none.jsonl"))
    (row,) = rows(done.stdout).values()
    assert (done.exit_code, row["error"]) == (1, "empty") and "documents not read: 1 empty" in done.stderr


def test_a_piped_pdf_is_not_read_as_text(seen: Seen, folder: Path) -> None:
    done = run(seen, folder, stdin=b"%PDF-1.7 Bo.")
    assert (done.exit_code, rows(done.stdout)["-"]["error"]) == (1, "unsupported_format")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["/nowhere"], "/nowhere does not exist"),
        (["-", "docs"], "cannot be combined with files"),
        (["docs", "--corpus", "other"], "was not trained on 'other'"),
        (["docs", "--ontology", "none.yaml"], "none.yaml is missing"),
        (
            ["docs", "--out", "/nowhere/graphs.jsonl"],
            "/nowhere/graphs.jsonl cannot be written: create the folder /nowhere",
        ),
        (["docs", "--out", "docs/graphs.jsonl"], "is among the documents"),
        (["docs/a.txt", "--format", "graphml", "--out", "docs/../docs/a.txt"], "is among the documents"),
        (["docs", "--out", "checkpoint"], "checkpoint is a folder, but jsonl is written to a file"),
        (["docs", "--format", "csv", "--out", "types.yaml"], "types.yaml is a file, but csv is written to a folder"),
        (["docs", ""], "A path is empty"),
        (["docs", "--text-field", ""], "text_field is empty"),
    ],
)
def test_user_errors_are_one_line_and_exit_code_two(
    seen: Seen,
    folder: Path,
    arguments: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(folder)
    known = ["--checkpoint", "checkpoint", "--server", seen.url]
    monkeypatch.setattr(sys, "argv", ["text2graph", "extract", *known, *arguments])
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("text2graph: ") and message in lines[0]
