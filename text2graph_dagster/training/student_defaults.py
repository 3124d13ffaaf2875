"""Defaults that depend on the student: optimizer, learning rates, share of name augmentation.

If the settings leave a learning rate null, this file decides it: for a pretrained student (with or without LoRA) and
for a nano or scratch student.
"""

from typing import Literal

from text2graph_dagster.settings import EMBEDDED, Settings, StudentSettings


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


def choose_sft_rate(settings: Settings) -> float:
    """Return SFT's learning rate."""
    return settings.sft.learning_rate or _choose_by_student(settings.student, nano=6e-3, full=2e-5, lora=2e-4)


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
