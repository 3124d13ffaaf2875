"""Settings of grpo_checkpoint: the RL run, its rewards and its alarms."""

from typing import Literal

from pydantic import Field, model_validator

from text2graph_dagster.settings.section import Section


class RewardWeights(Section):
    """Weights of the reward's components (docs/rewards.md)."""

    json_valid: float = Field(0.2, ge=0, description="the answer is exactly one JSON object of the right shape")
    format: float = Field(
        0.1, ge=0, description="one closed, non-empty think block before the JSON; with thinking only"
    )
    entity_f1: float = Field(1.0, ge=0, description="F1 of entities, by text and type")
    relation_f1: float = Field(2.0, ge=0, description="F1 of relations between predicted entities of the right types")
    spurious: float = Field(0.4, ge=0, description="penalty for relations that are not in gold, per gold relation")
    grounding: float = Field(0.5, ge=0, description="penalty for items whose text is not in the passage")
    schema_legal: float = Field(
        0.5,
        ge=0,
        description="penalty for items of an unrequested type, and relations with a wrong signature, head or tail",
    )
    verbosity: float = Field(0.25, ge=0, description="penalty for more items than gold has, plus one")


class CreditSettings(Section):
    """Partial credit in training; the metrics give none."""

    span: float = Field(
        0.5,
        ge=0,
        le=0.5,
        description="factor for an overlapping span of the right type; its credit is the factor times the token F1",
    )
    until: float = Field(
        0.5, ge=0, le=1, description="share of the steps, from the first, in which overlapping spans earn credit"
    )
    untidy: float = Field(
        0.5,
        ge=0,
        lt=1,
        description="share of the F1 rewards that an answer earns if it is readable but not exactly one JSON object",
    )


AlarmName = Literal["tiny_graphs", "length_drift", "entropy_collapse", "kl", "no_variance", "reward_without_f1"]


class AlarmSettings(Section):
    """Alarms that are checked during an RL run (docs/rewards.md)."""

    window: int = Field(5, ge=1, description="logged points that are averaged, at the start of the run and now")
    min_items: float = Field(0.3, ge=0, description="tiny_graphs: predicted items now, relative to the start")
    max_length_drift: float = Field(2.0, gt=1, description="length_drift: completion length now, relative to the start")
    min_entropy: float = Field(0.2, ge=0, description="entropy_collapse: entropy per token now, relative to the start")
    max_kl: float = Field(5.0, gt=0, description="kl: KL divergence from the SFT model, if beta is above 0")
    max_without_variance: float = Field(
        0.9, ge=0, le=1, description="no_variance: share of prompts whose completions all have the same reward"
    )
    max_dev_drop: float = Field(
        0.02, ge=0, description="reward_without_f1: drop of dev relation F1 below its best, while the reward rises"
    )
    min_component_rise: float = Field(
        0.02, ge=0, description="reward_without_f1: how far a reward component must have risen at the same time"
    )
    fatal: tuple[AlarmName, ...] = Field(
        ("tiny_graphs", "kl", "reward_without_f1"),
        description="alarms that stop the run; the best model on dev so far is kept",
    )


class GrpoSettings(Section):
    """Group-relative policy optimisation (docs/rewards.md)."""

    max_steps: int = Field(0, ge=0, description="optimizer steps; 0 keeps the SFT model: nano gains nothing from RL")
    prompts_per_step: int = Field(16, ge=1, description="prompts per optimizer step")
    generations: int = Field(8, ge=2, description="completions sampled per prompt")
    micro_batch: int = Field(
        64, ge=1, description="maximum completions per forward pass; a multiple of generations runs each prompt once"
    )
    learning_rate: float | None = Field(
        None, gt=0, description="null: 1e-4 for nano and scratch, 1e-6 for other models, 2e-5 with LoRA"
    )
    warmup_steps: int = Field(3, ge=0, description="steps in which the learning rate rises linearly")
    temperature: float = Field(1.0, gt=0, description="sampling temperature of completions")
    max_completion_length: int = Field(160, ge=8, description="maximum tokens of a completion")
    beta: float = Field(0.0, ge=0, description="weight of the KL divergence from the SFT model")
    epsilon: float = Field(0.2, gt=0, description="clipping range of the probability ratio, downwards")
    epsilon_high: float = Field(0.28, gt=0, description="clipping range of the probability ratio, upwards")
    loss_type: Literal["grpo", "dapo", "dr_grpo", "bnpo", "cispo", "sapo"] = Field(
        "dapo", description="how TRL aggregates the loss over tokens"
    )
    scale_rewards: Literal["group", "batch", "none"] = Field(
        "batch", description="rewards whose standard deviation divides the advantages; none: no division"
    )
    credit: CreditSettings = CreditSettings()
    max_empty_share: float = Field(0.35, ge=0, le=1, description="maximum share of prompts without a gold relation")
    weights: RewardWeights = RewardWeights()
    alarms: AlarmSettings = AlarmSettings()
    max_rollouts: int = Field(
        20_000, ge=0, description="maximum completions in the table rollouts, from evenly spaced steps"
    )
    generation_batch_size: int = Field(
        64, ge=1, description="completions that Transformers' generate writes at once; bounds the KV cache on a GPU"
    )
    use_vllm: bool = Field(False, description="sample with vLLM on the training GPU")
    save_steps: int = Field(10, ge=1, description="steps between two checkpoints to resume from")
    dev_checks: int = Field(3, ge=1, description="number of evaluations on dev; the best model is kept")
    min_gain: float = Field(
        0.01, ge=0, description="minimum gain of dev relation F1 over the SFT model; a smaller gain is mostly chance"
    )
    threads: int = Field(0, ge=0, description="processor cores; 0: all")

    @model_validator(mode="after")
    def _check_weights(self) -> "GrpoSettings":
        form, content = self.weights.json_valid + self.weights.format, self.weights.entity_f1 + self.weights.relation_f1
        if form >= (self.credit.untidy or 1.0) * content:
            raise ValueError(
                "json_valid and format together must have less weight than entity_f1 and relation_f1 together "
                "times credit.untidy: otherwise an empty answer in valid form beats a right one in invalid form"
            )
        return self
