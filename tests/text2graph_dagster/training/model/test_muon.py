"""Muon's updates are semi-orthogonal, and its state can be saved and restored."""

import copy

import torch

from text2graph_dagster.training.model.muon import MuonAdamW, orthogonalise


def test_singular_values_are_near_one() -> None:
    matrices = torch.randn(3, 8, 24, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonalise(matrices))
    assert values.min() > 0.5 and values.max() < 1.5


def test_the_optimised_newton_schulz_steps_equal_the_published_formula() -> None:
    matrices = torch.randn(2, 6, 10, generator=torch.Generator().manual_seed(1))
    plain = matrices / matrices.norm(dim=(1, 2), keepdim=True)
    for _ in range(5):  # Jordan et al. 2024, as written there
        gram = plain @ plain.mT
        plain = 3.4445 * plain + (-4.7750 * gram + 2.0315 * gram @ gram) @ plain
    torch.testing.assert_close(orthogonalise(matrices), plain, atol=1e-5, rtol=1e-5)


def test_parameters_are_split_into_hidden_matrices_and_the_rest() -> None:
    model = torch.nn.Sequential(torch.nn.Embedding(5, 4), torch.nn.Linear(4, 6), torch.nn.Linear(6, 4))
    groups = {group["muon"]: group["params"] for group in MuonAdamW(model, 0.1).param_groups}
    assert [tuple(p.shape) for p in groups[True]] == [(6, 4), (4, 6)]
    assert sorted(tuple(p.shape) for p in groups[False]) == [(4,), (5, 4), (6,)]


def test_a_restored_state_takes_the_same_steps() -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.Tanh(), torch.nn.Linear(6, 1))
    inputs = torch.randn(16, 4)

    def steps(model: torch.nn.Module, optimizer: MuonAdamW, count: int) -> list[float]:
        losses = []
        for _ in range(count):
            optimizer.zero_grad()
            loss = (model(inputs) - inputs.sum(1, keepdim=True)).square().mean()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return losses

    optimizer = MuonAdamW(model, 0.05)
    steps(model, optimizer, 5)
    twin = copy.deepcopy(model)
    resumed = MuonAdamW(twin, 0.05)
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    losses = steps(model, optimizer, 30)
    assert steps(twin, resumed, 30) == losses
    assert losses[-1] < losses[0] / 2
