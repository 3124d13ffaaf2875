"""Students from anywhere: a model directory with its own tokenizer and template, whole or with adapters."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from tokenizers.decoders import ByteLevel
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

from tests.text2graph_dagster.training import tiny
from text2graph_dagster.errors import UserError
from text2graph_dagster.training import grpo, sft
from text2graph_dagster.training.students import load_student

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@pytest.fixture(scope="module")
def chat_model(tmp_path_factory: pytest.TempPathFactory, examples: Any) -> Path:
    """A model directory as one would download it: Qwen2, ChatML, sampling by default."""
    folder = tmp_path_factory.mktemp("chat") / "model"
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator([e.text for e in examples] + [e.answer for e in examples], trainer)
    fast = PreTrainedTokenizerFast(
        **{"tokenizer_object": tokenizer, "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"},
        chat_template=CHATML,
    )
    torch.manual_seed(0)
    shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1}
    model = Qwen2ForCausalLM(Qwen2Config(vocab_size=len(fast), intermediate_size=64, **shape))
    model.generation_config.do_sample = True
    model.generation_config.repetition_penalty = 1.1
    model.save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("lora", [None, {"rank": 4, "alpha": 8}], ids=["whole", "lora"])
def test_a_model_directory_is_taught_and_reinforced(chat_model: Path, tmp_path: Path, lora: Any) -> None:
    changes = {
        "student": {"base_model": str(chat_model), "lora": lora, "dev_examples": 2},
        "sft": {"max_steps": 4, "learning_rate": 1e-2},
        "grpo": {"max_steps": 1, "prompts_per_step": 1, "micro_batch": 4, "max_completion_length": 8, "dev_checks": 1},
        "evaluation": {"max_new_tokens": 8},
    }
    assert sft.main(["--config", str(tiny.write_config(tmp_path, changes=changes))]) == 0
    run = json.loads((tmp_path / "sft" / "run.json").read_text())
    assert (run["model"]["trained_parameters"] < run["model"]["parameters"]) == (lora is not None)
    before = AutoModelForCausalLM.from_pretrained(chat_model).state_dict()
    after = AutoModelForCausalLM.from_pretrained(tmp_path / "sft").state_dict()
    assert before.keys() == after.keys()
    moved = {name for name, value in before.items() if not torch.equal(value, after[name])}
    assert any("q_proj.weight" in name for name in moved)
    assert ("model.embed_tokens.weight" in moved) == (lora is None)
    config = tiny.write_config(tmp_path, "grpo", changes, base=str(tmp_path / "sft"))
    assert grpo.main(["--config", str(config)]) == 0
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "grpo")
    assert tokenizer.chat_template == CHATML
    generation = AutoModelForCausalLM.from_pretrained(tmp_path / "grpo").generation_config
    assert (generation.do_sample, generation.repetition_penalty) in ((False, None), (False, 1.0))
    assert generation.eos_token_id == tokenizer.eos_token_id


def test_the_template_of_the_model_is_kept_to_and_its_end_token_is_taught(chat_model: Path, examples: Any) -> None:
    from text2graph_dagster.training.examples import tokenise

    _, tokenizer = load_student(chat_model)
    tokens = list(tokenise(examples[:3], tokenizer))
    for example, ids in zip(examples, tokens, strict=False):
        expected = f"<|im_start|>user\n{example.prompt[0]['content']}<|im_end|>\n<|im_start|>assistant\n"
        assert tokenizer.decode(ids.prompt) == expected
        assert tokenizer.decode(ids.answer) == example.answer + "<|im_end|>"


@pytest.mark.parametrize("content", [None, "not a model"])
def test_what_is_no_model_is_told_in_a_sentence(tmp_path: Path, content: str | None) -> None:
    if content:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(UserError, match="cannot be loaded"):
        load_student(tmp_path)
