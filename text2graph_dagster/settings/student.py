"""Settings of the student: the model that is trained."""

from typing import Literal

from pydantic import Field, model_validator

from text2graph_dagster.graph.wire import WireForm
from text2graph_dagster.settings.decoding import Precision
from text2graph_dagster.settings.section import Section

NANO, SCRATCH = "nano", "scratch"
EMBEDDED = (NANO, SCRATCH)  # base models that come with the project: no download, one architecture


class LoraSettings(Section):
    """Low-rank adapters instead of full fine-tuning (Hu et al. 2021)."""

    rank: int = Field(16, ge=1, description="rank of the adapters")
    alpha: int = Field(32, ge=1, description="the adapters are scaled by alpha / rank")
    dropout: float = Field(0.0, ge=0, lt=1, description="dropout probability of the adapters' inputs")
    quantised: bool = Field(
        False, description="keep the base weights in four bits while adapters are trained (QLoRA); needs a GPU"
    )


class StudentSettings(Section):
    """The model that is trained (docs/students.md)."""

    base_model: str = Field(
        NANO,
        description="nano (the small base that comes with the project), scratch (the same architecture, untrained), "
        "smollm2 (fetched once from the package registry), a model directory, a .gguf file, or a hub name",
    )
    wire: WireForm | Literal["auto"] = Field(
        "auto",
        description="form that the student writes; auto: indexed for nano and scratch, else lines, or public if "
        "dataset.template is extract",
    )
    precision: Precision = Field(
        "auto",
        description="arithmetic of training on a CPU; auto: bfloat16 for models of more than 20 million parameters if "
        "the processor has it (AVX-512 BF16 or AMX), else float32; a GPU uses bfloat16",
    )
    lora: LoraSettings | None = Field(None, description="train low-rank adapters; null: train all weights")
    dev_examples: int = Field(700, ge=1, description="maximum gold dev passages on which each stage is evaluated")
    context: int = Field(512, ge=64, description="context length in tokens; nano and scratch only")
    hidden_size: int = Field(128, ge=8, description="width of the hidden states; scratch only, like the settings below")
    layers: int = Field(4, ge=1, description="number of transformer layers")
    heads: int = Field(2, ge=1, description="number of attention heads")
    kv_heads: int = Field(2, ge=1, description="number of key and value heads")
    mlp_size: int = Field(384, ge=8, description="width of the MLP layers")
    vocabulary: int = Field(2048, ge=300, description="byte-level BPE tokens, without the tokens for JSON and types")

    @model_validator(mode="after")
    def _check_heads(self) -> "StudentSettings":
        if self.hidden_size % (2 * self.heads) or self.heads % self.kv_heads:
            raise ValueError("hidden_size must be a multiple of 2 x heads, and heads a multiple of kv_heads")
        return self

    @model_validator(mode="after")
    def _check_quantisation(self) -> "StudentSettings":
        if self.base_model in EMBEDDED and self.lora and self.lora.quantised:
            raise ValueError(
                "lora.quantised is for large pretrained models: leave it out, or set base_model to such a model"
            )
        return self

    @model_validator(mode="after")
    def _check_shape(self) -> "StudentSettings":
        shape = ("hidden_size", "layers", "heads", "kv_heads", "mlp_size", "vocabulary")
        changed = [name for name in shape if getattr(self, name) != type(self).model_fields[name].default]
        if self.base_model == NANO and changed:
            raise ValueError(f"{changed[0]} applies to a student from scratch: set base_model: {SCRATCH} with it")
        return self
