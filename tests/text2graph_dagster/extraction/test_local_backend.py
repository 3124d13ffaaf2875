"""A checkpoint directory is enough for extraction, with this package or with plain Transformers."""

import json
import os
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from tests.text2graph_dagster.training import tiny_models
from text2graph_dagster import Extractor
from text2graph_dagster.extraction.document_run import PassageRequest
from text2graph_dagster.extraction.local_backend import LocalBackend
from text2graph_dagster.graph.wire import strip_leading_blanks
from text2graph_dagster.inference.checkpoint import CheckpointRecipe
from text2graph_dagster.settings import UNCONSTRAINED, DecodingSettings

PLAIN_TRANSFORMERS = """
import json, sys
sys.modules["text2graph_dagster"] = None
from transformers import AutoModelForCausalLM, AutoTokenizer
folder, tokens = sys.argv[1], int(sys.argv[2])
tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
for prompt in json.load(sys.stdin):
    turns = [{"role": "user", "content": prompt}]
    ids = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    written = model.generate(**ids, max_new_tokens=tokens)[0, ids["input_ids"].shape[1]:]
    print(json.dumps(tokenizer.decode(written, skip_special_tokens=True)))
"""
OFFLINE = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}


def texts(count: int) -> list[str]:
    rng = random.Random(9)
    return [tiny_models.example(rng)["text"] for _ in range(count)]


def prompts(count: int) -> list[str]:
    rng = random.Random(9)
    return [tiny_models.example(rng)["messages"][0]["content"] for _ in range(count)]


def make_requests(count: int) -> list[PassageRequest]:
    return [
        PassageRequest(i, 0, prompt, text)
        for i, (prompt, text) in enumerate(zip(prompts(count), texts(count), strict=True))
    ]


def local_backend(checkpoint: Path, **recipe: object) -> LocalBackend:
    changed = CheckpointRecipe.from_settings(tiny_models.settings()).model_copy(update=recipe)
    return LocalBackend(checkpoint, changed, Extractor(checkpoint).ontology, 4, None)


def test_plain_transformers_gives_the_same_answers_without_this_package(fine_tuned: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PLAIN_TRANSFORMERS, str(fine_tuned), "24"],
        input=json.dumps(prompts(6)),
        env=OFFLINE,
        capture_output=True,
        text=True,
        check=True,
    )
    alone = [strip_leading_blanks(json.loads(line)) for line in done.stdout.splitlines()]
    replies = local_backend(fine_tuned, max_new_tokens=24, decoding=UNCONSTRAINED).answer(make_requests(6))
    in_order = sorted(replies, key=lambda answered: answered[0].document)  # replies come in any order
    assert alone == [reply.text for _, reply in in_order] and all(alone)


def test_the_recipe_and_the_ontology_come_from_the_checkpoint(fine_tuned: Path) -> None:
    made = Extractor(fine_tuned)
    assert made.recipe == CheckpointRecipe.from_settings(tiny_models.settings())
    assert made.ontology.entity_names == tuple(tiny_models.ENTITY_TYPES)
    found = list(made.extract(texts(10)))
    assert all(e.passages and not e.error for e in found)
    assert all(window.tokens for e in found for window in e.passages)
    assert found == list(Extractor(fine_tuned, batch_size=1, threads=1).extract(texts(10)))


def test_a_prompt_longer_than_the_context_is_not_answered(fine_tuned: Path) -> None:
    first, *rest = make_requests(3)
    long = replace(first, prompt=first.prompt * 40)
    replies = [reply for _, reply in local_backend(fine_tuned, max_new_tokens=8).answer([long, *rest])]
    assert (replies[0].problem, replies[0].text) == ("too_long", "")
    assert all(reply.text and not reply.problem for reply in replies[1:])


def test_answers_follow_the_grammar_in_the_recipe(fine_tuned: Path) -> None:
    """Within two tokens, a barely trained student writes no JSON without the grammar; with it, it starts the object."""
    constrained = local_backend(fine_tuned, max_new_tokens=2, decoding=DecodingSettings(grammar="copy"))
    assert all('{"entities":['.startswith(reply.text[:8]) for _, reply in constrained.answer(make_requests(4)))


def test_the_command_needs_only_the_checkpoint(fine_tuned: Path, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts(5)))
    program = "from text2graph_dagster.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "extract", "a.jsonl", "--checkpoint", str(fine_tuned), "--threads", "1"],
        env={**OFFLINE, "PYTHONPATH": str(Path(__file__).parents[3])},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["doc_id"] for row in rows] == [f"a.jsonl:{i}" for i in range(1, 6)]
    here = Extractor(fine_tuned).extract_documents([tmp_path / "a.jsonl"])
    assert [{**row, "doc_id": ""} for row in rows] == [{**e.as_row(), "doc_id": ""} for e in here]
    assert done.stderr.startswith("documents 5, passages ")


def test_a_checkpoint_has_a_model_card(fine_tuned: Path) -> None:
    card = (fine_tuned / "README.md").read_text(encoding="utf-8")
    run = json.loads((fine_tuned / "run.json").read_text())
    assert run["dev"]["relation_f1_low"] <= run["dev"]["relation_f1"] <= run["dev"]["relation_f1_high"]
    assert run["inputs"]["train"] in card and "works for, lives in" in card and "license: other" in card
