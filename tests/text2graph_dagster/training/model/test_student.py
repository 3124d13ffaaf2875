"""Students from model directories with their own tokenizer and template, fully trained or with adapters."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import GRPOTrainer

from tests.text2graph_dagster.conftest import CHATML
from tests.text2graph_dagster.training import tiny_models
from text2graph_dagster.errors import UserError
from text2graph_dagster.inference.loading import load_student
from text2graph_dagster.training import grpo, sft
from text2graph_dagster.training.model.student import make_student


@pytest.mark.parametrize(
    "lora",
    [None, {"rank": 4, "alpha": 8}, {"rank": 4, "alpha": 8, "quantised": True}],
    ids=["full", "lora", "qlora"],
)
def test_a_model_directory_is_trained_by_sft_and_grpo(chat_model: Path, tmp_path: Path, lora: Any) -> None:
    if lora and lora.get("quantised"):
        pytest.importorskip("bitsandbytes", reason="QLoRA needs bitsandbytes: pip install -e '.[gpu]'")
    changes = {
        "student": {"base_model": str(chat_model), "lora": lora, "dev_examples": 2},
        "sft": {"max_steps": 4, "learning_rate": 1e-2},
        "grpo": {"max_steps": 1, "prompts_per_step": 1, "micro_batch": 4, "max_completion_length": 8, "dev_checks": 1},
        "evaluation": {"max_new_tokens": 8},
    }
    assert sft.main(["--config", str(tiny_models.write_config(tmp_path, changes=changes))]) == 0
    run = json.loads((tmp_path / "sft" / "run.json").read_text())
    assert (run["model"]["trained_parameters"] < run["model"]["parameters"]) == (lora is not None)
    before = AutoModelForCausalLM.from_pretrained(chat_model).state_dict()
    after = AutoModelForCausalLM.from_pretrained(tmp_path / "sft").state_dict()
    assert {value.dtype for value in after.values()} == {torch.float32}
    assert before.keys() == after.keys()
    moved = {name for name, value in before.items() if not torch.equal(value, after[name])}
    assert any("q_proj.weight" in name for name in moved)
    if lora:  # the weights are otherwise unchanged: quantisation is used in training only
        assert all(name.endswith("_proj.weight") for name in moved)
    assert ("model.embed_tokens.weight" in moved) == (lora is None)
    config = tiny_models.write_config(tmp_path, "grpo", changes, base=str(tmp_path / "sft"))
    assert grpo.main(["--config", str(config)]) == 0
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "grpo")
    assert tokenizer.chat_template == CHATML
    generation = AutoModelForCausalLM.from_pretrained(tmp_path / "grpo").generation_config
    assert (generation.do_sample, generation.repetition_penalty) in ((False, None), (False, 1.0))
    assert generation.eos_token_id == tokenizer.eos_token_id


def test_the_models_own_template_and_eos_are_used(chat_model: Path, examples: Any) -> None:
    from text2graph_dagster.training.data.examples import tokenise_examples

    _, tokenizer = load_student(chat_model)
    tokens = list(tokenise_examples(examples[:3], tokenizer))
    for example, ids in zip(examples, tokens, strict=False):
        expected = f"<|im_start|>user\n{example.prompt[0]['content']}<|im_end|>\n<|im_start|>assistant\n"
        assert tokenizer.decode(ids.prompt) == expected
        assert tokenizer.decode(ids.answer) == example.answer + "<|im_end|>"


@pytest.mark.parametrize("content", [None, "not a model"])
def test_a_directory_without_a_model_is_a_user_error(tmp_path: Path, content: str | None) -> None:
    if content:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(UserError, match="cannot be loaded"):
        load_student(tmp_path)


def test_an_incomplete_copy_of_a_model_is_a_user_error(chat_model: Path, tmp_path: Path) -> None:
    half = tmp_path / "half"
    shutil.copytree(chat_model, half)
    weights = half / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(UserError, match="cannot be loaded"):
        load_student(half)
    shutil.copyfile(chat_model / "model.safetensors", weights)
    (half / "tokenizer.json").unlink()
    with pytest.raises(UserError, match=r"cannot be loaded|copy tokenizer\.json"):
        load_student(half)


def test_a_quantised_base_is_refused(chat_model: Path, tmp_path: Path) -> None:
    config = json.loads((chat_model / "config.json").read_text())
    quantised = tmp_path / "awq"
    quantised.mkdir()
    (quantised / "config.json").write_text(json.dumps({**config, "quantization_config": {"quant_method": "awq"}}))
    with pytest.raises(UserError, match="quantised already"):
        make_student(quantised, tiny_models.settings(), [], [])


def test_completions_are_generated_in_batches(
    chat_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches, generate = [], GRPOTrainer._generate_single_turn

    def count(trainer: Any, prompts: Any, *others: Any, **named: Any) -> Any:
        batches.append(len(prompts))
        return generate(trainer, prompts, *others, **named)

    monkeypatch.setattr(GRPOTrainer, "_generate_single_turn", count)
    few = {
        "max_steps": 1,
        "prompts_per_step": 2,
        "generations": 4,
        "generation_batch_size": 3,
        "max_completion_length": 8,
    }
    changes = {"grpo": few, "student": {"lora": {"rank": 4, "alpha": 8}}}  # with adapters, `generate` is used
    config = tiny_models.write_config(tmp_path, "grpo", changes, base=str(chat_model), dev=None)
    assert grpo.main(["--config", str(config)]) == 0
    assert batches == [3, 3, 2]
    assert len((tmp_path / "grpo" / "rollouts.jsonl").read_text().splitlines()) == 8
