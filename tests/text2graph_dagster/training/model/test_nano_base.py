"""The nano base that comes with the project: small, complete, and usable with any ontology's types."""

from pathlib import Path
from typing import Any

import pytest

from tests.text2graph_dagster.training import tiny_models
from text2graph_dagster.graph.parsing import parse
from text2graph_dagster.inference.base_models import NANO_BASE
from text2graph_dagster.ontology import EntityType, Ontology, RelationType, load_ontology
from text2graph_dagster.prompts.rendering import render_prompt
from text2graph_dagster.settings import Settings
from text2graph_dagster.training.config import TrainingConfig
from text2graph_dagster.training.model.student import load_nano_base, make_student

KINDS, RELATIONS = ("poet", "ship"), ("repairs", "keeper of")
ONTOLOGY = Ontology("unseen", "en", tuple(map(EntityType, KINDS)), tuple(map(RelationType, RELATIONS)))
PASSAGE = "The poet Ana Torvik repairs the ship Velmere."


@pytest.fixture(scope="module")
def student() -> Any:
    return load_nano_base(Settings(), [ONTOLOGY])


def test_the_base_is_small_and_complete() -> None:
    files = {path.name: path.stat().st_size for path in NANO_BASE.iterdir()}
    assert {"model.safetensors", "tokenizer.json", "config.json", "chat_template.jinja", "README.md"} <= files.keys()
    assert sum(files.values()) < 8_000_000


def test_it_copies_a_name_into_a_valid_answer_with_a_listed_type(student: Any) -> None:
    from text2graph_dagster.inference.batch_generation import answer_prompts

    model, tokenizer = student
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": render_prompt(PASSAGE, KINDS, RELATIONS, ONTOLOGY, "compact", "en")}],
        tokenize=False,
        add_generation_prompt=True,
    )
    [answer] = answer_prompts(model, tokenizer, [prompt], max_new_tokens=64, batch_size=1)
    graph = parse(answer.text)
    assert answer.stopped and graph.strict
    assert ("Velmere", "ship") in graph.entities


def test_the_weights_of_the_base_are_an_input_of_a_run(tmp_path: Path) -> None:
    settings = tiny_models.settings({"student": {"base_model": "nano"}})
    tiny_models.write_config(tmp_path)
    config = TrainingConfig(
        settings=settings,
        train=tmp_path / "train.parquet",
        ontologies={"tiny": tmp_path / "ontology.yaml"},
        output=tmp_path / "out",
    )
    assert "base:model.safetensors" in config.hash_inputs()


def test_the_context_is_a_setting(workplace: Path, examples: Any) -> None:
    settings = tiny_models.settings({"student": {"base_model": "nano", "context": 640}})
    model, tokenizer = make_student("nano", settings, examples, [load_ontology(workplace / "ontology.yaml")])
    assert model.config.max_position_embeddings == 640
    assert len(tokenizer('"works for""lives in"')["input_ids"]) == 2
