"""Settings of filtered_dataset: from graphs to training examples."""

from typing import Literal

from pydantic import Field, model_validator

from text2graph_dagster.settings.section import Section


class DenoiseSettings(Section):
    """Denoising of distant supervision's labels; the thresholds are constants in dataset/denoising."""

    when: Literal["auto", "always", "never"] = Field(
        "auto", description="auto: those steps of denoising that raise F1 of the teacher's graphs on dev gold"
    )
    nli_model: str | None = Field(
        None,
        description="directory or hub name of an NLI classifier that confirms denoised relations; null: none",
    )
    min_entailment: float = Field(
        0.5, ge=0, le=1, description="entailment probability below which that classifier drops a denoised relation"
    )


class TaskShares(Section):
    """The tasks of examples, as relative shares of the passages."""

    both: float = Field(1.0, ge=0, description="entities and the relations between them")
    entities: float = Field(0.0, ge=0, description="entities only")
    relations: float = Field(0.0, ge=0, description="relations only; the entities are given")

    @model_validator(mode="after")
    def _check_sum(self) -> "TaskShares":
        if self.both + self.entities + self.relations <= 0:
            raise ValueError("give at least one task a share above 0")
        return self


class DatasetSettings(Section):
    """Which examples are made and what their prompts ask for (docs/instructions.md)."""

    thinking: bool = Field(False, description="put the verified rationale before the JSON")
    template: Literal["compact", "extract", "text"] = Field(
        "compact",
        description="prompt template; compact lists the types; extract suits chat models; text is the passage alone, "
        "for students of one ontology",
    )
    full_ontology_share: float = Field(
        1.0, ge=0, le=1, description="share of examples that ask for every type; instruction-tuned models need fewer"
    )
    shuffle_types: bool = Field(False, description="list the types in a new order per example")
    phrasings: bool = Field(True, description="vary the wording of instructions, where a template has several")
    hard_negatives: int = Field(
        1, ge=0, description="easily confused types added to a partial type list, per type that the passage states"
    )
    absent_share: float = Field(
        0.0, ge=0, le=1, description="share of passages that are asked only for types that they do not state"
    )
    empty_share: float = Field(0.25, ge=0, le=1, description="maximum share of examples with an empty answer")
    tasks: TaskShares = TaskShares()
    rarity_weight: float = Field(0.2, ge=0, le=1, description="weight of rare labels in an example's score")
    disjoint_entities: bool = Field(False, description="leave out passages that name an entity of a gold passage")
    mix: dict[str, float] = Field({}, description="weight of each corpus in training; corpora not named weigh 1")
    mix_temperature: float | None = Field(
        None,
        gt=0,
        description="corpora are weighted by size ** (1 / this); 1: by size, large: equally; null: use all examples",
    )
    gold_ngram: int = Field(
        13, ge=4, description="passages that share this many consecutive tokens with a gold passage are left out"
    )
    held_out_for_grpo: float = Field(
        0.0, ge=0, lt=1, description="share of examples held out from SFT for GRPO; 0: GRPO uses SFT's examples"
    )
    max_examples: int | None = Field(
        None, ge=1, description="maximum examples per corpus, chosen for quality and variety; null: no limit"
    )
    denoise: DenoiseSettings = DenoiseSettings()

    @model_validator(mode="after")
    def _check_template(self) -> "DatasetSettings":
        tasks = self.tasks.entities + self.tasks.relations
        if self.template == "text" and (self.full_ontology_share < 1 or self.absent_share or tasks):
            raise ValueError(
                "template: text lists no types, so that every example must ask for all of them: leave out "
                "full_ontology_share, absent_share and tasks, or choose another template"
            )
        return self
