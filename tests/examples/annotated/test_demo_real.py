"""`make demo-real`: its settings are valid, and it says which forms of annotated text it takes."""

import shutil
import subprocess
from pathlib import Path

import pytest

from text2graph_dagster.settings import Settings

ROOT = Path(__file__).parents[3]


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    if not shutil.which("make"):
        pytest.skip("NO MAKE: install make to run this test")
    return subprocess.run(["make", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_settings_train_smollm2() -> None:
    assert Settings.load(ROOT / "examples/annotated/demo_real.yaml").student.base_model == "smollm2"


@pytest.mark.parametrize("corpus", [(), ("CORPUS=/nowhere",)])
def test_without_a_corpus_it_says_what_to_name(corpus: tuple[str, ...]) -> None:
    stopped = make("demo-real", *corpus)
    assert stopped.returncode != 0
    assert "make demo-real CORPUS=path" in stopped.stderr
    assert "pip" not in stopped.stdout  # nothing was installed before


def test_the_corpus_has_the_name_of_the_path_and_a_home_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "news.json").write_text("[]")
    planned = make("-n", "demo-real", f"CORPUS={tmp_path / 'news.json'}").stdout
    assert '--partition "news"' in planned
    assert "home/real/news/generated/news" in planned
    assert '--partition "other"' in make("-n", "demo-real", f"CORPUS={tmp_path / 'news.json'}", "NAME=other").stdout
