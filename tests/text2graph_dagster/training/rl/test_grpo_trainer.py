"""Our trainer takes the step that TRL's takes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from trl import GRPOTrainer

from tests.text2graph_dagster.training import tiny_models
from text2graph_dagster.inference.loading import load_student
from text2graph_dagster.runtime.config import read_config
from text2graph_dagster.runtime.output_directory import OutputDirectory
from text2graph_dagster.runtime.reporting import Reporter
from text2graph_dagster.training.config import TrainingConfig
from text2graph_dagster.training.data.examples import read_examples
from text2graph_dagster.training.grpo import make_trainer
from text2graph_dagster.training.model.adapters import with_lora
from text2graph_dagster.training.rl import shared_prompt
from text2graph_dagster.training.rl.grpo_trainer import Trainer
from text2graph_dagster.training.rl.monitor import Watch

PROMPTS, GENERATIONS = 3, 4


class Rewards:
    """Differ within a group, but for the last one's."""

    __name__ = "made up"

    def __call__(self, completions: Sequence[str], **others: Any) -> list[float]:
        assert len(completions) == PROMPTS * GENERATIONS
        return [float(i % 3) if i < len(completions) - GENERATIONS else 0.5 for i in range(len(completions))]


def step(kind: type[GRPOTrainer], changes: dict[str, Any], base: Path, folder: Path) -> tuple[Any, dict[str, Any]]:
    """Take one step down the plain gradient; return the weights and what was logged."""
    path = tiny_models.write_config(folder, "grpo", changes, base=str(base), dev=None)
    config = read_config(TrainingConfig, path)
    model, tokenizer = load_student(base)
    if config.settings.student.lora:
        model = with_lora(model, config.settings.student.lora, 0)
    output = OutputDirectory(config.output, "identity")
    output.open()
    examples = read_examples(config.train, config.settings)
    alarms = Watch(config.settings.grpo.alarms)
    trainer = make_trainer(config, model, tokenizer, examples, config.load_ontologies(), output, Reporter(None), alarms)
    assert type(trainer) is Trainer
    trainer.__class__ = kind
    trainer.reward_funcs, trainer.mask_truncated_completions, trainer.keep = [Rewards()], False, None
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    trainer.optimizer = torch.optim.SGD(trained, lr=1.0)
    trainer.lr_scheduler = torch.optim.lr_scheduler.ConstantLR(trainer.optimizer, 1.0)
    torch.manual_seed(0)
    trainer.train()
    return torch.cat([p.detach().flatten() for p in trained]), trainer.state.log_history[0]


@pytest.mark.parametrize(
    ("grpo", "student"),
    [
        ({"micro_batch": 12}, {}),
        ({"micro_batch": 4, "loss_type": "dr_grpo"}, {}),  # the last pass holds nothing but equal rewards
        ({"micro_batch": 6, "loss_type": "bnpo"}, {}),  # prompts cannot be kept together
        ({"micro_batch": 12, "loss_type": "grpo", "beta": 0.1}, {"lora": {"rank": 2}}),
    ],
)
def test_a_step_is_trls(grpo: dict[str, Any], student: dict[str, Any], fine_tuned: Path, tmp_path: Path) -> None:
    sizes = {"max_steps": 1, "warmup_steps": 0, "prompts_per_step": PROMPTS, "generations": GENERATIONS}
    changes = {"grpo": sizes | grpo, "student": student}
    expected, theirs = step(GRPOTrainer, changes, fine_tuned, tmp_path / "trl")
    weights, ours = step(Trainer, changes, fine_tuned, tmp_path / "ours")
    assert theirs["reward"] == ours["reward"] and theirs["grad_norm"] > 1e-3
    assert ours["grad_norm"] == pytest.approx(theirs["grad_norm"], rel=1e-4)
    assert ours["loss"] == pytest.approx(theirs["loss"], abs=1e-5)
    assert ours["entropy"] == pytest.approx(theirs["entropy"], rel=0.2)  # estimated from what was drawn
    assert (weights - expected).abs().max() < 1e-5


def test_each_prompt_runs_once_and_equal_rewards_not_at_all(
    fine_tuned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes: list[torch.Size] = []
    lay_out = shared_prompt.lay_out

    def recorded(*arguments: Any) -> shared_prompt.Layout:
        layout = lay_out(*arguments)
        shapes.append(layout.ids.shape)
        return layout

    monkeypatch.setattr(shared_prompt, "lay_out", recorded)
    sizes = {"max_steps": 1, "prompts_per_step": PROMPTS, "generations": GENERATIONS, "micro_batch": 12}
    _, logged = step(Trainer, {"grpo": sizes}, fine_tuned, tmp_path)
    assert logged["frac_reward_zero_std"] == pytest.approx(1 / PROMPTS)
    assert [shape[0] for shape in shapes] == [PROMPTS - 1]


def test_a_model_that_does_not_fit_gets_trls_own_pass(
    fine_tuned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_prompt, "supports", lambda model: False)
    monkeypatch.setattr(shared_prompt, "score", None)
    sizes = {"max_steps": 1, "warmup_steps": 0, "prompts_per_step": PROMPTS, "generations": GENERATIONS}
    expected, _ = step(GRPOTrainer, {"grpo": sizes}, fine_tuned, tmp_path / "trl")
    weights, _ = step(Trainer, {"grpo": sizes}, fine_tuned, tmp_path / "ours")
    assert (weights - expected).abs().max() < 1e-5
