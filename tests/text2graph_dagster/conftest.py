"""Fixtures of tests with models: examples, an untrained nano, a fine-tuned one, and a chat model."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.text2graph_dagster.training import tiny_models

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")


@pytest.fixture(autouse=True)
def _use_one_thread() -> Iterator[None]:
    """Use one thread: small models are slower on several cores, and the order of summation would change results."""
    torch = sys.modules.get("torch")  # tests without a model do not import torch
    if torch is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with examples, an ontology and the configuration sft.json."""
    folder = tmp_path_factory.mktemp("training")
    tiny_models.write_config(folder)
    return folder


@pytest.fixture(scope="session")
def examples(workplace: Path) -> Any:
    """The examples as the programs read them."""
    from text2graph_dagster.training.data.examples import read_examples

    return read_examples(workplace / "train.parquet", tiny_models.settings())


@pytest.fixture(scope="session")
def nano(workplace: Path, examples: Any) -> Any:
    """An untrained nano model and its tokenizer."""
    from text2graph_dagster.ontology import load_ontology
    from text2graph_dagster.training.model.student import make_scratch_nano

    model, tokenizer = make_scratch_nano(tiny_models.settings(), examples, [load_ontology(workplace / "ontology.yaml")])
    model.eval()
    return model, tokenizer


@pytest.fixture(scope="session")
def fine_tuned(workplace: Path) -> Path:
    """The directory of a nano model after 20 steps of SFT."""
    from text2graph_dagster.training.sft import main

    assert main(["--config", str(workplace / "sft.json")]) == 0
    return workplace / "sft"


@pytest.fixture(scope="session")
def chat_model(tmp_path_factory: pytest.TempPathFactory, examples: Any) -> Path:
    """The directory of a Qwen2 model like those on the hub: ChatML template, sampling by default."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from tokenizers.decoders import ByteLevel
    from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

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
