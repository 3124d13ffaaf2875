"""The code location: it loads, imports nothing heavy, and has the lineage of the README."""

import os
import subprocess
import sys
import tomllib
from itertools import pairwise
from pathlib import Path

import dagster as dg
import pytest

LINEAGE = [
    "raw_corpus",
    "teacher_graphs",
    "cot_traces",
    "filtered_dataset",
    "sft_checkpoint",
    "grpo_checkpoint",
    "eval_report",
]
HEAVY = ["torch", "trl", "transformers", "datasets", "vllm", "accelerate", "peft", "openai", "sklearn"]


@pytest.fixture(scope="module")
def defs() -> dg.Definitions:
    from text2graph_dagster.definitions import defs

    return defs


def test_the_code_location_loads(defs: dg.Definitions) -> None:
    dg.Definitions.validate_loadable(defs)


def test_the_lineage_is_the_one_in_the_readme(defs: dg.Definitions) -> None:
    graph = defs.resolve_asset_graph()
    assert graph.toposorted_asset_keys == [dg.AssetKey(name) for name in LINEAGE]
    for before, after in pairwise(LINEAGE):
        assert dg.AssetKey(before) in graph.get(dg.AssetKey(after)).parent_keys
    partitioned = [name for name in LINEAGE if graph.get(dg.AssetKey(name)).is_partitioned]
    assert partitioned == LINEAGE[:3]


def test_an_enabled_reward_model_is_upstream_of_grpo(defs: dg.Definitions) -> None:
    from text2graph_dagster.definitions import build_definitions
    from text2graph_dagster.settings import Settings

    assert not defs.resolve_asset_graph().has(dg.AssetKey("reward_model"))
    graph = build_definitions(Settings.load(None, {"reward_model": {"enabled": True}})).resolve_asset_graph()
    sft, reward_model, grpo = (dg.AssetKey(name) for name in ("sft_checkpoint", "reward_model", "grpo_checkpoint"))
    assert graph.get(reward_model).parent_keys == {sft} and graph.get(grpo).parent_keys == {sft, reward_model}
    assert [key.name for key in graph.asset_check_keys if key.asset_key == reward_model] == ["pair_accuracy"]
    assert len(graph.asset_check_keys) == len(defs.resolve_asset_graph().asset_check_keys) + 1


def test_every_asset_has_blocking_gates_and_a_docstring(defs: dg.Definitions) -> None:
    graph = defs.resolve_asset_graph()
    for name in LINEAGE:
        asset = graph.get(dg.AssetKey(name))
        assert asset.description
        checks = [key for key in graph.asset_check_keys if key.asset_key == asset.key]
        assert checks
        assert all(graph.get(check).blocking for check in checks)


def test_assets_that_need_the_gpu_share_its_pool(defs: dg.Definitions) -> None:
    pools = {name: defs.resolve_assets_def(name).op.pool for name in LINEAGE}
    waiting = {"teacher_graphs", "cot_traces", "sft_checkpoint", "grpo_checkpoint", "eval_report"}
    assert {name for name, pool in pools.items() if pool == "gpu"} == waiting


def test_the_import_rules_cover_every_module() -> None:
    """The rules list modules by name; a new module must be added to them."""
    root = Path(__file__).parents[2]
    config = tomllib.loads((root / "pyproject.toml").read_text())
    contracts = {contract["id"]: contract for contract in config["tool"]["importlinter"]["contracts"]}

    def modules(package: str) -> set[str]:
        found = (root / package.replace(".", "/")).glob("[!_]*")
        return {f"{package}.{p.stem}" for p in found if p.suffix == ".py" or (p / "__init__.py").is_file()}

    library = "text2graph_dagster"
    entry_points = {f"{library}.{name}" for name in ("definitions", "automation", "cli")}
    layers = {module for layer in contracts["layers"]["layers"] for module in layer.split(" | ")}
    assert layers == modules(library) | {"assets", "resources"}
    assert set(contracts["no-dagster-in-library"]["source_modules"]) == modules(library) - entry_points
    heavy = {f"{library}.{name}" for name in ("training", "inference", "evaluation", "extraction", "runtime")}
    mixed = modules(f"{library}.evaluation") | modules(f"{library}.extraction")
    light = (modules(library) - heavy) | mixed | {"assets", "resources"}
    light |= {f"{library}.inference.{name}" for name in ("base_models", "checkpoint", "known_models", "model_fetching")}
    light -= {f"{library}.evaluation.predict", f"{library}.extraction.local_backend"}
    assert set(contracts["heavy-packages"]["source_modules"]) == light


@pytest.mark.slow
def test_loading_imports_nothing_heavy() -> None:
    program = f"import sys, text2graph_dagster.definitions\nprint([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"TEXT2GRAPH_PROFILE": "laptop"}, "choose one of local, gpu, cluster"),
        ({"TEXT2GRAPH_CONFIG": "/nowhere.yaml"}, "does not exist"),
    ],
)
def test_a_wrong_environment_is_a_clear_error(variables: dict[str, str], message: str) -> None:
    program = "import text2graph_dagster.definitions"
    loaded = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, **variables}, capture_output=True, text=True, check=False
    )
    assert loaded.returncode != 0
    assert message in loaded.stderr.splitlines()[-1]


@pytest.mark.parametrize("profile", ["local", "gpu", "cluster"])
def test_every_profile_has_valid_settings(profile: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from resources.profiles import build_settings

    monkeypatch.setenv("TEXT2GRAPH_PROFILE", profile)
    monkeypatch.delenv("TEXT2GRAPH_CONFIG", raising=False)
    assert build_settings().load().teacher.kind == ("knowledge_base" if profile == "local" else "chat")


@pytest.mark.slow
def test_tools_accept_the_project(tmp_path: Path) -> None:
    env = {**os.environ, "DAGSTER_HOME": str(tmp_path)}
    tools = Path(sys.executable).parent
    for command in (["dagster", "definitions", "validate"], ["dg", "check", "defs"]):
        done = subprocess.run([tools / command[0], *command[1:]], env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
