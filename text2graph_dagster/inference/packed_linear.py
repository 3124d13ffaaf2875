"""Linear layers whose weights are stored in the order in which oneDNN, torch's CPU library, reads them.

`functional.linear` reorders the weights at every call, which takes up to half of the time of a call with few rows. The
operators are those that `torch.compile` uses for frozen models.
"""

import torch
from torch import Tensor
from torch.nn import functional

_MIN_PACKED = 300_000  # weights of a layer: `functional.linear` of a smaller one is faster than the operator
_ROWS_HINT = 64  # the layout is the same for any number of rows


class PackedLinear:
    """A linear layer (inputs → outputs) with a copy of the given weight, in the precision `dtype`."""

    def __init__(self, weight: Tensor, bias: Tensor | None, dtype: torch.dtype) -> None:
        """Copy `weight` (outputs, inputs) and `bias` (outputs,)."""
        self.dtype = dtype
        self._bias = None if bias is None else bias.to(dtype)
        self._packed = weight.numel() >= _MIN_PACKED and can_pack(dtype)
        copy = weight.detach().to(dtype, copy=not self._packed).contiguous()
        if self._packed:
            copy = torch.ops.mkldnn._reorder_linear_weight(copy, _ROWS_HINT)
        self._weight = copy

    def __call__(self, x: Tensor) -> Tensor:
        """Return the layer's output in its precision; x: (…, inputs) in any precision."""
        x = x.to(self.dtype)
        if self._packed:
            output: Tensor = torch.ops.mkldnn._linear_pointwise(x, self._weight, self._bias, "none", [], "")
            return output
        return functional.linear(x, self._weight, self._bias)


def can_pack(dtype: torch.dtype) -> bool:
    """Return whether this build of torch has oneDNN's packed layers, and for bfloat16 whether the processor has them.

    With AVX2 only, `functional.linear` computes in bfloat16, slowly, but the packed layers raise an error.
    """
    available: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    if not available or not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        return False
    return dtype == torch.float32 or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
