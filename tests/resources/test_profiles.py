"""The profiles, and the configurations that the project ships."""

from pathlib import Path

import pytest

from resources.profiles import DEFAULTS
from resources.vllm import build_command
from text2graph_dagster.settings import Settings
from text2graph_dagster.training.student_defaults import choose_grpo_rate, choose_sft_rate

EXAMPLES = sorted(Path("examples").glob("*/*.yaml"))
SHIPPED = sorted(Path("deploy").glob("*-cards.yaml")) + sorted(Path("deploy").glob("*-card.yaml"))


def test_the_gpu_profile_starts_a_teacher_and_the_cluster_profile_uses_a_running_one() -> None:
    managed = Settings.load(profile=DEFAULTS["gpu"]).teacher
    assert managed.server
    assert managed.model in build_command(managed.model, managed.server, 1)
    assert Settings.load(profile=DEFAULTS["cluster"]).teacher.server is None
    assert Settings.load(None, {"teacher": {"server": None}}, DEFAULTS["gpu"]).teacher.server is None


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_in_shipped_configurations_a_passage_and_its_answer_fit_the_context(path: Path) -> None:
    settings = Settings.load(path, profile=DEFAULTS["gpu"])
    for asked in (settings.teacher, settings.reasoner):
        if asked.kind == "chat":
            assert asked.server
            assert asked.server.max_model_len
            assert asked.server.max_model_len >= asked.max_tokens + 8 * settings.corpus.passage_tokens


def test_make_smoke_runs_every_stage() -> None:
    assert Settings.load(Path("examples/gazette/smoke.yaml")).grpo.max_steps > 0


@pytest.mark.parametrize("path", [path for path in EXAMPLES if path.name != "ontology.yaml"], ids=str)
def test_the_example_configurations_are_valid(path: Path) -> None:
    Settings.load(path)


def test_three_configurations_are_shipped() -> None:
    assert len(SHIPPED) == 3


def test_lora_has_its_own_learning_rates() -> None:
    settings = Settings.load(Path("deploy/qwen3-1.7b-on-a-24gb-card.yaml"), profile=DEFAULTS["gpu"])
    assert settings.student.lora
    assert (choose_sft_rate(settings, 1_720_000_000), choose_grpo_rate(settings)) == (pytest.approx(2e-4), 2e-5)
