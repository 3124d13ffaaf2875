"""Adapters: their precision, and merging them into an ordinary model."""

from pathlib import Path
from typing import Any

import pytest
import torch

from text2graph_dagster.errors import UserError
from text2graph_dagster.inference import precision
from text2graph_dagster.inference.loading import describe_model, load_student
from text2graph_dagster.inference.precision import frozen_weight_options
from text2graph_dagster.settings import LoraSettings, Settings
from text2graph_dagster.training.model.adapters import add_lora, merge_adapters, upcast_trained_weights

LORA = LoraSettings(rank=2, alpha=4)
QLORA = LoraSettings(rank=2, alpha=4, quantised=True)


def add_trained_lora(model: Any, lora: LoraSettings) -> Any:
    """Return the model with adapters that differ from 0."""
    model = add_lora(model, lora, seed=1)
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
def test_only_frozen_weights_on_a_gpu_are_bfloat16(
    lora: LoraSettings | None, on_gpu: bool, dtype: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: on_gpu)
    assert frozen_weight_options(lora) == {"dtype": dtype}


def test_missing_bitsandbytes_is_a_user_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"lora\.quantised needs bitsandbytes.*pip install"):
        frozen_weight_options(QLORA)


def test_adapters_on_bfloat16_weights_are_merged_into_the_published_ones(chat_model: Path) -> None:
    half, whole = (load_student(chat_model)[0] for _ in range(2))
    trained = add_trained_lora(half.to(torch.bfloat16), LORA)
    assert {p.dtype for p in trained.parameters() if p.requires_grad} == {torch.float32}
    result = merge_adapters(trained, lambda: load_student(chat_model)[0])
    assert {p.dtype for p in result.parameters()} == {torch.float32}
    layer = "model.layers.1.mlp.down_proj"
    delta = trained.get_submodule(f"base_model.model.{layer}").get_delta_weight("default")
    assert delta.abs().max() > 1e-4
    torch.testing.assert_close(result.get_submodule(layer).weight, whole.get_submodule(layer).weight + delta)
    assert torch.equal(result.lm_head.weight, whole.lm_head.weight)
    assert hasattr(trained, "peft_config")  # training can continue


def test_a_model_without_adapters_is_returned_in_float32(chat_model: Path) -> None:
    model, _ = load_student(chat_model)
    assert merge_adapters(model, lambda: pytest.fail("loaded again")) is model
    half = load_student(chat_model)[0].to(torch.bfloat16)
    assert torch.equal(merge_adapters(half, lambda: model).lm_head.weight, model.lm_head.weight)


def test_quantised_weights_are_small_and_trained_weights_are_float32(chat_model: Path) -> None:
    pytest.importorskip("bitsandbytes", reason="QLoRA needs bitsandbytes: pip install -e '.[gpu]'")
    whole, _ = load_student(chat_model)
    model = add_trained_lora(load_student(chat_model, QLORA)[0], QLORA)
    count = describe_model(model)
    assert count["parameters"] - count["trained_parameters"] == describe_model(whole)["parameters"]
    layer = "model.layers.0.mlp.up_proj"
    stored = model.get_submodule(f"base_model.model.{layer}").base_layer.weight
    assert stored.dtype == torch.uint8 and 2 * stored.numel() == whole.get_submodule(layer).weight.numel()
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.bfloat16()  # as TRL does

    class Trainer:
        def __init__(self) -> None:
            self.model = model

    assert {p.dtype for p in upcast_trained_weights(Trainer()).model.parameters() if p.requires_grad} == {torch.float32}
    result = merge_adapters(model, lambda: load_student(chat_model)[0])
    assert not hasattr(result.config, "quantization_config") and {p.dtype for p in result.parameters()} == {
        torch.float32
    }


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"student": {"base_model": "nano", "lora": {"quantised": True}}}, "large pretrained models"),
        (
            {"student": {"base_model": "a/b", "lora": {"quantised": True}}, "grpo": {"use_vllm": True}},
            "grpo.*use_vllm and lora.quantised cannot",
        ),
    ],
)
def test_unsupported_quantisation_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        Settings.load(None, changes)
