"""Settings of teacher_graphs: who writes the graphs, and what calls to a model may cost."""

from typing import Literal

from pydantic import Field, model_validator

from text2graph_dagster.settings.section import Section


class ServerSettings(Section):
    """A vLLM server that a step starts for itself and stops at its end (docs/teachers.md)."""

    python: str = Field("", description="Python interpreter of the environment with vLLM; empty: this one")
    weights: str = Field("", description="model directory or hub name; empty: the same as `model`")
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = Field("auto", description="data type of the weights")
    tensor_parallel_size: int = Field(1, ge=1, description="number of GPUs that share one copy of the model")
    gpu_memory_utilization: float = Field(0.9, gt=0, le=1, description="share of each GPU's memory to use")
    max_model_len: int | None = Field(
        None, ge=64, description="maximum tokens of prompt and answer together; null: the model's own limit"
    )
    extra_args: list[str] = Field([], description="further command-line options of the server")
    env: dict[str, str] = Field({}, description="environment variables for the server; secrets belong in pass_env")
    pass_env: list[str] = Field([], description="names of environment variables to pass on besides the usual ones")
    start_seconds: float = Field(1800.0, gt=0, description="seconds that loading the model may take")
    grace_seconds: float = Field(20.0, ge=0, description="seconds to shut down before the server is killed")


class CallSettings(Section):
    """How a model behind an endpoint is called, and what the calls of one run may cost."""

    base_url: str = Field("http://127.0.0.1:8000/v1", description="URL of an OpenAI-compatible endpoint")
    model: str = Field("", description="name of the model at the endpoint")
    server: ServerSettings | None = Field(
        None, description="start this server for the step; null: a server already answers at base_url"
    )
    concurrency: int = Field(64, ge=1, description="maximum number of calls in flight; the actual number adapts")
    more_base_urls: tuple[str, ...] = Field((), description="further endpoints with the same model, to share the load")
    retries: int = Field(8, ge=0, description="retries of a call after an overload or a temporary error")
    backoff_seconds: float = Field(0.5, ge=0, description="seconds before the first retry; doubles with each retry")
    retry_max_tokens: int = Field(
        4096, ge=16, description="tokens; a truncated answer is requested again with twice max_tokens, up to this"
    )
    prompt_price: float = Field(0.0, ge=0, description="price of a million prompt tokens, in any currency")
    completion_price: float = Field(0.0, ge=0, description="price of a million completion tokens, in the same currency")
    max_tokens_total: int | None = Field(None, ge=1, description="token budget of a run; null: no limit")
    max_cost: float | None = Field(None, gt=0, description="cost budget of a run; null: no limit")


class VoteSettings(Section):
    """How several graphs of one passage are combined into one by vote (docs/agreement.md)."""

    keep_above: float = Field(
        0.5, ge=0, lt=1, description="share of the votes' weight that an item must exceed to be kept; 0.5: a majority"
    )
    quorum: float = Field(
        0.5,
        ge=0,
        le=1,
        description="share of the votes' weight that must have answered; with less, the passage gets no graph",
    )


class TeacherSettings(CallSettings):
    """Who writes the graphs. An endpoint's key comes from the environment only."""

    kind: Literal["knowledge_base", "chat"] = Field(
        "knowledge_base", description="knowledge_base: distant supervision; chat: a model behind an endpoint"
    )
    temperature: float = Field(0.0, ge=0, description="sampling temperature; 0: greedy")
    max_tokens: int = Field(1024, ge=16, description="maximum tokens of an answer")
    timeout_seconds: float = Field(120.0, gt=0, description="seconds that a call may take")
    samples: int = Field(1, ge=1, description="number of graphs per passage; several are combined by vote")
    weight: float = Field(1.0, gt=0, description="weight of each of this teacher's graphs in the vote")
    label_similarity: float = Field(
        0.85,
        gt=0,
        le=1,
        description="minimum similarity of a model's label to a type's name or alias to be mapped to it; 1: exact",
    )
    vote: VoteSettings = VoteSettings()
    panel: tuple["TeacherSettings", ...] = Field((), description="further teachers that vote together with this one")

    @model_validator(mode="after")
    def _check_panel(self) -> "TeacherSettings":
        if any({"panel", "vote"} & member.model_fields_set for member in self.panel):
            raise ValueError("a member of the panel cannot have its own panel or vote: set them in `teacher`")
        return self
