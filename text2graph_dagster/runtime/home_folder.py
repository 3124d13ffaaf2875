"""The home folder: where everything that the pipeline makes is stored."""

import os
from pathlib import Path


def find_home_folder() -> Path:
    """Return the home folder: TEXT2GRAPH_HOME, by default `home` in the working directory."""
    return Path(os.environ.get("TEXT2GRAPH_HOME") or "home").absolute()


def find_models_folder() -> Path:
    """Return the folder of the base models that were fetched or converted, one sub-folder each."""
    return find_home_folder() / "models"
