"""What a finished model directory holds beside the model, so that others can use it and judge it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from text2graph_dagster.evaluation.model_card import write_card
from text2graph_dagster.inference.checkpoint import write_recipe
from text2graph_dagster.training.config import TrainingConfig


def publish(directory: Path, config: TrainingConfig, run: Mapping[str, Any]) -> None:
    """Write how the student is asked, the ontologies that it was taught, and its model card."""
    write_recipe(directory, config.settings, config.ontologies)
    write_card(directory, run, config.settings.card.license)
