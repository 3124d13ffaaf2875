"""The files beside a finished model that users need to run and assess it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from text2graph_dagster.evaluation.model_card import write_card
from text2graph_dagster.inference.checkpoint import write_recipe
from text2graph_dagster.training.config import TrainingConfig


def write_model_files(directory: Path, config: TrainingConfig, run: Mapping[str, Any]) -> None:
    """Write the prompt recipe, the ontologies of the training data, and the model card."""
    write_recipe(directory, config.settings, config.ontologies)
    write_card(directory, run, config.settings.card.license)
