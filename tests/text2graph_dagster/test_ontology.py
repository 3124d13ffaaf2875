"""Loading an ontology, and the errors of a wrong one."""

from pathlib import Path

import pytest

from text2graph_dagster.errors import UserError
from text2graph_dagster.ontology import load_ontology

GOOD = """
name: tiny
language: en
entity_types:
  person: {description: a named individual}
  company:
relation_types:
  founded: {signatures: [[person, company]]}
  married to: {signatures: [[person, person]], symmetric: true}
  knows: {}
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "ontology.yaml"
    path.write_text(text)
    return path


def test_a_valid_ontology_is_loaded(tmp_path: Path) -> None:
    ontology = load_ontology(write(tmp_path, GOOD))
    assert ontology.entity_names == ("person", "company")
    assert ontology.relation_names == ("founded", "married to", "knows")
    assert ontology.allows("person", "founded", "company")
    assert not ontology.allows("company", "founded", "person")
    assert ontology.allows("company", "knows", "company")
    assert not ontology.allows("person", "eats", "company")


FAMILY = """
entity_types:
  place:
  city: {parent: place}
  port: {parent: city}
relation_types:
  located in: {signatures: [[place, place]], transitive: true, aliases: [in, "lies in"]}
  twinned with: {signatures: [[city, city]], symmetric: true}
"""


def test_a_signature_of_a_parent_allows_its_children(tmp_path: Path) -> None:
    ontology = load_ontology(write(tmp_path, FAMILY))
    assert ontology.allows("port", "located in", "place")
    assert ontology.allows("place", "located in", "city")
    assert ontology.allows("port", "twinned with", "city")
    assert not ontology.allows("place", "twinned with", "city")
    assert ontology.may_relate("place", "port")
    assert ontology.relation("located in").transitive
    assert ontology.relation("located in").aliases == ("in", "lies in")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("city: {parent: place}", "city: {parent: lake}", "its parent 'lake' is not an entity type"),
        ("  place:\n", "  place: {parent: port}\n", "form a cycle"),
    ],
)
def test_an_unknown_or_circular_parent_is_an_error(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        load_ontology(write(tmp_path, FAMILY.replace(old, new)))


def test_the_digest_changes_with_the_content(tmp_path: Path) -> None:
    one = load_ontology(write(tmp_path, GOOD)).digest
    assert load_ontology(write(tmp_path, GOOD + "\n# a remark")).digest == one
    assert load_ontology(write(tmp_path, GOOD.replace("a named", "any"))).digest != one


def test_types_may_be_plain_lists_of_names(tmp_path: Path) -> None:
    ontology = load_ontology(write(tmp_path, "entity_types: [a, b]\nrelation_types: [r]"))
    assert ontology.name == tmp_path.name
    assert ontology.allows("a", "r", "b")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("entity_types: [", "not readable YAML"),
        ("- a", "must contain a mapping"),
        ("relation_types: [r]", "at least one entity type"),
        (GOOD.replace("[person, company]", "[person, robot]"), "'robot'"),
        (GOOD.replace("company:\n", "Person:\n"), "occurs twice"),
        ("entity_types: ['', b]", "empty name"),
        ("entity_types: {7: }", "not text"),
        ("entity_types: ['a\"b']", "not usable"),
        ("entity_types: [a]\nrelation_types: {r: {inverse: s}}", "inverse"),
        ("entity_types: [a]\nrelation_types: {r: {signature: [[a, a]]}}", "unknown property"),
        ("entity_types: [a]\nrelations: [r]", "unknown key"),
        ("entity_types: [a]\nrelation_types: {r: {signatures: [a, a]}}", "list of [head type, tail type]"),
        ("!!python/object/apply:os.system ['true']", "not readable YAML"),
    ],
)
def test_an_invalid_ontology_is_a_one_line_error(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        load_ontology(write(tmp_path, text))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_ontology_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"needs an ontology\.yaml"):
        load_ontology(tmp_path / "ontology.yaml")
