"""A small gazette, generated once for all tests."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from examples.gazette.broken import BROKEN_LINES
from examples.gazette.generate import Summary, generate
from examples.gazette.names import NameMaker
from examples.gazette.world import World, build_world
from tests.examples.gazette.small_settings import SMALL


@pytest.fixture(scope="package")
def written(tmp_path_factory: pytest.TempPathFactory) -> Summary:
    return generate(tmp_path_factory.mktemp("gazette"), SMALL)


@pytest.fixture(scope="package")
def gold(written: Summary) -> list[dict[str, Any]]:
    return _read(written.folder / "gold.jsonl")


@pytest.fixture(scope="package")
def knowledge(written: Summary) -> list[dict[str, Any]]:
    return _read(written.folder / "knowledge_base.jsonl")


@pytest.fixture(scope="package")
def training_texts(written: Summary) -> list[str]:
    lines = (written.folder / "documents.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["text"] for line in lines if line not in BROKEN_LINES]


@pytest.fixture(scope="package")
def world() -> World:
    return build_world("train", 200, NameMaker(random.Random(1), []), SMALL)


def _read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
