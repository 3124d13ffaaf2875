"""The configuration of a training program: one JSON file."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from pydantic import Field

from text2graph_dagster.identity import digest_json, sha256_file
from text2graph_dagster.inference.base_models import NANO_BASE, resolve_base_model
from text2graph_dagster.ontology import Ontology, load_ontology
from text2graph_dagster.runtime.config import ProgramConfig
from text2graph_dagster.settings import NANO, Settings


class TrainingConfig(ProgramConfig):
    """The configuration of `python -m text2graph_dagster.training.sft`, `...reward_model` and `...grpo`."""

    settings: Settings = Field(description="the sections student, sft, reward_model and grpo, and the seed are used")
    train: Path = Field(description="examples: the columns of filtered_dataset and `text`")
    dev: Path | None = Field(None, description="gold examples (same columns), used to choose the best model")
    ontologies: dict[str, Path] = Field(description="corpus → ontology.yaml")
    base: Path | None = Field(None, description="the SFT model to start from; for sft: replaces student.base_model")
    reward_model: Path | None = Field(None, description="for grpo: scores answers to examples with an untrusted graph")
    output: Path = Field(description="the directory to write")

    @cached_property
    def source(self) -> str | Path:
        """The model to start from: `base`, else student.base_model, which is fetched if it is not there.

        Raises:
            UserError: it cannot be fetched.
        """
        return self.base or resolve_base_model(self.settings.student.base_model)

    def load_ontologies(self) -> dict[str, Ontology]:
        """Return the ontology of every corpus."""
        return {corpus: load_ontology(path) for corpus, path in sorted(self.ontologies.items())}

    def hash_inputs(self) -> dict[str, str]:
        """Return the SHA-256 of every input file, including the weights of the base model and the reward model."""
        files = {"train": self.train, **{f"ontology:{c}": p for c, p in sorted(self.ontologies.items())}}
        if self.dev:
            files["dev"] = self.dev
        base = NANO_BASE if str(self.source) == NANO else Path(self.source)
        files |= {f"base:{p.name}": p for p in sorted(base.glob("*.safetensors"))}
        if self.reward_model:
            files |= {f"reward_model:{p.name}": p for p in sorted(self.reward_model.glob("*.safetensors"))}
        return {name: sha256_file(path) for name, path in files.items()}

    def compute_identity(self, program: str, inputs: Mapping[str, str]) -> str:
        """Return the digest of everything that affects the result; a run is resumed only if the digest is the same."""
        sections = {"student", "sft", "reward_model", "grpo", "decoding", "seed"}
        settings = self.settings.model_dump(mode="json", include=sections)
        return digest_json({"program": program, "settings": settings, "inputs": dict(inputs)})
