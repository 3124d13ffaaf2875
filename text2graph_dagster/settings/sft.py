"""Settings of sft_checkpoint."""

from typing import Literal

from pydantic import Field

from text2graph_dagster.settings.section import Section


class SftSettings(Section):
    """Supervised fine-tuning (docs/students.md)."""

    max_steps: int | None = Field(
        None,
        ge=1,
        description="optimizer steps; null: 1,600 for nano and scratch (which needs three times as many), 2,000 for "
        "other models",
    )
    annotated_repeats: int = Field(
        1, ge=1, description="how many times as often annotated examples are drawn as those that a teacher labelled"
    )
    batch_size: int = Field(16, ge=1, description="examples per optimizer step")
    micro_batch: int | None = Field(
        None, ge=1, description="maximum examples per forward pass, with the same result; null: the whole batch"
    )
    learning_rate: float | None = Field(
        None,
        gt=0,
        description="null: 6e-3 for nano and scratch; other models by size: 3e-4 up to 135 million parameters, falling "
        "to 2e-5 at 1.7 billion; with LoRA 5e-4, falling to 2e-4 at 600 million",
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
    dev_checks: int | None = Field(
        None,
        ge=0,
        description="evaluations on dev during training, evenly spaced, the last one after the last step; the model "
        "with the best relation F1 is kept. 0: the last model is kept; null: 0 for nano and scratch, 8 otherwise",
    )
    dev_check_examples: int = Field(
        250, ge=1, description="maximum dev passages of such an evaluation, the same each time; fewer are faster"
    )
    patience: int | None = Field(
        4, ge=1, description="evaluations without a better relation F1 after which training stops; null: it never does"
    )
    save_steps: int = Field(200, ge=1, description="steps between two checkpoints to resume from")
    threads: int = Field(0, ge=0, description="processor cores; 0: all")
