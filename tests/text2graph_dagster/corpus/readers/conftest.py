"""A corpus without documents."""

from pathlib import Path

import pytest

from tests.text2graph_dagster.corpus.readers.document_files import make_corpus


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    return make_corpus(tmp_path, {})
