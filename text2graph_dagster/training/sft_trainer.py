"""TRL's SFT trainer with a faster loss: the output layer runs for the labelled tokens only, and without a mask."""

from collections.abc import Mapping
from typing import Any

from torch.nn import functional
from trl import SFTTrainer

from text2graph_dagster.training.data.schedule import IGNORED
from text2graph_dagster.training.trainer_setup import NoModelCard

_ARCHITECTURES = ("llama", "qwen2", "qwen3")  # their logits are the output layer of the last hidden state (tested)


class AnswerLossTrainer(NoModelCard, SFTTrainer):  # type: ignore[misc]
    """Uses `answer_loss` if it suits the model, else TRL's own loss, which has the same value."""

    def __init__(self, model: Any, **options: Any) -> None:
        self.has_answer_loss = has_answer_loss(model)
        super().__init__(model=model, **options)

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **kwargs: Any) -> Any:
        """Return the loss of a batch."""
        if not self.has_answer_loss:
            return super().compute_loss(model, inputs, return_outputs, **kwargs)
        with self.accelerator.autocast():
            loss = answer_loss(model, inputs, kwargs.get("num_items_in_batch"))
        return (loss, None) if return_outputs else loss


def has_answer_loss(model: Any) -> bool:
    """Return whether `answer_loss` computes the model's loss: a known architecture with full attention, on the CPU.

    On a GPU, the trainer may wrap the model, and TRL has its own means to save memory.
    """
    config = getattr(model, "config", None)
    if getattr(config, "model_type", "") not in _ARCHITECTURES or hasattr(model, "peft_config"):
        return False
    return not getattr(config, "use_sliding_window", False) and model.lm_head.weight.device.type == "cpu"


def answer_loss(model: Any, inputs: Mapping[str, Any], tokens: Any = None) -> Any:
    """Return the mean negative log-likelihood of the labelled tokens: TRL's loss, in about a third less time.

    Three of four tokens are prompt or padding, and the output layer of a small model costs as much as its other layers.
    Rows are padded on the right, so causal attention alone keeps padding away from every labelled token, and the
    attention mask can be left out.

    Args:
        inputs: `input_ids` and `labels` (rows, tokens), padded on the right.
        tokens: the number of labelled tokens in the whole step, if the step has several batches.
    """
    hidden = model.model(input_ids=inputs["input_ids"], use_cache=False).last_hidden_state[:, :-1]
    labels = inputs["labels"][:, 1:]
    labelled = labels != IGNORED
    logits = model.lm_head(hidden[labelled]).float()
    total = functional.cross_entropy(logits, labels[labelled], reduction="sum")
    return total / (labelled.sum() if tokens is None else tokens).clamp(min=1)
