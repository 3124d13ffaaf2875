"""Removing a corpus deletes its data and lists the files that remain."""

from resources import corpora
from tests.assets.conftest import DATA, Sandbox
from text2graph_dagster.contracts import CONTRACTS


def add_gone(sandbox: Sandbox) -> None:
    """Add a corpus with its own ontology; with a shared ontology, repeated passages would be left out."""
    sandbox.add("gone", documents=66, broken=1)
    ontology = sandbox.home.corpora / "gone" / "ontology.yaml"
    ontology.write_text(ontology.read_text().replace("name: tiny", "name: other"))


def test_removing_a_corpus_deletes_its_rows_and_lists_remaining_files(sandbox: Sandbox) -> None:
    sandbox.add("kept", broken=1)
    add_gone(sandbox)
    assert sandbox.run("kept", *DATA).success
    assert sandbox.run("gone").success
    holding = [t for t, contract in CONTRACTS.items() if "corpus" in contract.dtypes]
    assert [t for t in holding if not sandbox.warehouse.count(t, "gone")] == []
    assert len(list(sandbox.home.staged.rglob("gone"))) == 3
    remains = corpora.remove_corpus("gone", sandbox.home, sandbox.warehouse, sandbox.instance)
    assert {t: n for t in holding if (n := sandbox.warehouse.count(t, "gone"))} == {}
    assert [t for t in holding if not sandbox.warehouse.count(t, "kept")] == []
    named = {p.name.split("-")[0] + p.suffix for p in remains}
    assert named >= {"sft.inputs", "sft", "grpo.inputs", "grpo", "predictions"}
    assert any(p.suffix == ".html" for p in remains)
    assert all(p.exists() for p in remains)
    assert list(sandbox.home.staged.rglob("gone")) == []
    add_gone(sandbox)
    assert sandbox.run("gone").success
    assert all(sandbox.warehouse.count(t, "gone") for t in ("eval_report", "predictions"))
