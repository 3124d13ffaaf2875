"""TRL's GRPO trainer without unnecessary computation.

Its training steps are the same as TRL's (tested). If it does not support the model's architecture or the batch, TRL's
own methods are called.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from trl import GRPOTrainer

from text2graph_dagster.training.rl import shared_prompt
from text2graph_dagster.training.trainer_setup import NoModelCard

Batch = dict[str, Any]
_GROUPED = 3  # dimensions of completions in groups: (prompts, generations, tokens)
_NO_ADVANTAGE = 1e-6  # largest rounding error of an advantage in a group of equal rewards


class LeanGRPOTrainer(NoModelCard, GRPOTrainer):  # type: ignore[misc]
    """Computes a prompt once for all its completions, and skips completions that do not contribute to the gradient.

    Attributes:
        on_advantages: called with the step and the advantages of its completions in the order in which they were
            scored; with several processes, only the main one's.
        generation_batch_size: number of completions that `generate` samples at a time; None: all of a step.
    """

    on_advantages: Callable[[int, list[float]], None] | None = None
    generation_batch_size: int | None = None

    def _generate_single_turn(self, prompt_ids: Any, *others: Any, **named: Any) -> Any:
        """Call `generate` in smaller batches: its KV cache grows with the number of completions."""
        size, generate = self.generation_batch_size or len(prompt_ids), super()._generate_single_turn
        if self.use_vllm:
            return generate(prompt_ids, *others, **named)
        parts = (prompt_ids[start : start + size] for start in range(0, len(prompt_ids), size))
        return [ids for part in parts for ids in generate(part, *others, **named)[0]], None

    def _generate_and_score_completions(self, inputs: Any) -> Batch:
        """Return the batch with a prompt's completions in one row, since TRL shuffles rows, then splits the batch."""
        training = self.model.training
        batch: Batch = super()._generate_and_score_completions(inputs)
        if self.on_advantages and self.accelerator.is_main_process:
            self.on_advantages(self.state.global_step + 1, batch["advantages"].tolist())
        groups, odd = divmod(len(batch["completion_ids"]), self.num_generations)
        if not training or odd:
            return batch
        # TRL tests the deviation that it divides by, so with that of the whole batch it would find no such group.
        equal = (batch["advantages"].view(groups, -1).abs() <= _NO_ADVANTAGE).all(1)
        self._metrics["train"]["frac_reward_zero_std"][-1] = equal.float().mean().item()
        if groups % self.args.steps_per_generation:
            return batch
        return {name: _map_tensor(value, lambda x: x.unflatten(0, (groups, -1))) for name, value in batch.items()}

    def _compute_loss(self, model: Any, inputs: Batch) -> Tensor:
        """Return TRL's loss with completions of zero advantage masked, like truncated ones."""
        if inputs["completion_ids"].dim() == _GROUPED:
            inputs = {name: _map_tensor(value, lambda x: x.flatten(0, 1)) for name, value in inputs.items()}
        mask, sampled = inputs["completion_mask"], inputs.get("sampling_per_token_logps")
        if sampled is None or not self._depends_on_advantages_only():
            return super()._compute_loss(model, inputs)  # type: ignore[no-any-return]
        live = mask * (inputs["advantages"].abs() > _NO_ADVANTAGE).unsqueeze(1)
        loss: Tensor = super()._compute_loss(model, inputs | {"completion_mask": live if live.any() else mask})
        if mask.any():  # estimate the entropy from all sampled tokens, not the unmasked ones only
            mode = "train" if self.model.training else "eval"
            self._metrics[mode]["entropy"][-1] = -sampled[mask.bool()].nanmean().item()
        return loss

    def _depends_on_advantages_only(self) -> bool:
        """Tell whether a completion of zero advantage changes neither the loss nor its normaliser."""
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
        fits = (
            plain is model
            and shared_prompt.supports_shared_prompt(plain)
            and not any(value is not False for value in images)
        )
        if not fits or not all(attention_mask[part, split:].any() for part in parts):
            return super()._get_per_token_logps_and_entropies(  # type: ignore[no-any-return]
                model, input_ids, attention_mask, logits_to_keep, batch_size, compute_entropy, **others
            )
        with self.accelerator.autocast():
            scored = [
                shared_prompt.shared_prompt_logprobs(
                    model, input_ids[part, :split], input_ids[part, split:], attention_mask[part]
                )
                for part in parts
            ]
        entropies = torch.cat([entropy for _, entropy in scored if entropy is not None]) if compute_entropy else None
        return torch.cat([log_probabilities for log_probabilities, _ in scored]), entropies, None


def _map_tensor(value: Any, change: Any) -> Any:
    """Apply `change` to a tensor; return scalars and None unchanged."""
    return change(value) if isinstance(value, Tensor) and value.dim() else value
