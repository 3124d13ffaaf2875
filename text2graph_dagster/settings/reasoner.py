"""Settings of cot_traces: who writes the rationales, and when one is rejected."""

from typing import Literal

from pydantic import Field

from text2graph_dagster.settings.teacher import CallSettings, TeacherSettings


class ReasonerSettings(CallSettings):
    """Who writes the rationales (docs/agreement.md)."""

    kind: Literal["composed", "chat"] = Field(
        "composed", description="composed: by rules, without a model; chat: a model behind an endpoint"
    )
    temperature: float = Field(0.6, ge=0, description="sampling temperature; 0: greedy")
    max_tokens: int = Field(2048, ge=16, description="maximum tokens of a rationale")
    timeout_seconds: float = Field(300.0, gt=0, description="seconds that a call may take")
    fallback: Literal["none", "composed"] = Field(
        "none", description="what replaces a rejected rationale; none: the passage has no verified rationale"
    )
    min_characters: int = Field(20, ge=0, description="characters; shorter rationales of a model are rejected")
    max_characters: int = Field(8_000, ge=1, description="characters; longer rationales are rejected")
    max_repeats: int = Field(
        3, ge=1, description="occurrences of one sentence; rationales that repeat it more often are rejected"
    )
    blind: TeacherSettings | None = Field(
        None,
        description="teacher that reads a rationale without its passage and must find the graph; null: no such check",
    )
    blind_min_f1: float = Field(
        0.8, ge=0, le=1, description="minimum F1 of entities and triples that the blind teacher must reach"
    )
