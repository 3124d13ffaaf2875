"""The public API: its arguments, the files that it reads, and that its import is light."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.text2graph_dagster.extraction.tiny_students import ONTOLOGY, TYPES, make_checkpoint, make_extractor
from text2graph_dagster import Extractor
from text2graph_dagster.errors import UserError
from text2graph_dagster.graph.model import Span
from text2graph_dagster.inference.checkpoint import CheckpointRecipe
from text2graph_dagster.settings import Settings


def test_a_single_text_is_not_read_as_a_list() -> None:
    for texts in ("Bo.", b"Bo.", [None], [b"Bo."]):
        with pytest.raises(UserError, match=r"must be a list|pass strings"):
            list(make_extractor().extract(texts))  # type: ignore[arg-type]
    with pytest.raises(UserError, match="must be a list"):
        make_extractor().extract_documents("docs")


def test_files_of_all_formats_give_a_document_or_an_error(tmp_path: Path) -> None:
    (tmp_path / "docs" / ".hidden").mkdir(parents=True)
    (tmp_path / "docs" / ".hidden" / "no.txt").write_text("Bo")
    (tmp_path / "docs" / "a.txt").write_text("Ana Kovač lives in Dene.", encoding="utf-8")
    (tmp_path / "docs" / "rows.jsonl").write_text('{"id": "x", "text": "Bo."}\n{"body": "Bo."}\n')
    (tmp_path / "docs" / "z.xyz").write_text("Bo")
    (tmp_path / "one.md").write_text("# Velsoft\n\nBo lives.")
    found = {e.doc_id: e for e in make_extractor().extract_documents([tmp_path / "docs", tmp_path / "one.md"])}
    docs = f"{tmp_path}/docs"
    assert {name: e.error for name, e in found.items()} == {
        f"{docs}/a.txt": "",
        f"{docs}/rows.jsonl#x": "",
        f"{docs}/rows.jsonl:2": "no_text",
        f"{docs}/z.xyz": "unsupported_format",
        f"{tmp_path}/one.md": "",
    }
    assert len(found[f"{docs}/a.txt"].graph.relations) == 1


def test_the_gold_file_of_a_corpus_folder_is_not_a_document(tmp_path: Path) -> None:
    (tmp_path / "ontology.yaml").write_text(TYPES)
    (tmp_path / "gold.jsonl").write_text('{"text": "Bo."}\n')
    (tmp_path / "a.txt").write_text("Bo.")
    assert [e.doc_id for e in make_extractor().extract_documents([tmp_path])] == [f"{tmp_path}/a.txt"]


class TestCheckpointAndOntology:
    def test_the_corpus_may_be_omitted_if_there_is_only_one(self, tmp_path: Path) -> None:
        made = Extractor(make_checkpoint(tmp_path, "tiny"))
        assert (made.ontology.name, made.ontology.entity_names) == ("tiny", ("person", "company", "city"))
        assert made.recipe == CheckpointRecipe.from_settings(Settings()) and not made.recipe.outdated

    def test_one_of_several_corpora_is_chosen_by_name(self, tmp_path: Path) -> None:
        folder = make_checkpoint(tmp_path, "one", "two")
        assert Extractor(folder, corpus="two").ontology.name == "two"
        for corpus in (None, "three"):
            with pytest.raises(UserError, match="one, two"):
                Extractor(folder, corpus=corpus)

    def test_another_ontology_may_be_passed(self, tmp_path: Path) -> None:
        folder = make_checkpoint(tmp_path, "one", "two")
        (tmp_path / "other.yaml").write_text("entity_types: [fruit]")
        assert Extractor(folder, ontology=tmp_path / "other.yaml").ontology.entity_names == ("fruit",)
        assert Extractor(folder, ontology=ONTOLOGY).ontology is ONTOLOGY

    def test_a_student_whose_prompts_list_no_types_extracts_only_known_ones(self, tmp_path: Path) -> None:
        folder = make_checkpoint(tmp_path, "one", settings=Settings.load(None, {"dataset": {"template": "text"}}))
        assert Extractor(folder, ontology=ONTOLOGY).recipe.template == "text"
        (tmp_path / "other.yaml").write_text("entity_types: [person, fruit]")
        with pytest.raises(UserError, match="does not know fruit"):
            Extractor(folder, ontology=tmp_path / "other.yaml")

    def test_invalid_arguments_are_user_errors(self, tmp_path: Path) -> None:
        (tmp_path / "bare").mkdir()
        cases: list[tuple[dict[str, Any], str]] = [
            ({}, "There is no student"),
            ({"checkpoint": tmp_path / "nowhere"}, "There is no checkpoint"),
            ({"checkpoint": tmp_path / "bare"}, "has no ontology"),
            ({"server": "http://127.0.0.1:1/v1"}, "no types to extract"),
            ({"checkpoint": tmp_path, "corpus": "a", "ontology": ONTOLOGY}, "cannot be combined"),
            ({"checkpoint": tmp_path, "model": "m"}, "needs a server"),
            ({"checkpoint": tmp_path, "batch_size": 0}, "batch_size is 0"),
            ({"checkpoint": tmp_path, "max_new_tokens": 0}, "max_new_tokens is 0"),
            ({"checkpoint": tmp_path, "threads": -1}, "threads is -1"),
        ]
        for options, message in cases:
            with pytest.raises(UserError, match=message):
                Extractor(**options)
        (tmp_path / "bare" / "extraction.json").write_text('{"template": "sonnet"}')
        with pytest.raises(UserError, match=r"extraction\.json cannot be read"):
            Extractor(tmp_path / "bare")

    def test_an_incomplete_checkpoint_is_a_user_error(self, tmp_path: Path) -> None:
        recipe = make_checkpoint(tmp_path, "tiny") / "extraction.json"
        recipe.write_text('{"pasage_tokens": 64}')
        with pytest.raises(UserError, match="pasage_tokens: Extra inputs"):
            Extractor(recipe.parent)
        recipe.unlink()
        with pytest.raises(UserError, match=r"extraction\.json is missing"):
            Extractor(recipe.parent)

    def test_a_changed_prompt_is_detected(self) -> None:
        assert CheckpointRecipe(template="compact", prompt_version="0").outdated
        assert not CheckpointRecipe(template="compact").outdated


def test_importing_the_extractor_imports_no_heavy_package() -> None:
    heavy = ["torch", "transformers", "trl", "datasets", "openai", "dagster"]
    program = (
        "import sys, text2graph_dagster\nassert 'text2graph_dagster.extraction' not in sys.modules\n"
        "from text2graph_dagster import Extractor\nExtractor\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_unknown_attribute_of_the_package_is_an_attribute_error() -> None:
    import text2graph_dagster

    with pytest.raises(AttributeError, match="Extraktor"):
        text2graph_dagster.Extraktor  # noqa: B018


def test_passages_have_spans_and_token_counts() -> None:
    (found,) = make_extractor().extract(["Bo."])
    assert found.passages[0].span == Span(0, 3) and found.passages[0].tokens == 5
