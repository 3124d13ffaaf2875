"""What a corpus leaves behind when it is removed."""

from resources import corpora
from tests.assets.conftest import DATA, House
from text2graph_dagster.contracts import CONTRACTS


def add_gone(house: House) -> None:
    """Add the corpus with an ontology of its own: what two corpora of one ontology say is taught once."""
    house.add("gone", documents=66, broken=1)
    ontology = house.home.corpora / "gone" / "ontology.yaml"
    ontology.write_text(ontology.read_text().replace("name: tiny", "name: other"))


def test_what_is_removed_is_gone_from_every_table_and_what_remains_is_named(house: House) -> None:
    house.add("kept", broken=1)
    add_gone(house)
    assert house.run("kept", *DATA).success
    assert house.run("gone").success
    holding = [t for t, contract in CONTRACTS.items() if "corpus" in contract.dtypes]
    assert [t for t in holding if not house.warehouse.count(t, "gone")] == []
    assert len(list(house.home.staged.rglob("gone"))) == 3
    remains = corpora.remove("gone", house.home, house.warehouse, house.instance)
    assert {t: n for t in holding if (n := house.warehouse.count(t, "gone"))} == {}
    assert [t for t in holding if not house.warehouse.count(t, "kept")] == []
    named = {p.name.split("-")[0] + p.suffix for p in remains}
    assert named >= {"sft.inputs", "sft", "grpo.inputs", "grpo", "predictions"}
    assert any(p.suffix == ".html" for p in remains)
    assert all(p.exists() for p in remains)
    assert list(house.home.staged.rglob("gone")) == []
    add_gone(house)
    assert house.run("gone").success
    assert all(house.warehouse.count(t, "gone") for t in ("eval_report", "predictions"))
