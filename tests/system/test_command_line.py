"""The commands of the README on a real installation without a server."""

import json
from pathlib import Path

import pytest

from tests.assets.conftest import write_corpus
from tests.system.conftest import Site

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trained(site: Site) -> Site:
    """A site on which the whole lineage has run from the command line, with real training."""
    source = write_corpus(site.root / "sources" / "tiny")
    added = site.tool("text2graph", "corpora", "add", str(source))
    assert added.returncode == 0, added.stderr
    done = site.materialise("*", "tiny")
    assert done.returncode == 0, done.stderr[-4000:]
    return site


def test_the_lineage_writes_a_report_page_and_prints_the_headline(trained: Site) -> None:
    shown = trained.tool("text2graph", "report")
    assert shown.returncode == 0
    assert "Relation F1, strict" in shown.stdout
    page = Path(shown.stdout.rsplit("report: ", 1)[1].strip())
    assert "<script" not in page.read_text()
    figures = json.loads(trained.tool("text2graph", "report", "--json").stdout)
    assert {"teacher", "sft", "grpo"} <= {row["system"] for row in figures}
    assert all(set(row) >= {"value", "low", "high", "n"} for row in figures)


def test_the_reported_model_can_extract(trained: Site) -> None:
    model = trained.tool("text2graph", "report").stdout.rsplit("model: ", 1)[1].splitlines()[0]
    source = trained.root / "sources" / "tiny" / "documents.jsonl"
    done = trained.tool("text2graph", "extract", str(source), "--checkpoint", model, "--out", str(trained.root / "g"))
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in (trained.root / "g").read_text(encoding="utf-8").splitlines()]
    assert len(rows) == len(source.read_text().splitlines())
    for row in rows:
        for entity in row["entities"]:
            assert all(row["text"][m["start"] : m["end"]] == entity["text"] for m in entity["mentions"])
    card = (Path(model) / "README.md").read_text(encoding="utf-8")
    assert "| tiny | Relation F1, strict |" in card and "dataset_digest" in card


def test_a_second_run_trains_nothing_and_makes_no_calls(trained: Site) -> None:
    calls = trained.warehouse.count("teacher_calls")
    weights = sorted((p, p.stat().st_mtime_ns) for p in trained.root.glob("checkpoints/*/model.safetensors"))
    assert len(weights) == 2
    assert trained.materialise("*", "tiny").returncode == 0
    assert trained.warehouse.count("teacher_calls") == calls
    assert sorted((p, p.stat().st_mtime_ns) for p in trained.root.glob("checkpoints/*/model.safetensors")) == weights


def test_a_failed_gate_gives_exit_code_one_and_prevents_training(trained: Site) -> None:
    source = write_corpus(trained.root / "sources" / "bad", documents=20, broken=60)
    assert trained.tool("text2graph", "corpora", "add", str(source)).returncode == 0
    before = trained.warehouse.read("SELECT * FROM checkpoints ORDER BY ALL")
    assert trained.materialise("*", "bad").returncode == 1
    assert trained.materialise("teacher_graphs", "bad").returncode == 0  # forced, asset by asset
    assert trained.materialise("cot_traces", "bad").returncode == 0
    assert trained.materialise("filtered_dataset,sft_checkpoint").returncode == 0  # without it
    assert trained.warehouse.read("SELECT DISTINCT corpus FROM filtered_dataset")["corpus"].to_list() == ["tiny"]
    assert trained.warehouse.read("SELECT * FROM checkpoints ORDER BY ALL").equals(before)
    assert trained.tool("text2graph", "corpora", "remove", "bad").returncode == 0


def test_corpora_are_listed_exported_and_removed(trained: Site) -> None:
    listed = trained.tool("text2graph", "corpora", "list")
    assert "tiny" in listed.stdout
    for format_ in ("cypher", "csv", "graphml", "jsonld"):
        out = trained.root / f"export.{format_}"
        done = trained.tool("text2graph", "export", "tiny", "--format", format_, "--out", str(out))
        assert done.returncode == 0, done.stderr
        assert out.exists()
    assert "Velsoft" in (trained.root / "export.cypher").read_text()


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (["corpora", "add", "/nowhere"], "/nowhere"),
        (["corpora", "remove", "nobody"], "there is no corpus 'nobody'"),
        (["corpora", "remove", "../etc"], "not usable"),
        (["export", "nobody", "--format", "cypher", "--out", "/tmp/x"], "nobody"),
    ],
)
def test_user_errors_are_one_sentence_and_exit_code_two(trained: Site, command: list[str], says: str) -> None:
    done = trained.tool("text2graph", *command)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_corpus_without_ontology_is_rejected(trained: Site, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = trained.tool("text2graph", "corpora", "add", str(tmp_path / "empty"))
    assert done.returncode == 2
    assert "ontology.yaml" in done.stderr


def test_an_unregistered_partition_is_rejected(trained: Site) -> None:
    done = trained.materialise("raw_corpus", "unknown")
    assert done.returncode != 0
    assert "unknown" in done.stderr
    assert "text2graph corpora list" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_setting_is_one_sentence(trained: Site, tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text("sft: {max_step: 3}")
    site = Site(trained.root, {**trained.env, "TEXT2GRAPH_CONFIG": str(tmp_path / "wrong.yaml")})
    done = site.materialise("raw_corpus", "tiny")
    assert done.returncode != 0
    assert "perhaps max_steps" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unwritable_home_is_one_sentence(trained: Site) -> None:
    env = {**trained.env, "TEXT2GRAPH_HOME": "/proc/nowhere"}
    done = Site(Path("/proc/nowhere"), env).tool("text2graph", "report")
    assert done.returncode == 2
    assert "warehouse" in done.stderr
    assert "Traceback" not in done.stderr


def test_base_models_are_listed_and_an_unknown_one_is_refused(site: Site) -> None:
    listed = site.tool("text2graph", "models", "list")
    assert "smollm2" in listed.stdout and "Apache-2.0" in listed.stdout
    refused = site.tool("text2graph", "models", "fetch", "smollm3")
    assert refused.returncode == 2
    assert refused.stderr == (
        "text2graph: there is no model 'smollm3' to fetch: choose one of smollm2, or name a .gguf file.\n"
    )
