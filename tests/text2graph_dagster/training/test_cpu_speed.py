"""Training in bfloat16 and with compiled layers: when, and with what result."""

import copy
from typing import Any

import pytest
import torch

from text2graph_dagster.inference import precision
from text2graph_dagster.settings import StudentSettings
from text2graph_dagster.training import cpu_speed
from text2graph_dagster.training.cpu_speed import speed_up_layers, uses_bfloat16
from text2graph_dagster.training.data.schedule import IGNORED
from text2graph_dagster.training.sft_trainer import answer_loss


@pytest.fixture
def llama() -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48}
    return LlamaForCausalLM(LlamaConfig(vocab_size=200, num_key_value_heads=2, **shape))


def batch() -> dict[str, torch.Tensor]:
    ids = torch.randint(5, 200, (3, 16), generator=torch.Generator().manual_seed(1))
    labels = ids.clone()
    labels[:, :7] = IGNORED
    labels[2, 12:] = IGNORED
    return {"input_ids": ids, "labels": labels}


@pytest.mark.parametrize(
    ("setting", "units", "parameters", "expected"),
    [
        ("auto", True, 0, True),
        ("auto", True, 10**12, False),  # the model is too small
        ("auto", False, 0, False),
        ("float32", True, 0, False),
        ("bfloat16", False, 10**12, True),
    ],
)
def test_bfloat16_is_used_where_it_is_faster(
    monkeypatch: pytest.MonkeyPatch, llama: Any, setting: str, units: bool, parameters: int, expected: bool
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(precision, "has_bfloat16_units", lambda: units)
    monkeypatch.setattr(precision, "_MIN_PARAMETERS", parameters)
    student = StudentSettings(base_model="org/model", precision=setting)  # type: ignore[arg-type]
    assert uses_bfloat16(llama, student) == expected


def test_compiled_layers_with_plain_attention_give_the_same_loss_and_gradients(
    monkeypatch: pytest.MonkeyPatch, llama: Any
) -> None:
    monkeypatch.setattr(precision, "_MIN_PARAMETERS", 0)
    fast, lines = copy.deepcopy(llama), []
    speed_up_layers(fast, longest=16, steps=1000, log=lines.append)
    assert fast.config._attn_implementation == "eager" and lines
    losses = [answer_loss(model, batch()) for model in (llama, fast)]
    for loss in losses:
        loss.backward()
    torch.testing.assert_close(*losses)
    for one, other in zip(llama.parameters(), fast.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-3, atol=1e-5)
    assert set(fast.state_dict()) == set(llama.state_dict())


def test_layers_are_not_compiled_without_a_compiler(monkeypatch: pytest.MonkeyPatch, llama: Any) -> None:
    def fail(*arguments: Any, **options: Any) -> Any:
        raise RuntimeError("no C++ compiler")

    monkeypatch.setattr(precision, "_MIN_PARAMETERS", 0)
    monkeypatch.setattr(cpu_speed.torch, "compile", fail)
    lines: list[str] = []
    speed_up_layers(llama, longest=16, steps=1000, log=lines.append)
    assert "no working C++ compiler" in lines[0] and "_compiled_call_impl" not in vars(llama.model.layers[0])


@pytest.mark.parametrize(("longest", "steps", "attention"), [(2000, 1000, "sdpa"), (16, 5, "eager")])
def test_long_rows_and_short_runs_are_not_compiled(
    monkeypatch: pytest.MonkeyPatch, llama: Any, longest: int, steps: int, attention: str
) -> None:
    monkeypatch.setattr(precision, "_MIN_PARAMETERS", 0)
    lines: list[str] = []
    speed_up_layers(llama, longest, steps, lines.append)
    assert llama.config._attn_implementation == attention and not lines
