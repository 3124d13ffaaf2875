"""Settings of the asset `reward_model`, which exists only if it is enabled."""

from pydantic import Field

from text2graph_dagster.settings.section import Section


class RewardModelSettings(Section):
    """A learned reward for passages whose graph is not trusted (docs/rewards.md)."""

    enabled: bool = Field(
        False, description="train a reward model; read when the code location is loaded, so a run cannot override it"
    )
    min_confidence: float = Field(
        0.9, ge=0, le=1, description="a graph with a relation of lower confidence is not trusted"
    )
    training_passages: int = Field(
        1000, ge=1, description="passages with a trusted graph to make pairs from; if there are fewer, they are reused"
    )
    samples: int = Field(4, ge=0, description="answers sampled from the SFT student per passage; 0: corruptions only")
    max_sampled_pairs: int = Field(3, ge=0, description="maximum pairs per passage that are made from sampled answers")
    held_out: float = Field(0.1, gt=0, lt=1, description="share of passages to evaluate on, if there is no dev gold")
    eval_passages: int = Field(200, ge=1, description="maximum passages on which pair accuracy is evaluated")
    max_steps: int = Field(300, ge=1, description="optimizer steps")
    batch_size: int = Field(16, ge=1, description="pairs per optimizer step")
    learning_rate: float | None = Field(
        None, gt=0, description="null: 5e-4 for nano and scratch, 1e-5 for other models, 1e-4 with LoRA"
    )
    warmup_steps: int = Field(20, ge=0, description="steps in which the learning rate rises linearly")
    save_steps: int = Field(100, ge=1, description="steps between two checkpoints to resume from")
    weight: float = Field(3.0, ge=0, description="weight of the model's score, which is from 0 to 1, in GRPO's reward")
    threads: int = Field(0, ge=0, description="processor cores; 0: all")
