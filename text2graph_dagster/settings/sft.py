"""Settings of sft_checkpoint."""

from typing import Literal

from pydantic import Field

from text2graph_dagster.settings.section import Section


class SftSettings(Section):
    """Supervised fine-tuning (docs/students.md)."""

    max_steps: int = Field(1600, ge=1, description="optimizer steps; a student from scratch needs three times as many")
    batch_size: int = Field(16, ge=1, description="examples per optimizer step")
    micro_batch: int | None = Field(
        None, ge=1, description="maximum examples per forward pass, with the same result; null: the whole batch"
    )
    learning_rate: float | None = Field(
        None, gt=0, description="null: 6e-3 for nano and scratch, 2e-5 for other models, 2e-4 with LoRA"
    )
    optimizer: Literal["auto", "muon", "adamw"] = Field(
        "auto", description="auto: muon for nano and scratch, adamw for other models"
    )
    warmup_steps: int = Field(30, ge=0, description="steps in which the learning rate rises linearly")
    decay_share: float = Field(
        0.4, ge=0, le=1, description="share of the steps, at the end, in which the learning rate falls to 5 %"
    )
    curriculum_share: float = Field(
        0.3,
        ge=0,
        le=1,
        description="share of the steps, from the first, in which the maximum length of examples rises; 0: none",
    )
    name_augmentation_share: float | None = Field(
        None,
        ge=0,
        le=1,
        description="share of examples with invented names; null: 0.3 for nano and scratch, 0 for other models",
    )
    max_length: int = Field(512, ge=16, description="tokens; longer examples are left out and counted")
    save_steps: int = Field(200, ge=1, description="steps between two checkpoints to resume from")
    threads: int = Field(0, ge=0, description="processor cores; 0: all")
