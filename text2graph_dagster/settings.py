"""Every knob and every threshold, once, with its default for the local profile.

A YAML file named by `TEXT2GRAPH_CONFIG` overrides what it mentions; a run's configuration (`resources.settings`)
overrides both. Unknown keys are refused, so that a misspelt threshold cannot pass unnoticed.
"""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from text2graph_dagster.errors import UserError
from text2graph_dagster.graph.wire import WireForm

NANO, SCRATCH = "nano", "scratch"
EMBEDDED = (NANO, SCRATCH)  # base models that come with the project: no download, one architecture


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class QualitySettings(_Section):
    """What is not worth learning from (corpus/text/text_quality.py); 1 switches a limit off, 0 a least."""

    min_document_tokens: int = Field(2, ge=0, description="a shorter document is quarantined")
    max_repeated_lines: float = Field(0.3, ge=0, le=1, description="share of characters in lines that repeat others")
    max_repeated_runs: float = Field(0.5, ge=0, le=1, description="share of tokens in runs of ten that repeat others")
    max_list_lines: float = Field(0.95, ge=0, le=1, description="share of lines that are list items or table rows")
    max_symbols: float = Field(0.5, ge=0, le=1, description="share of a passage that is no letter, digit or blank")
    min_distinct_words: float = Field(0.2, ge=0, le=1, description="share of a passage's words that are different")


class CorpusSettings(_Section):
    """raw_corpus: from files to passages."""

    passage_tokens: int = Field(
        32, ge=8, description="budget of a passage, in words and punctuation marks; short ones suit a nano student"
    )
    overlap_sentences: int = Field(
        0, ge=0, description="sentences of a passage that the next one repeats; never in gold, and never all of them"
    )
    max_document_bytes: int = Field(20_000_000, ge=1_000, description="larger files are quarantined")
    max_page_bytes: int = Field(5_000_000, ge=1_000, description="the same for web pages, which take longer")
    max_expansion: int = Field(200, ge=1, description="bytes that a byte of a compressed file may become")
    max_reading_seconds: float = Field(60.0, gt=0, description="a PDF that takes longer is quarantined")
    text_field: str = Field("text", min_length=1, description="the field or column of a row that holds its text")
    max_passage_characters: int = Field(4_000, ge=200, description="a longer sentence is split at white space")
    quality: QualitySettings = QualitySettings()
    blocklist: Path | None = Field(None, description="a file of terms; passages that hold one are quarantined")
    near_duplicate_jaccard: float = Field(0.8, gt=0, le=1, description="similarity of 5-character shingles")


class ServerSettings(_Section):
    """A vLLM server that a step starts for itself and ends after asking (resources/vllm.py); see docs/teachers.md."""

    python: str = Field("", description="the interpreter whose environment has vLLM; empty: the pipeline's own")
    weights: str = Field("", description="a model directory or hub name; empty: the model's name is one")
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = "auto"
    tensor_parallel_size: int = Field(1, ge=1, description="GPUs that share one copy of the model")
    gpu_memory_utilization: float = Field(0.9, gt=0, le=1, description="share of each GPU's memory")
    max_model_len: int | None = Field(None, ge=64, description="tokens of prompt and answer; none: the model's limit")
    prefix_caching: bool = Field(True, description="keep what prompts have in common: every prompt lists the ontology")
    speculative: dict[str, Any] = Field({}, description="vLLM's speculative_config, e.g. {method: ngram, …}")
    extra_args: list[str] = Field([], description="further options of the server, as on its command line")
    env: dict[str, str] = Field({}, description="variables for the server; no secrets, they belong in pass_env")
    pass_env: list[str] = Field([], description="names of variables that the server may have besides the usual ones")
    start_seconds: float = Field(1800.0, gt=0, description="how long loading the model may take")
    grace_seconds: float = Field(20.0, ge=0, description="how long the server may take to end before it is killed")


class _CallSettings(_Section):
    """How a model behind an endpoint is asked (kind: chat), and what that may cost in one run."""

    base_url: str = Field("http://127.0.0.1:8000/v1", description="an OpenAI-compatible endpoint")
    model: str = Field("", description="the model's name at the endpoint")
    server: ServerSettings | None = Field(None, description="start this server; none: base_url answers already")
    concurrency: int = Field(64, ge=1, description="calls under way at once, at most; begins low")
    more_base_urls: tuple[str, ...] = Field((), description="endpoints that serve the same model and share the load")
    retries: int = Field(8, ge=0, description="tries after the first of a call that meets an overload or a fault")
    backoff_seconds: float = Field(0.5, ge=0, description="wait before the first of them, then twice as long each time")
    retry_max_tokens: int = Field(
        4096, ge=16, description="an answer that was cut off is asked again with twice max_tokens, up to this"
    )
    prompt_price: float = Field(0.0, ge=0, description="price of a million tokens sent, in any one currency")
    completion_price: float = Field(0.0, ge=0, description="price of a million tokens received")
    max_tokens_total: int | None = Field(None, ge=1, description="a run stops before it takes more tokens")
    max_cost: float | None = Field(None, gt=0, description="a run stops before it costs more")


class VoteSettings(_Section):
    """How several graphs of one passage become the one that is taught (teachers/voting.py)."""

    keep_above: float = Field(
        0.5, ge=0, lt=1, description="what more than this share of the votes' weight says is kept; 0.5: a majority"
    )
    quorum: float = Field(
        0.5, ge=0, le=1, description="share of the votes' weight that must have answered; else there is no graph"
    )


class TeacherSettings(_CallSettings):
    """teacher_graphs: who writes the graphs. The endpoint's key comes from the environment only."""

    kind: Literal["knowledge_base", "chat"] = "knowledge_base"
    temperature: float = Field(0.0, ge=0)
    max_tokens: int = Field(1024, ge=16)
    timeout_seconds: float = Field(120.0, gt=0)
    samples: int = Field(1, ge=1, description="graphs asked for per passage; several are voted on")
    weight: float = Field(1.0, gt=0, description="what each of its graphs weighs in the vote")
    label_similarity: float = Field(
        0.85,
        gt=0,
        le=1,
        description="how like a type's name or alias a label must be to be read as it; 1: never (chat)",
    )
    vote: VoteSettings = VoteSettings()
    panel: tuple["TeacherSettings", ...] = Field((), description="further teachers, who vote beside this one")

    @model_validator(mode="after")
    def _one_panel(self) -> "TeacherSettings":
        if any({"panel", "vote"} & member.model_fields_set for member in self.panel):
            raise ValueError("a member of the panel has no panel and no vote of its own: set them in `teacher`")
        return self


class ReasonerSettings(_CallSettings):
    """cot_traces: who writes the thinking."""

    kind: Literal["composed", "chat"] = "composed"
    temperature: float = Field(0.6, ge=0)
    max_tokens: int = Field(2048, ge=16)
    timeout_seconds: float = Field(300.0, gt=0)
    fallback: Literal["none", "composed"] = Field(
        "none", description="what takes the place of a rationale that the verifier rejects"
    )
    least_characters: int = Field(20, ge=0, description="a shorter rationale of a model is rejected")
    most_characters: int = Field(8_000, ge=1, description="so is a longer one")
    most_repeats: int = Field(3, ge=1, description="so is one that says a sentence more often")
    blind: TeacherSettings | None = Field(
        None, description="a teacher that is shown a model's rationale in the passage's place and must find its graph"
    )
    blind_least_f1: float = Field(0.8, ge=0, le=1, description="F1 of entities and triples that it must reach")


class DenoiseSettings(_Section):
    """Mending distant supervision's labels (dataset/denoising/denoiser.py).

    Figures were chosen on the gazette's dev gold, `most_fact_weight` on two folds of KnowledgeNet.
    """

    when: Literal["auto", "always", "never"] = Field(
        "auto",
        description="auto: as far as F1 of the teacher's graphs on dev gold rises by it",
    )
    least_dev_relations: int = Field(
        50, ge=1, description="auto: fewer relations in dev gold do not tell, and labels are mended"
    )
    least_gain: float = Field(0.005, ge=0, description="auto: a rise of F1 by no more than this is no ground to mend")
    keep_above: float = Field(0.53, ge=0, le=1, description="a relation less likely than this is dropped, others added")
    least_fact_weight: float = Field(
        0.85, ge=0, description="what a fact of the knowledge base adds at least to the log-odds of its statement"
    )
    most_fact_weight: float = Field(
        4.0, ge=0, description="what it adds at most, where each fact's names stand together in one passage only"
    )
    rounds: int = Field(2, ge=1, description="how often labels are mended, each time with what the mended ones taught")
    least_labels: int = Field(40, ge=1, description="no words are learnt for a relation with fewer labels")
    least_explained: float = Field(
        0.2,
        ge=0,
        le=1,
        description="so is one where labelled pairs are not more likely than others by this, judged by their words",
    )
    least_explained_by_cues: float = Field(
        0.07, ge=0, le=1, description="below this, such relations' labels are dropped where no cue speaks for them"
    )
    least_doubted: int = Field(120, ge=1, description="fewer such labels in all are no ground for doubt, and left")
    learn_from: int = Field(60_000, ge=1, description="most passages that are learnt from; the others are judged only")
    nli_model: str | None = Field(
        None,
        description="directory or hub name of a classifier that judges each mended relation",
    )
    least_entailment: float = Field(
        0.5, ge=0, le=1, description="mended relations that their passage entails with less are dropped"
    )


class TaskShares(_Section):
    """What examples ask for, in proportion; each is a share of the passages."""

    both: float = Field(1.0, ge=0, description="entities and the relations between them")
    entities: float = Field(0.0, ge=0, description="entities only")
    relations: float = Field(0.0, ge=0, description="relations only: the entities are given")

    @model_validator(mode="after")
    def _asks_for_something(self) -> "TaskShares":
        if self.both + self.entities + self.relations <= 0:
            raise ValueError("give at least one task a share above 0")
        return self


class DatasetSettings(_Section):
    """filtered_dataset: from graphs to training examples."""

    thinking: bool = Field(False, description="put the verified rationale before the JSON")
    template: Literal["compact", "extract"] = Field("compact", description="the prompt; 'extract' suits chat models")
    full_ontology_share: float = Field(
        1.0, ge=0, le=1, description="examples that ask for every type; a model that follows instructions needs fewer"
    )
    shuffle_types: bool = Field(False, description="list the types in a new order per example, not the ontology's")
    phrasings: bool = Field(True, description="word instructions in several ways, where a template has several")
    hard_negatives: int = Field(
        1, ge=0, description="a list of some types holds so many that the corpus confuses with each stated one"
    )
    absent_share: float = Field(0.0, ge=0, le=1, description="passages that are asked only for what they do not state")
    empty_share: float = Field(0.25, ge=0, le=1, description="at most this share of examples with an empty answer")
    tasks: TaskShares = TaskShares()
    rarity_weight: float = Field(0.2, ge=0, le=1, description="how much of an example's score is its labels' rarity")
    disjoint_entities: bool = Field(False, description="leave out passages that name an entity of a gold passage")
    mix: dict[str, float] = Field({}, description="weights of corpora in training; one that is not named weighs 1")
    mix_temperature: float | None = Field(
        None, gt=0, description="weigh corpora by their size to the power of 1/this: 1 as they are, large: all alike"
    )
    gold_ngram: int = Field(
        13, ge=4, description="a shared run of so many tokens with a gold passage removes a passage"
    )
    held_for_grpo: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="share of the examples that SFT does not see; where there are none GRPO takes SFT's",
    )
    max_examples: int | None = Field(
        None, ge=1, description="keep so many examples per corpus, good ones and unlike each other"
    )
    denoise: DenoiseSettings = DenoiseSettings()


class LoraSettings(_Section):
    """Low-rank adapters instead of full fine-tuning (Hu et al. 2021)."""

    rank: int = Field(16, ge=1)
    alpha: int = Field(32, ge=1)
    dropout: float = Field(0.0, ge=0, lt=1)
    quantised: bool = Field(
        False, description="hold the model's own weights in four bits while adapters are trained (QLoRA); needs a GPU"
    )


class StudentSettings(_Section):
    """The model that is trained."""

    base_model: str = Field(
        NANO,
        description="'nano' (the small base that comes with the project), 'scratch' (a model like it, untrained), "
        "a model directory, or a hub name",
    )
    wire: WireForm | Literal["auto"] = Field(
        "auto",
        description="the JSON the student writes; auto: 'indexed' (ends as numbers) for nano and scratch, else public",
    )
    lora: LoraSettings | None = None
    dev_examples: int = Field(700, ge=1, description="gold dev passages on which each stage is measured, at most")
    context: int = Field(512, ge=64, description="tokens that a nano or a student from scratch reads and writes")
    hidden_size: int = Field(128, ge=8, description="scratch only, like the following")
    layers: int = Field(4, ge=1)
    heads: int = Field(2, ge=1)
    kv_heads: int = Field(2, ge=1)
    mlp_size: int = Field(384, ge=8)
    vocabulary: int = Field(2048, ge=300, description="byte-level BPE, the skeleton and the type names not counted")

    @model_validator(mode="after")
    def _heads_fit(self) -> "StudentSettings":
        if self.hidden_size % (2 * self.heads) or self.heads % self.kv_heads:
            raise ValueError("hidden_size must be a multiple of 2 x heads, and heads one of kv_heads")
        return self

    @model_validator(mode="after")
    def _is_worth_quantising(self) -> "StudentSettings":
        if self.base_model in EMBEDDED and self.lora and self.lora.quantised:
            raise ValueError("lora.quantised is for large pretrained models: leave it out, or name one as base_model")
        return self

    @model_validator(mode="after")
    def _shape_is_of_scratch(self) -> "StudentSettings":
        shape = ("hidden_size", "layers", "heads", "kv_heads", "mlp_size", "vocabulary")
        changed = [name for name in shape if getattr(self, name) != type(self).model_fields[name].default]
        if self.base_model == NANO and changed:
            raise ValueError(f"{changed[0]} is of a student from scratch: set base_model: {SCRATCH} with it")
        return self


class SftSettings(_Section):
    """Supervised fine-tuning."""

    max_steps: int = Field(1600, ge=1, description="a student from scratch wants three times as many")
    batch_size: int = Field(16, ge=1)
    micro_batch: int | None = Field(
        None, ge=1, description="examples per forward pass, at most; the step is the same; none: the whole batch"
    )
    learning_rate: float | None = Field(
        None, gt=0, description="none: 6e-3 for nano and scratch, 2e-5 for others, with LoRA 2e-4"
    )
    optimizer: Literal["auto", "muon", "adamw"] = Field(
        "auto", description="auto: muon for nano and scratch, adamw for others"
    )
    warmup_steps: int = Field(30, ge=0)
    decay_share: float = Field(0.4, ge=0, le=1, description="share of the steps in which the rate falls to 5 %")
    curriculum_share: float = Field(
        0.3, ge=0, le=1, description="share of the steps in which longer examples are let in"
    )
    rename_share: float | None = Field(
        None,
        ge=0,
        le=1,
        description="share of examples with invented names; none: 0.3 for nano and scratch, 0 for others",
    )
    max_length: int = Field(512, ge=16, description="longer examples (tokens) are left out and counted")
    save_steps: int = Field(200, ge=1)
    threads: int = Field(0, ge=0, description="0: all cores")


class RewardWeights(_Section):
    """Weights of the reward's components."""

    json_valid: float = Field(0.2, ge=0, description="the answer is exactly one JSON object of the right shape")
    format: float = Field(0.1, ge=0, description="one closed, non-empty think block before it; with thinking only")
    entity_f1: float = Field(1.0, ge=0, description="F1 over entities, text and type")
    relation_f1: float = Field(2.0, ge=0, description="F1 over relations between emitted entities of the right types")
    spurious: float = Field(0.4, ge=0, description="price of relations that gold does not hold, per gold relation")
    grounding: float = Field(0.5, ge=0, description="price of items with a span that the passage does not name")
    schema_legal: float = Field(
        0.5,
        ge=0,
        description="price of items of a type not asked for, and of relations not allowed or with a wrong end",
    )
    verbosity: float = Field(0.25, ge=0, description="price of more items than gold holds and one")


class CreditSettings(_Section):
    """What is partly right earns in training, as a share of what is right; the metrics give none."""

    span: float = Field(0.5, ge=0, le=0.5, description="an overlapping span of the right type, times their token F1")
    type: float = Field(0.0, ge=0, le=0.5, description="an entity of the right type on a wrong span")
    pair: float = Field(0.0, ge=0, le=0.5, description="a relation between the right ends under another type")
    until: float = Field(0.5, ge=0, le=1, description="share of the steps, from the first, in which these three hold")
    untidy: float = Field(
        0.5, ge=0, lt=1, description="share of its F1 that a readable answer keeps which is not exactly one JSON object"
    )


AlarmName = Literal["tiny_graphs", "length_drift", "entropy_collapse", "kl", "no_variance", "reward_without_f1"]


class AlarmSettings(_Section):
    """What a reinforcement run is watched for while it goes on (training/rl/monitor.py)."""

    window: int = Field(5, ge=1, description="points whose mean is taken, at the run's beginning and now")
    least_items: float = Field(0.3, ge=0, description="tiny_graphs: items that completions state, now per beginning")
    length_drift: float = Field(2.0, gt=1, description="length_drift: length of completions, now per beginning")
    least_entropy: float = Field(0.2, ge=0, description="entropy_collapse: entropy per token, now per beginning")
    max_kl: float = Field(5.0, gt=0, description="kl: to the fine-tuned student, where beta is above 0")
    max_without_variance: float = Field(
        0.9, ge=0, le=1, description="no_variance: share of prompts whose completions all earn the same"
    )
    dev_fall: float = Field(0.02, ge=0, description="reward_without_f1: fall of dev relation F1 below its best …")
    component_rise: float = Field(0.02, ge=0, description="… while a component of the reward rose by more than this")
    fatal: tuple[AlarmName, ...] = Field(
        ("tiny_graphs", "kl", "reward_without_f1"),
        description="alarms that end the run; what is kept is the best model on dev so far",
    )


class GrpoSettings(_Section):
    """Group-relative policy optimisation."""

    max_steps: int = Field(
        0, ge=0, description="0 hands the SFT model on: a nano gained nothing by more (docs/rewards.md)"
    )
    prompts_per_step: int = Field(16, ge=1)
    generations: int = Field(8, ge=2)
    micro_batch: int = Field(
        64, ge=1, description="completions per forward pass, at most; in multiples of generations a prompt runs once"
    )
    learning_rate: float | None = Field(
        None, gt=0, description="none: 1e-4 for nano and scratch, 1e-6 for others, with LoRA 2e-5"
    )
    warmup_steps: int = Field(3, ge=0)
    temperature: float = Field(1.0, gt=0)
    held: bool = Field(False, description="completions to decoding.grammar, too, for which the fast decoder is needed")
    max_completion_length: int = Field(160, ge=8)
    beta: float = Field(0.0, ge=0, description="weight of the KL to the SFT model")
    epsilon: float = Field(0.2, gt=0)
    epsilon_high: float = Field(0.28, gt=0)
    loss_type: Literal["grpo", "dapo", "dr_grpo", "bnpo", "cispo", "sapo"] = "dapo"
    scale_rewards: Literal["group", "batch", "none"] = "batch"
    credit: CreditSettings = CreditSettings()
    max_empty_share: float = Field(0.35, ge=0, le=1, description="at most this share of prompts without a relation")
    easy_first: bool = Field(False, description="prompts in the order of their graphs' size, not of chance")
    weights: RewardWeights = RewardWeights()
    alarms: AlarmSettings = AlarmSettings()
    rollouts_kept: int = Field(
        20_000, ge=0, description="completions that the table rollouts holds at most, of evenly spaced steps"
    )
    written_at_once: int = Field(
        64, ge=1, description="completions of a model that generate writes: a GPU holds the keys and values of so many"
    )
    use_vllm: bool = Field(False, description="sample with vLLM on the training GPU")
    save_steps: int = Field(10, ge=1)
    dev_checks: int = Field(3, ge=1, description="how often dev F1 is measured; the best model is kept")
    least_gain: float = Field(
        0.01, ge=0, description="a model is better where its dev relation F1 is so much higher; less is mostly chance"
    )
    threads: int = Field(0, ge=0, description="0: all cores")

    @model_validator(mode="after")
    def _form_never_beats_content(self) -> "GrpoSettings":
        form, content = self.weights.json_valid + self.weights.format, self.weights.entity_f1 + self.weights.relation_f1
        if form >= (self.credit.untidy or 1.0) * content:
            raise ValueError(
                "the weights of json_valid and format must be less together than those of entity_f1 and relation_f1 "
                "times credit.untidy: else an empty answer in good form beats a right one in bad form"
            )
        return self


class DecodingSettings(_Section):
    """The grammar that a student's answers are held to while they are written (grammar.py)."""

    grammar: Literal["none", "json", "copy"] = Field(
        "copy", description="json: nothing but a graph in the student's JSON; copy: whose names stand in the passage"
    )
    types: Literal["any", "requested"] = Field(
        "any", description="of items; any: the legality filter drops what was not requested"
    )


HELD_TO_NOTHING = DecodingSettings(grammar="none")  # models that are not known to write the student's JSON


class RewardModelSettings(_Section):
    """reward_model: a learned reward for passages whose graph is not trusted; an asset only where it is enabled."""

    enabled: bool = Field(False, description="read where the code location is loaded: no run's override changes it")
    least_confidence: float = Field(
        0.9, ge=0, le=1, description="a graph with a relation that is less likely than this is not trusted"
    )
    draws: int = Field(1000, ge=1, description="passages with a trusted graph that pairs are made of; few come again")
    samples: int = Field(4, ge=0, description="answers that the SFT student writes to each; 0: mistakes only")
    sampled_pairs: int = Field(3, ge=0, description="pairs made of these, at most")
    held_out: float = Field(0.1, gt=0, lt=1, description="share of passages to measure on, where there is no dev gold")
    measured: int = Field(200, ge=1, description="passages on which pair accuracy is measured, at most")
    max_steps: int = Field(300, ge=1)
    batch_size: int = Field(16, ge=1, description="pairs")
    learning_rate: float | None = Field(
        None, gt=0, description="none: 5e-4 for nano and scratch, 1e-5 for others, with LoRA 1e-4"
    )
    warmup_steps: int = Field(20, ge=0)
    save_steps: int = Field(100, ge=1)
    weight: float = Field(3.0, ge=0, description="what its judgement, from 0 to 1, weighs in GRPO's reward")
    threads: int = Field(0, ge=0, description="0: all cores")


class EvaluationSettings(_Section):
    """eval_report."""

    bootstrap_samples: int = Field(10_000, ge=100)
    examples: int = Field(20, ge=0)
    batch_size: int = Field(64, ge=1)
    max_new_tokens: int = Field(256, ge=8)
    published: dict[str, dict[str, float]] = Field(default_factory=dict, description="corpus → system → published F1")


class MessageSettings(_Section):
    """One message of a prompt; `{text}`, `{entity_types}` and `{relation_types}` in it are filled in."""

    role: Literal["system", "user"]
    content: str = Field(min_length=1)


class SystemSettings(_Section):
    """Another system in the report: a model that runs here, or one behind an endpoint, asked as a teacher is."""

    model: str = Field("", description="a model directory or hub name")
    template: Literal["auto", "compact", "extract"] = Field(
        "auto", description="its prompt; auto: what a checkpoint of ours was taught, for other models 'extract'"
    )
    messages: tuple[MessageSettings, ...] = Field((), description="a prompt of its own, in the template's place")
    label_similarity: float | None = Field(
        None, gt=0, le=1, description="read its labels as the ontology's, as in `teacher`; none: they must be these"
    )
    max_new_tokens: int | None = Field(None, ge=8, description="none: evaluation.max_new_tokens")
    endpoint: TeacherSettings | None = Field(None, description="in the place of all above; the ledger keeps its calls")

    @model_validator(mode="after")
    def _is_one_thing(self) -> "SystemSettings":
        if bool(self.model) == bool(self.endpoint):
            raise ValueError("name either a model or an endpoint")
        if self.endpoint and (self.endpoint.kind != "chat" or self.endpoint.panel or self.endpoint.samples > 1):
            raise ValueError("an endpoint is of kind chat, has no panel, and is asked once")
        if self.messages and not any("{text}" in message.content for message in self.messages):
            raise ValueError("one of the messages must hold {text}, in the place of which the passage is put")
        return self


SystemName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+-]{0,39}$")]
OWN_SYSTEMS = ("teacher", "base", "sft", "grpo")


class CardSettings(_Section):
    """The model card of a checkpoint; nothing is trained anew for it."""

    license: str = Field(
        "other", min_length=1, description="of the model: yours to choose, as base model and documents allow"
    )


class GateSettings(_Section):
    """The thresholds of gates; docs/architecture.md says how gates work."""

    raw_corpus_max_quarantined: float = Field(0.2, description="share of documents")
    raw_corpus_max_gold_quarantined: float = Field(0.1, description="share of gold documents")
    raw_corpus_min_language: float = Field(0.8, description="share of passages in the corpus's most frequent language")
    raw_corpus_max_duplicates: float = Field(0.5, description="share of passages")
    teacher_min_answered: float = Field(0.95, description="share of passages with a graph")
    teacher_min_grounded: float = Field(1.0, description="share of entities whose every mention is in the passage")
    teacher_min_in_ontology: float = Field(1.0, description="share of entities and relations of a known type")
    teacher_min_signatures: float = Field(1.0, description="share of relations whose ends have an allowed type")
    teacher_min_entropy: float = Field(0.3, description="normalised entropy of the relation types")
    teacher_min_agreement: float = Field(
        0.5, description="mean relation F1 of every two graphs of a passage, where there are several"
    )
    traces_min_verified: float = Field(0.8, description="share of rationales that lead back to their graph")
    traces_max_leaks: float = Field(0.0, description="share of rationales that hold the answer's JSON")
    dataset_min_examples: int = Field(50, description="training examples in all")
    dataset_per_type: int = Field(5, description="examples that a relation type needs to count as covered")
    dataset_min_covered: float = Field(0.5, description="share of the occurring relation types that are covered")
    dataset_max_empty: float = Field(0.6, description="share of examples without a relation")
    sft_min_loss_drop: float = Field(0.2, description="fall of the loss from its first to its last tenth, as a share")
    sft_max_too_long: float = Field(0.05, description="share of the examples that were too long to be taught")
    sft_min_parse_rate: float = Field(0.9, description="share of dev answers that parse")
    sft_min_stopped: float = Field(0.9, description="share of dev answers that end by themselves")
    reward_model_min_accuracy: float = Field(
        0.6, description="lower end of the 95 % interval of the share of pairs that are told apart; 0.5 is a coin"
    )
    grpo_max_dev_loss: float = Field(0.01, description="how far dev relation F1 may fall below SFT's")
    grpo_triple_ratio: tuple[float, float] = Field((0.5, 2.0), description="predicted per gold relation on dev")
    grpo_max_empty_rise: float = Field(0.2, description="rise of the share of empty answers over SFT's")
    grpo_max_length: float = Field(2.0, description="mean length of dev answers relative to SFT's")
    grpo_max_kl: float = Field(5.0, description="mean KL to the SFT model in the last tenth, where it is measured")
    report_max_regression: float = Field(
        0.0, description="how far the upper end of relation F1's interval may lie below the accepted report's"
    )


class AutomationSettings(_Section):
    """The daemon's work."""

    cron: str = Field("0 3 * * *", description="when the whole lineage is run again")
    timezone: str = "UTC"
    sensor_seconds: int = Field(30, ge=5, description="how often the corpora folder is looked at")


class Settings(_Section):
    """Everything that can be configured."""

    seed: int = 7
    corpus: CorpusSettings = CorpusSettings()
    teacher: TeacherSettings = TeacherSettings()
    reasoner: ReasonerSettings = ReasonerSettings()
    dataset: DatasetSettings = DatasetSettings()
    student: StudentSettings = StudentSettings()
    sft: SftSettings = SftSettings()
    reward_model: RewardModelSettings = RewardModelSettings()
    grpo: GrpoSettings = GrpoSettings()
    decoding: DecodingSettings = DecodingSettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    systems: dict[SystemName, SystemSettings] = Field({}, description="further systems in the report, by name")
    card: CardSettings = CardSettings()
    gates: GateSettings = GateSettings()
    automation: AutomationSettings = AutomationSettings()

    @field_validator("grpo")
    @classmethod
    def _vllm_gets_weights(cls, grpo: GrpoSettings, others: ValidationInfo) -> GrpoSettings:
        student = others.data.get("student")
        if grpo.use_vllm and student and student.lora and student.lora.quantised:
            raise ValueError("use_vllm cannot take weights from a student with lora.quantised: leave one of them out")
        return grpo

    @field_validator("systems")
    @classmethod
    def _names_are_free(cls, systems: dict[str, SystemSettings]) -> dict[str, SystemSettings]:
        if taken := sorted(set(systems) & set(OWN_SYSTEMS)):
            raise ValueError(f"{taken[0]!r} is what one of the lineage's own systems is called: choose another name")
        return systems

    @classmethod
    def load(
        cls,
        path: Path | None = None,
        overrides: Mapping[str, Any] | None = None,
        profile: Mapping[str, Any] | None = None,
    ) -> "Settings":
        """Return the defaults, then what `profile` changes, then the YAML file at `path`, then `overrides`.

        Raises:
            UserError: the file is missing or unreadable, a key is unknown, or a value is out of range.
        """
        values = merge(merge(profile or {}, _read(path) if path else {}), overrides or {})
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            wrong = _no_such(first["loc"]) if first["type"] == "extra_forbidden" else first["msg"]
            raise UserError(f"configuration {path or 'override'}: {where}: {wrong}.") from None


def _no_such(where: Sequence[int | str]) -> str:
    """Return what to say of a name that is none, with the nearest one that is."""
    section: Any = Settings
    for part in where[:-1]:
        section = section.model_fields[str(part)].annotation if hasattr(section, "model_fields") else None
    near = get_close_matches(str(where[-1]), getattr(section, "model_fields", ()), n=1)
    return f"there is no such setting{f'; perhaps {near[0]}' if near else ''}"


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return `base` with `over` laid on it, mapping by mapping."""
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        merged[key] = merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def _read(path: Path) -> dict[str, Any]:
    if not path.exists():
        raise UserError(f"the configuration file {path} does not exist; mend TEXT2GRAPH_CONFIG or unset it.")
    try:
        value = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): mend TEXT2GRAPH_CONFIG or the file.") from None
    except RecursionError:
        raise UserError(f"{path} is nested too deeply: mend the file.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not readable YAML ({str(error).splitlines()[0]}): mend the file.") from None
    if not isinstance(value, dict):
        raise UserError(f"{path} must hold a mapping of sections.")
    return value
