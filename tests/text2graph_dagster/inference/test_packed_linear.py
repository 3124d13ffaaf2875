"""A packed layer computes what `functional.linear` computes."""

import pytest
import torch
from torch.nn import functional

from text2graph_dagster.inference import packed_linear
from text2graph_dagster.inference.packed_linear import PackedLinear


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("biased", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_it_equals_functional_linear(
    dtype: torch.dtype, biased: bool, packed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packed_linear, "_MIN_PACKED", 0 if packed else 10**9)
    torch.manual_seed(0)
    weight, bias = torch.randn(70, 33), torch.randn(70) if biased else None
    layer = PackedLinear(weight, bias, dtype)
    for shape in ((1, 33), (5, 33), (2, 130, 33)):
        x = torch.randn(shape)
        expected, tolerance = functional.linear(x, weight, bias), 1e-4 if dtype == torch.float32 else 0.25
        assert layer(x).dtype == dtype and layer(x).shape == expected.shape
        assert (layer(x) - expected).abs().max() < tolerance


def test_a_build_without_onednn_is_supported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    monkeypatch.setattr(packed_linear, "_MIN_PACKED", 0)
    assert (PackedLinear(torch.ones(4, 8), None, torch.float32)(torch.ones(2, 8)) == 8).all()


@pytest.mark.parametrize("packed", [True, False])
def test_it_is_a_copy(packed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed_linear, "_MIN_PACKED", 0 if packed else 10**9)
    weight, x = torch.ones(4, 8), torch.ones(2, 8)
    layer = PackedLinear(weight, None, torch.float32)
    weight.zero_()
    assert (layer(x) == 8).all()
