"""Settings of eval_report: how systems are evaluated, and which ones."""

from typing import Literal

from pydantic import Field, model_validator

from text2graph_dagster.settings.section import Section
from text2graph_dagster.settings.teacher import TeacherSettings

LINEAGE_SYSTEMS = ("teacher", "base", "sft", "grpo")  # names in the report that other systems cannot have


class EvaluationSettings(Section):
    """How systems are evaluated (docs/report.md)."""

    bootstrap_samples: int = Field(10_000, ge=100, description="number of bootstrap samples for each interval")
    examples: int = Field(20, ge=0, description="example passages in the report")
    batch_size: int = Field(64, ge=1, description="passages that a model answers at once")
    max_new_tokens: int = Field(256, ge=8, description="maximum tokens of an answer")
    published: dict[str, dict[str, float]] = Field(
        {}, description="published F1 to show for comparison: corpus → system → F1"
    )


class MessageSettings(Section):
    """One message of a prompt; `{text}`, `{entity_types}` and `{relation_types}` in it are replaced."""

    role: Literal["system", "user"] = Field(description="role of the message's author")
    content: str = Field(min_length=1, description="text of the message")


class SystemSettings(Section):
    """Another system in the report: a model that runs here, or one behind an endpoint."""

    model: str = Field("", description="model directory or hub name; empty: `endpoint` is used")
    template: Literal["auto", "compact", "extract"] = Field(
        "auto",
        description="prompt template; auto: the one that a checkpoint was trained with, extract for other models",
    )
    messages: tuple[MessageSettings, ...] = Field(
        (), description="messages to use as the prompt instead of the template"
    )
    label_similarity: float | None = Field(
        None, gt=0, le=1, description="minimum similarity to map a label to a type, as in `teacher`; null: exact names"
    )
    max_new_tokens: int | None = Field(
        None, ge=8, description="maximum tokens of an answer; null: evaluation.max_new_tokens"
    )
    endpoint: TeacherSettings | None = Field(
        None, description="call this endpoint instead, with the ledger; null: `model` is used"
    )

    @model_validator(mode="after")
    def _check_kind(self) -> "SystemSettings":
        if bool(self.model) == bool(self.endpoint):
            raise ValueError("name either a model or an endpoint")
        if self.endpoint and (self.endpoint.kind != "chat" or self.endpoint.panel or self.endpoint.samples > 1):
            raise ValueError("an endpoint must have kind: chat, samples: 1 and no panel")
        if self.messages and not any("{text}" in message.content for message in self.messages):
            raise ValueError("one of the messages must contain {text}, which is replaced by the passage")
        return self


class CardSettings(Section):
    """The model card of a checkpoint; changing it retrains nothing."""

    license: str = Field(
        "other", min_length=1, description="licence of the model: choose one that base model and documents allow"
    )
