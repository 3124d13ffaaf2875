"""What a training or prediction program is told: one JSON file."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from text2graph_dagster.errors import UserError
from text2graph_dagster.identity import digest_json, sha256_of
from text2graph_dagster.ontology import Ontology, load_ontology
from text2graph_dagster.settings import HELD_TO_NOTHING, NANO, DecodingSettings, Settings, StudentWire

C = TypeVar("C", bound=BaseModel)

NANO_BASE = Path(__file__).parent / "nano_base"  # what student.base_model: nano is; examples/nano_base makes it


class _Config(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TrainingConfig(_Config):
    """`python -m text2graph_dagster.training.sft`, `...reward_model` and `...grpo`."""

    settings: Settings = Field(description="sections student, sft, reward_model, grpo and the seed are read")
    train: Path = Field(description="examples: the columns of filtered_dataset and `text`")
    dev: Path | None = Field(None, description="gold examples, same columns: they choose the best model")
    ontologies: dict[str, Path] = Field(description="corpus → ontology.yaml")
    base: Path | None = Field(None, description="the SFT model; sft: instead of student.base_model")
    reward_model: Path | None = Field(None, description="grpo: judges answers where the graph is not trusted")
    output: Path = Field(description="the directory to be made")

    @property
    def source(self) -> str | Path:
        """The model that training starts from: `base`, else what the settings name."""
        return self.base or self.settings.student.base_model

    def load_ontologies(self) -> dict[str, Ontology]:
        """Return every corpus's ontology."""
        return {corpus: load_ontology(path) for corpus, path in sorted(self.ontologies.items())}

    def inputs(self) -> dict[str, str]:
        """Return the SHA-256 of every input file, the base model's weights among them."""
        files = {"train": self.train, **{f"ontology:{c}": p for c, p in sorted(self.ontologies.items())}}
        if self.dev:
            files["dev"] = self.dev
        base = NANO_BASE if self.base is None and self.settings.student.base_model == NANO else self.base
        if base:
            files |= {f"base:{p.name}": p for p in sorted(base.glob("*.safetensors"))}
        if self.reward_model:
            files |= {f"reward_model:{p.name}": p for p in sorted(self.reward_model.glob("*.safetensors"))}
        return {name: sha256_of(path) for name, path in files.items()}

    def identity(self, program: str, inputs: Mapping[str, str]) -> str:
        """Return the digest of everything that decides the result: what a checkpoint must share to be resumed from."""
        sections = {"student", "sft", "reward_model", "grpo", "decoding", "seed"}
        settings = self.settings.model_dump(mode="json", include=sections)
        return digest_json({"program": program, "settings": settings, "inputs": dict(inputs)})


class PredictionConfig(_Config):
    """`python -m text2graph_dagster.evaluation.predict`."""

    model: Path = Field(description="a model directory")
    prompts: Path = Field(
        description="parquet with the columns id and messages (the prompt: all but assistant turns); where there is a "
        "grammar also text, entity_types and relation_types"
    )
    output: Path = Field(description="the parquet file to be made: id, raw_output, tokens, stopped")
    batch_size: int = Field(64, ge=1)
    max_new_tokens: int = Field(256, ge=1)
    decoding: DecodingSettings = Field(HELD_TO_NOTHING, description="the grammar that answers are held to")
    wire: StudentWire = Field("public", description="the JSON that the grammar expects")
    thinking: bool = Field(False, description="whether a rationale may stand before the JSON")
    threads: int = Field(0, ge=0)


class EntailmentConfig(_Config):
    """`python -m text2graph_dagster.training.entail`."""

    model: str = Field(description="a model directory or a hub name")
    pairs: Path = Field(description="parquet with the columns premise and hypothesis")
    output: Path = Field(description="the parquet file to be made: entailment, in the order of the pairs")
    batch_size: int = Field(32, ge=1)
    threads: int = Field(0, ge=0)


def read_config(kind: type[C], path: Path) -> C:
    """Read a program's configuration.

    Raises:
        UserError: the file is missing, is not JSON, or a value is wrong.
    """
    try:
        return kind.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except OSError:
        raise UserError(f"the configuration {path} cannot be read: name an existing JSON file with --config.") from None
    except json.JSONDecodeError as error:
        raise UserError(f"the configuration {path} is not JSON ({error}).") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UserError(f"the configuration {path}: {where}: {first['msg']}.") from None
