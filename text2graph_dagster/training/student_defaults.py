"""What the settings leave open, decided by the student: small students learn otherwise than large pretrained ones."""

from typing import Literal

from text2graph_dagster.settings import EMBEDDED, Settings, StudentSettings


def optimizer_of(settings: Settings) -> Literal["muon", "adamw"]:
    """Return the optimizer of supervised fine-tuning."""
    if settings.sft.optimizer != "auto":
        return settings.sft.optimizer
    return "muon" if settings.student.base_model in EMBEDDED else "adamw"


def name_augmentation_share(settings: Settings) -> float:
    """Return the share of examples that are taught with invented names; a pretrained model has names enough."""
    if settings.sft.name_augmentation_share is not None:
        return settings.sft.name_augmentation_share
    return 0.3 if settings.student.base_model in EMBEDDED else 0.0


def sft_rate(settings: Settings) -> float:
    """Return the learning rate of supervised fine-tuning."""
    return settings.sft.learning_rate or _by_student(settings.student, nano=6e-3, whole=2e-5, lora=2e-4)


def grpo_rate(settings: Settings) -> float:
    """Return the learning rate of reinforcement."""
    return settings.grpo.learning_rate or _by_student(settings.student, nano=1e-4, whole=1e-6, lora=2e-5)


def reward_model_rate(settings: Settings) -> float:
    """Return the learning rate of the reward model."""
    return settings.reward_model.learning_rate or _by_student(settings.student, nano=5e-4, whole=1e-5, lora=1e-4)


def _by_student(student: StudentSettings, *, nano: float, whole: float, lora: float) -> float:
    if student.lora:
        return lora
    return nano if student.base_model in EMBEDDED else whole
