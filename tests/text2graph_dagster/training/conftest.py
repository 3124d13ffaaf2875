"""What the tests of the training programs share: examples, an untrained nano model, and a fine-tuned one."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.text2graph_dagster.training import tiny

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Models this small are slower on several cores, and sums in another order would not be equal."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with examples, an ontology and the configuration sft.json."""
    folder = tmp_path_factory.mktemp("training")
    tiny.write_config(folder)
    return folder


@pytest.fixture(scope="session")
def examples(workplace: Path) -> Any:
    """The examples as the programs read them."""
    from text2graph_dagster.training.examples import read_examples

    return read_examples(workplace / "train.parquet", tiny.settings())


@pytest.fixture(scope="session")
def nano(workplace: Path, examples: Any) -> Any:
    """An untrained nano model and its tokenizer."""
    from text2graph_dagster.ontology import load_ontology
    from text2graph_dagster.training.students import new_nano

    model, tokenizer = new_nano(tiny.settings(), examples, [load_ontology(workplace / "ontology.yaml")])
    model.eval()
    return model, tokenizer


@pytest.fixture(scope="session")
def fine_tuned(workplace: Path) -> Path:
    """A nano model that the program has taught for 20 steps."""
    from text2graph_dagster.training.sft import main

    assert main(["--config", str(workplace / "sft.json")]) == 0
    return workplace / "sft"
