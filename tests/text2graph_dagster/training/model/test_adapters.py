"""Adapters on frozen weights: their precision, and the ordinary model that comes of both."""

from pathlib import Path
from typing import Any

import pytest
import torch

from text2graph_dagster.errors import UserError
from text2graph_dagster.inference import precision
from text2graph_dagster.inference.loading import describe_model, load_student
from text2graph_dagster.inference.precision import frozen_weight_options
from text2graph_dagster.settings import LoraSettings, Settings
from text2graph_dagster.training.model.adapters import merged, trained_in_full, with_lora

LORA = LoraSettings(rank=2, alpha=4)
QLORA = LoraSettings(rank=2, alpha=4, quantised=True)


def adapted(model: Any, lora: LoraSettings) -> Any:
    """Return the model with adapters that have learnt something."""
    model = with_lora(model, lora, seed=1)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.02)
    return model


@pytest.mark.parametrize(
    ("lora", "on_gpu", "dtype"),
    [
        (None, False, torch.float32),
        (None, True, torch.float32),  # weights that are trained
        (LORA, False, torch.float32),
        (LORA, True, torch.bfloat16),
    ],
)
def test_only_frozen_weights_on_a_gpu_are_halved(
    lora: LoraSettings | None, on_gpu: bool, dtype: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: on_gpu)
    assert frozen_weight_options(lora) == {"dtype": dtype}


def test_without_bitsandbytes_it_is_said_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"lora\.quantised needs bitsandbytes.*pip install"):
        frozen_weight_options(QLORA)


def test_adapters_on_halved_weights_are_merged_into_the_published_ones(chat_model: Path) -> None:
    half, whole = (load_student(chat_model)[0] for _ in range(2))
    trained = adapted(half.to(torch.bfloat16), LORA)
    assert {p.dtype for p in trained.parameters() if p.requires_grad} == {torch.float32}
    result = merged(trained, lambda: load_student(chat_model)[0])
    assert {p.dtype for p in result.parameters()} == {torch.float32}
    layer = "model.layers.1.mlp.down_proj"
    delta = trained.get_submodule(f"base_model.model.{layer}").get_delta_weight("default")
    assert delta.abs().max() > 1e-4
    torch.testing.assert_close(result.get_submodule(layer).weight, whole.get_submodule(layer).weight + delta)
    assert torch.equal(result.lm_head.weight, whole.lm_head.weight)
    assert hasattr(trained, "peft_config")  # training can go on


def test_what_has_no_adapters_is_itself_in_full_precision(chat_model: Path) -> None:
    model, _ = load_student(chat_model)
    assert merged(model, lambda: pytest.fail("loaded again")) is model
    half = load_student(chat_model)[0].to(torch.bfloat16)
    assert torch.equal(merged(half, lambda: model).lm_head.weight, model.lm_head.weight)


def test_quantised_weights_are_small_and_what_is_trained_is_in_full(chat_model: Path) -> None:
    pytest.importorskip("bitsandbytes", reason="QLoRA needs bitsandbytes: pip install -e '.[gpu]'")
    whole, _ = load_student(chat_model)
    model = adapted(load_student(chat_model, QLORA)[0], QLORA)
    count = describe_model(model)
    assert count["parameters"] - count["trained_parameters"] == describe_model(whole)["parameters"]
    layer = "model.layers.0.mlp.up_proj"
    held = model.get_submodule(f"base_model.model.{layer}").base_layer.weight
    assert held.dtype == torch.uint8 and 2 * held.numel() == whole.get_submodule(layer).weight.numel()
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.bfloat16()  # as TRL does

    class Trainer:
        def __init__(self) -> None:
            self.model = model

    assert {p.dtype for p in trained_in_full(Trainer()).model.parameters() if p.requires_grad} == {torch.float32}
    result = merged(model, lambda: load_student(chat_model)[0])
    assert not hasattr(result.config, "quantization_config") and {p.dtype for p in result.parameters()} == {
        torch.float32
    }


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"student": {"base_model": "nano", "lora": {"quantised": True}}}, "large pretrained models"),
        (
            {"student": {"base_model": "a/b", "lora": {"quantised": True}}, "grpo": {"use_vllm": True}},
            "grpo.*use_vllm cannot take weights",
        ),
    ],
)
def test_what_cannot_be_quantised_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        Settings.load(None, changes)
