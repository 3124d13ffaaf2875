"""Thresholds of all gates."""

from pydantic import Field

from text2graph_dagster.settings.section import Section


class GateSettings(Section):
    """The thresholds of gates (docs/architecture.md)."""

    raw_corpus_max_quarantined: float = Field(0.2, description="share of documents")
    raw_corpus_max_gold_quarantined: float = Field(0.1, description="share of gold documents")
    raw_corpus_min_language: float = Field(0.8, description="share of passages in the corpus's most frequent language")
    raw_corpus_max_duplicates: float = Field(0.5, description="share of passages that are duplicates")
    teacher_min_answered: float = Field(0.95, description="share of passages with a graph")
    teacher_min_grounded: float = Field(1.0, description="share of entities whose every mention is in the passage")
    teacher_min_in_ontology: float = Field(1.0, description="share of entities and relations of a known type")
    teacher_min_signatures: float = Field(1.0, description="share of relations whose head and tail have allowed types")
    teacher_min_entropy: float = Field(0.3, description="normalised entropy of the relation types, from 0 to 1")
    teacher_min_agreement: float = Field(
        0.5, description="mean relation F1 between the graphs of a passage, if it has several"
    )
    traces_min_verified: float = Field(0.8, description="share of rationales from which the verifier derives the graph")
    traces_max_leaks: float = Field(0.0, description="share of rationales that contain the answer's JSON")
    dataset_min_examples: int = Field(50, description="number of training examples")
    dataset_min_examples_per_type: int = Field(5, description="examples for a relation type to count as covered")
    dataset_min_covered: float = Field(0.5, description="share of covered relation types among those that occur")
    dataset_max_empty: float = Field(0.6, description="share of examples without a relation")
    sft_min_loss_drop: float = Field(
        0.2, description="relative drop of the loss from the first to the last tenth of the run"
    )
    sft_max_too_long: float = Field(0.05, description="share of examples that were too long to train on")
    sft_min_parse_rate: float = Field(0.9, description="share of dev answers that can be parsed")
    sft_min_stopped: float = Field(0.9, description="share of dev answers that end with the EOS token")
    reward_model_min_accuracy: float = Field(
        0.6, description="lower end of the 95 % interval of pair accuracy; 0.5 is chance"
    )
    grpo_max_dev_loss: float = Field(0.01, description="drop of dev relation F1 below SFT's")
    grpo_triple_ratio: tuple[float, float] = Field(
        (0.5, 2.0), description="minimum and maximum of predicted relations per gold relation on dev"
    )
    grpo_max_empty_rise: float = Field(0.2, description="rise of the share of empty answers over SFT's")
    grpo_max_length_ratio: float = Field(2.0, description="mean length of dev answers relative to SFT's")
    grpo_max_kl: float = Field(
        5.0, description="mean KL divergence from the SFT model in the last tenth of the run, if it is measured"
    )
    report_max_regression: float = Field(
        0.0, description="how far the upper end of relation F1's interval may be below the last accepted report's F1"
    )
