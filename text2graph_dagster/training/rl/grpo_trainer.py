"""TRL's trainer for group-relative policy optimisation, with only what each step needs computed.

It overrides methods of TRL's own; the step that is taken is TRL's (a test), for less. Where a model or a batch does not
fit, TRL's own is called.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from trl import GRPOTrainer

from text2graph_dagster.training.rl import shared_prompt

Batch = dict[str, Any]
_GROUPED = 3  # dimensions of completions in groups: (prompts, generations, tokens)
_NO_ADVANTAGE = 1e-6  # what rounding leaves of the advantage in a group of equal rewards


class Trainer(GRPOTrainer):  # type: ignore[misc]
    """Runs a prompt once for all its completions, and completions without a say in the gradient not at all.

    `keep` is told the step and the advantages of its completions, in the order in which they were scored; where several
    processes share a step, those of the first. `generation_batch_size`: completions that `generate` writes at a time.
    """

    keep: Callable[[int, list[float]], None] | None = None
    generation_batch_size: int | None = None  # all of a step

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """Checkpoints are nobody's model: the card is written for the finished one."""

    def _generate_single_turn(self, prompt_ids: Any, *others: Any, **named: Any) -> Any:
        """Let `generate` write some after the others: it keeps the keys and values of all that it writes at a time."""
        size, write = self.generation_batch_size or len(prompt_ids), super()._generate_single_turn
        if self.use_vllm:
            return write(prompt_ids, *others, **named)
        parts = (prompt_ids[start : start + size] for start in range(0, len(prompt_ids), size))
        return [ids for part in parts for ids in write(part, *others, **named)[0]], None

    def _generate_and_score_completions(self, inputs: Any) -> Batch:
        """Return the batch with the completions of a prompt in one row: TRL shuffles rows, then parts the batch."""
        training = self.model.training
        batch: Batch = super()._generate_and_score_completions(inputs)
        if self.keep and self.accelerator.is_main_process:
            self.keep(self.state.global_step + 1, batch["advantages"].tolist())
        groups, odd = divmod(len(batch["completion_ids"]), self.num_generations)
        if not training or odd:
            return batch
        # TRL looks at the deviation that it divides by, which is never 0 when that is the whole batch's.
        alike = (batch["advantages"].view(groups, -1).abs() <= _NO_ADVANTAGE).all(1)
        self._metrics["train"]["frac_reward_zero_std"][-1] = alike.float().mean().item()
        if groups % self.args.steps_per_generation:
            return batch
        return {name: _each(value, lambda x: x.unflatten(0, (groups, -1))) for name, value in batch.items()}

    def _compute_loss(self, model: Any, inputs: Batch) -> Tensor:
        """Return TRL's loss; completions that cannot move it are masked, like those that were cut off."""
        if inputs["completion_ids"].dim() == _GROUPED:
            inputs = {name: _each(value, lambda x: x.flatten(0, 1)) for name, value in inputs.items()}
        mask, drawn = inputs["completion_mask"], inputs.get("sampling_per_token_logps")
        if drawn is None or not self._moved_by_advantages_only():
            return super()._compute_loss(model, inputs)  # type: ignore[no-any-return]
        live = mask * (inputs["advantages"].abs() > _NO_ADVANTAGE).unsqueeze(1)
        loss: Tensor = super()._compute_loss(model, inputs | {"completion_mask": live if live.any() else mask})
        if mask.any():  # entropy is what a drawn token's surprise amounts to on average: known of all tokens
            mode = "train" if self.model.training else "eval"
            self._metrics[mode]["entropy"][-1] = -drawn[mask.bool()].nanmean().item()
        return loss

    def _moved_by_advantages_only(self) -> bool:
        """Tell whether a completion without advantage adds nothing to the loss, nor to what it is divided by."""
        others = self.beta or self._entropy_bonus_enabled or self.aux_loss_enabled or self.top_entropy_quantile < 1
        return not others and self.loss_type != "bnpo"

    def _get_per_token_logps_and_entropies(
        self,
        model: Any,
        input_ids: Tensor,
        attention_mask: Tensor,
        logits_to_keep: int,
        batch_size: int | None = None,
        compute_entropy: bool = False,
        **others: Any,
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        size, split = batch_size or len(input_ids), input_ids.shape[1] - logits_to_keep
        parts = [slice(start, start + size) for start in range(0, len(input_ids), size)]
        plain, images = self.accelerator.unwrap_model(model), [value for value in others.values() if value is not None]
        fits = plain is model and shared_prompt.supports(plain) and not any(value is not False for value in images)
        if not fits or not all(attention_mask[part, split:].any() for part in parts):
            return super()._get_per_token_logps_and_entropies(  # type: ignore[no-any-return]
                model, input_ids, attention_mask, logits_to_keep, batch_size, compute_entropy, **others
            )
        with self.accelerator.autocast():
            scored = [
                shared_prompt.score(model, input_ids[part, :split], input_ids[part, split:], attention_mask[part])
                for part in parts
            ]
        entropies = torch.cat([entropy for _, entropy in scored if entropy is not None]) if compute_entropy else None
        return torch.cat([log_probabilities for log_probabilities, _ in scored]), entropies, None


def _each(value: Any, change: Any) -> Any:
    """Change a tensor of completions; a number, or nothing, stays as it is."""
    return change(value) if isinstance(value, Tensor) and value.dim() else value
