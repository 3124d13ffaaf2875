"""Defaults that depend on the student: optimizer, learning rates, steps, evaluations on dev, name augmentation.

If the settings leave one of these null, this file decides it: for a pretrained student (with or without LoRA) and for a
nano or scratch student. SFT's learning rate for pretrained students depends on their size, by a table of two rates:

- Full fine-tuning: 3e-4 at 135 million parameters (measured with SmolLM2-135M on CoNLL04 and the gazette; nothing else
  was tried), 2e-5 at 1.7 billion (ReasoningIE, Qwen3-1.7B). Encoder-decoders are trained at higher rates: 5e-4 for
  T5-base (TANL), 3e-4 for T5-large (UIE).
- LoRA: 5e-4 at 135 million parameters (not measured; rates in use are 3e-4 to 1e-3), 2e-4 from 600 million (rates in
  use are 5e-5 to 2e-4).

Between two sizes the rate is interpolated on logarithmic axes; beyond them it is constant. GRPO and the reward model
have one rate for all pretrained students, since we know no evidence for a rule.
"""

import math
from collections.abc import Mapping
from typing import Literal

from text2graph_dagster.settings import EMBEDDED, Settings, StudentSettings

# Number of parameters → SFT's learning rate.
_FULL_RATES = {135e6: 3e-4, 1.7e9: 2e-5}
_LORA_RATES = {135e6: 5e-4, 600e6: 2e-4}
_NANO_RATE = 6e-3


def choose_optimizer(settings: Settings) -> Literal["muon", "adamw"]:
    """Return SFT's optimizer."""
    if settings.sft.optimizer != "auto":
        return settings.sft.optimizer
    return "muon" if settings.student.base_model in EMBEDDED else "adamw"


def choose_name_augmentation_share(settings: Settings) -> float:
    """Return the share of examples that get invented names; 0 by default for pretrained models, which know names."""
    if settings.sft.name_augmentation_share is not None:
        return settings.sft.name_augmentation_share
    return 0.3 if settings.student.base_model in EMBEDDED else 0.0


def choose_sft_steps(settings: Settings) -> int:
    """Return SFT's number of optimizer steps: a budget of updates, whatever the number of examples."""
    return settings.sft.max_steps or (1600 if settings.student.base_model in EMBEDDED else 2000)


def choose_dev_checks(settings: Settings) -> int:
    """Return the number of evaluations on dev during SFT."""
    if settings.sft.dev_checks is not None:
        return settings.sft.dev_checks
    return 0 if settings.student.base_model in EMBEDDED else 8


def choose_sft_rate(settings: Settings, parameters: int) -> float:
    """Return SFT's learning rate for a model with this number of parameters, embeddings included."""
    if settings.sft.learning_rate is not None:
        return settings.sft.learning_rate
    if settings.student.lora:
        return interpolate_rate(parameters, _LORA_RATES)
    return _NANO_RATE if settings.student.base_model in EMBEDDED else interpolate_rate(parameters, _FULL_RATES)


def interpolate_rate(parameters: int, rates: Mapping[float, float]) -> float:
    """Return the learning rate of a model of this size, from those of a smaller and a larger model.

    >>> f"{interpolate_rate(500_000_000, {135e6: 3e-4, 1.7e9: 2e-5}):.1e}"
    '7.4e-05'
    """
    (small, rate), (large, other) = sorted(rates.items())
    share = math.log(parameters / small) / math.log(large / small)
    return float(rate * (other / rate) ** min(1.0, max(0.0, share)))


def choose_grpo_rate(settings: Settings) -> float:
    """Return GRPO's learning rate."""
    return settings.grpo.learning_rate or _choose_by_student(settings.student, nano=1e-4, full=1e-6, lora=2e-5)


def choose_reward_model_rate(settings: Settings) -> float:
    """Return the reward model's learning rate."""
    return settings.reward_model.learning_rate or _choose_by_student(settings.student, nano=5e-4, full=1e-5, lora=1e-4)


def _choose_by_student(student: StudentSettings, *, nano: float, full: float, lora: float) -> float:
    if student.lora:
        return lora
    return nano if student.base_model in EMBEDDED else full
