"""Muon for the matrices and AdamW for the rest, as one optimizer, in float32.

Muon (Jordan et al., 2024) replaces a matrix's momentum by its nearest semi-orthogonal matrix, found with a
Newton-Schulz iteration. `torch.optim.Muon` (2.13) runs the iteration in bfloat16, one matrix at a time. This is less
exact, and slow on processors that have to emulate bfloat16. Here, all matrices of one shape go through one batched
product in float32.
"""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

_NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
_NEWTON_SCHULZ_STEPS = 5
_ADAM_BETAS = (0.9, 0.95)
_ADAM_EPSILON = 1e-8


def orthogonalise(matrices: Tensor) -> Tensor:
    """Return, for a stack (n, rows, columns) with rows <= columns, matrices with singular values near 1.

    Every Newton-Schulz step multiplies from the left by a polynomial of the Gram matrix, so the steps are accumulated
    in that smaller square matrix, and the matrix itself is multiplied once, at the end.
    """
    a, b, c = _NEWTON_SCHULZ
    x: Tensor = matrices / (matrices.norm(dim=(1, 2), keepdim=True) + 1e-7)
    gram = x @ x.mT

    def polynomial(gram: Tensor) -> Tensor:
        value = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        value.diagonal(dim1=1, dim2=2).add_(a)
        return value

    step = steps = polynomial(gram)
    for _ in range(_NEWTON_SCHULZ_STEPS - 1):
        gram = step @ gram @ step
        step = polynomial(gram)
        steps = step @ steps
    return steps @ x


class MuonAdamW(torch.optim.Optimizer):
    """Two parameter groups: hidden matrices under Muon, everything else under AdamW without weight decay.

    One learning rate serves both: a Muon update is scaled to the root mean square of an AdamW update (Moonlight,
    2025: 0.2 * sqrt(max(rows, columns))).
    """

    def __init__(self, model: nn.Module, lr: float, momentum: float = 0.95) -> None:
        hidden: list[nn.Parameter] = []
        rest: list[nn.Parameter] = []
        embedding = {id(m.weight) for m in model.modules() if isinstance(m, nn.Embedding)}
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                is_hidden = parameter.ndim == 2 and id(parameter) not in embedding and "lm_head" not in name
                (hidden if is_hidden else rest).append(parameter)
        groups = [{"params": hidden, "muon": True}, {"params": rest, "muon": False}]
        super().__init__([g for g in groups if g["params"]], {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Update every parameter that has a gradient."""
        loss = closure() if closure is not None else None
        for group in self.param_groups:
            (self._muon if group["muon"] else self._adamw)(group)
        return loss

    def _muon(self, group: dict[str, Any]) -> None:
        by_shape: dict[tuple[int, int], list[tuple[Tensor, Tensor]]] = defaultdict(list)
        for parameter in group["params"]:
            if parameter.grad is None:
                continue
            momentum = self.state[parameter].setdefault("momentum", torch.zeros_like(parameter))
            momentum.lerp_(parameter.grad, 1 - group["momentum"])
            update = parameter.grad.lerp(momentum, group["momentum"])  # Nesterov
            rows, columns = update.shape
            wide = update if rows <= columns else update.T
            by_shape[wide.shape[0], wide.shape[1]].append((parameter, wide))
        for (_, columns), items in by_shape.items():
            orthogonal = orthogonalise(torch.stack([update for _, update in items]))
            for (parameter, _), update in zip(items, orthogonal, strict=True):
                wide = parameter.shape[0] <= parameter.shape[1]
                parameter.add_(update if wide else update.T, alpha=-group["lr"] * 0.2 * columns**0.5)

    def _adamw(self, group: dict[str, Any]) -> None:
        first, second = _ADAM_BETAS
        for parameter in group["params"]:
            if parameter.grad is None:
                continue
            state = self.state[parameter]
            if not state:
                state.update(step=0, mean=torch.zeros_like(parameter), square=torch.zeros_like(parameter))
            state["step"] += 1
            state["mean"].lerp_(parameter.grad, 1 - first)
            state["square"].mul_(second).addcmul_(parameter.grad, parameter.grad, value=1 - second)
            scale = (state["square"] / (1 - second ** state["step"])).sqrt_().add_(_ADAM_EPSILON)
            parameter.addcdiv_(state["mean"], scale, value=-group["lr"] / (1 - first ** state["step"]))
