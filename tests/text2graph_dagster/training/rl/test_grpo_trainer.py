"""The trainer's optimisation steps equal those of TRL's GRPOTrainer."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from trl import GRPOTrainer

from tests.text2graph_dagster.training import tiny_models
from text2graph_dagster.inference.loading import load_student, save_student
from text2graph_dagster.runtime.config import read_config
from text2graph_dagster.runtime.output_directory import OutputDirectory
from text2graph_dagster.runtime.reporting import Reporter
from text2graph_dagster.training.config import TrainingConfig
from text2graph_dagster.training.data.examples import read_examples
from text2graph_dagster.training.grpo import choose_examples, make_reward, make_trainer
from text2graph_dagster.training.model.adapters import add_lora
from text2graph_dagster.training.rl import shared_prompt
from text2graph_dagster.training.rl.grpo_trainer import LeanGRPOTrainer
from text2graph_dagster.training.rl.monitor import RunMonitor

PROMPTS, GENERATIONS = 3, 4


class Rewards:
    """Rewards that differ within each group except the last."""

    __name__ = "synthetic"

    def __call__(self, completions: Sequence[str], **others: Any) -> list[float]:
        assert len(completions) == PROMPTS * GENERATIONS
        return [float(i % 3) if i < len(completions) - GENERATIONS else 0.5 for i in range(len(completions))]


def take_step(kind: type[GRPOTrainer], changes: dict[str, Any], base: Path, folder: Path) -> tuple[Any, dict[str, Any]]:
    """Take one SGD step; return the weights and the log."""
    path = tiny_models.write_config(folder, "grpo", changes, base=str(base), dev=None)
    config = read_config(TrainingConfig, path)
    model, tokenizer = load_student(base)
    if config.settings.student.lora:
        model = add_lora(model, config.settings.student.lora, 0)
    output = OutputDirectory(config.output, "identity")
    output.open()
    examples = read_examples(config.train, config.settings)
    monitor = RunMonitor(config.settings.grpo.alarms)
    reward = make_reward(
        choose_examples(examples, tokenizer, config.settings), config.load_ontologies(), config.settings, None
    )
    trainer = make_trainer(model, tokenizer, reward, config.settings, output, Reporter(None), monitor)
    assert type(trainer) is LeanGRPOTrainer
    trainer.__class__ = kind
    trainer.reward_funcs, trainer.mask_truncated_completions, trainer.on_advantages = [Rewards()], False, None
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
        ({"micro_batch": 4, "loss_type": "dr_grpo"}, {}),  # all completions of the last forward pass have equal rewards
        ({"micro_batch": 6, "loss_type": "bnpo"}, {}),  # completions of a prompt are in different forward passes
        ({"micro_batch": 12, "loss_type": "grpo", "beta": 0.1}, {"lora": {"rank": 2}}),
    ],
)
def test_a_training_step_equals_that_of_trls_trainer(
    grpo: dict[str, Any], student: dict[str, Any], fine_tuned: Path, tmp_path: Path
) -> None:
    sizes = {"max_steps": 1, "warmup_steps": 0, "prompts_per_step": PROMPTS, "generations": GENERATIONS}
    changes = {"grpo": sizes | grpo, "student": student}
    expected, theirs = take_step(GRPOTrainer, changes, fine_tuned, tmp_path / "trl")
    weights, ours = take_step(LeanGRPOTrainer, changes, fine_tuned, tmp_path / "ours")
    assert theirs["reward"] == ours["reward"] and theirs["grad_norm"] > 1e-3
    assert ours["grad_norm"] == pytest.approx(theirs["grad_norm"], rel=1e-4)
    assert ours["loss"] == pytest.approx(theirs["loss"], abs=1e-5)
    assert ours["entropy"] == pytest.approx(theirs["entropy"], rel=0.2)  # estimated from the sampled tokens
    assert (weights - expected).abs().max() < 1e-5


def test_a_training_step_of_a_llama_model_equals_that_of_trls_trainer(
    fine_tuned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    _, tokenizer = load_student(fine_tuned)
    torch.manual_seed(3)
    shape = {"hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 6, "intermediate_size": 64}
    config = LlamaConfig(vocab_size=len(tokenizer), num_key_value_heads=2, tie_word_embeddings=True, **shape)
    save_student(LlamaForCausalLM(config), tokenizer, tmp_path / "base")
    monkeypatch.setattr(LlamaForCausalLM, "generate", None)  # the fast decoder samples
    sizes = {"max_steps": 1, "warmup_steps": 0, "prompts_per_step": PROMPTS, "generations": GENERATIONS}
    expected, theirs = take_step(GRPOTrainer, {"grpo": sizes}, tmp_path / "base", tmp_path / "trl")
    weights, ours = take_step(LeanGRPOTrainer, {"grpo": sizes}, tmp_path / "base", tmp_path / "ours")
    assert theirs["reward"] == ours["reward"] and theirs["grad_norm"] > 1e-3
    assert ours["grad_norm"] == pytest.approx(theirs["grad_norm"], rel=1e-4)
    assert (weights - expected).abs().max() < 1e-5


def test_each_prompt_is_computed_once_and_groups_of_equal_rewards_are_skipped(
    fine_tuned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes: list[torch.Size] = []
    pack_rows = shared_prompt.pack_rows

    def record_shape(*arguments: Any) -> shared_prompt.PackedRows:
        rows = pack_rows(*arguments)
        shapes.append(rows.ids.shape)
        return rows

    monkeypatch.setattr(shared_prompt, "pack_rows", record_shape)
    sizes = {"max_steps": 1, "prompts_per_step": PROMPTS, "generations": GENERATIONS, "micro_batch": 12}
    _, logged = take_step(LeanGRPOTrainer, {"grpo": sizes}, fine_tuned, tmp_path)
    assert logged["frac_reward_zero_std"] == pytest.approx(1 / PROMPTS)
    assert [shape[0] for shape in shapes] == [PROMPTS - 1]


def test_an_unsupported_model_uses_trls_forward_pass(
    fine_tuned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_prompt, "supports_shared_prompt", lambda model: False)
    monkeypatch.setattr(shared_prompt, "shared_prompt_logprobs", None)
    sizes = {"max_steps": 1, "warmup_steps": 0, "prompts_per_step": PROMPTS, "generations": GENERATIONS}
    expected, _ = take_step(GRPOTrainer, {"grpo": sizes}, fine_tuned, tmp_path / "trl")
    weights, _ = take_step(LeanGRPOTrainer, {"grpo": sizes}, fine_tuned, tmp_path / "ours")
    assert (weights - expected).abs().max() < 1e-5
