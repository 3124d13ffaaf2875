"""What all tests share: real data that is not part of the project, a quiet environment, and what counts as slow."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("untimed", deadline=None)  # how long an example takes tells how busy the machine is
settings.load_profile("untimed")

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

# Tests that run the lineage, a warehouse, programs or real texts; the others are in `make test-fast`.
SLOW_FOLDERS = ("tests/assets/", "tests/resources/", "tests/system/", "tests/examples/")
SLOW_FIXTURES = {"workplace", "nano", "fine_tuned", "chat_model", "real_data"}
DATA = Path(os.environ.get("TEXT2GRAPH_DATA") or Path(__file__).parents[2] / "shared" / "data")


@pytest.fixture
def real_data() -> Path:
    """Return the folder of annotated sets, knowledge bases and raw text; skip, loudly, without it."""
    if not DATA.is_dir():
        pytest.skip(f"REAL DATA IS MISSING: {DATA} does not exist; set TEXT2GRAPH_DATA to run this test")
    return DATA


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests as slow by their folder and by the fixtures that they use."""
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if item.nodeid.startswith(SLOW_FOLDERS) or fixtures & SLOW_FIXTURES:
            item.add_marker(pytest.mark.slow)
