"""The ontology file is complete."""

import yaml

from examples.gazette.generate import Summary
from examples.gazette.ontology import ENTITY_TYPES, SYMMETRIC


def test_the_ontology_file_is_complete(written: Summary) -> None:
    ontology = yaml.safe_load((written.folder / "ontology.yaml").read_text(encoding="utf-8"))
    assert set(ontology["entity_types"]) == set(ENTITY_TYPES) and len(ENTITY_TYPES) == 8
    assert len(ontology["relation_types"]) == 20
    for relation in ontology["relation_types"].values():
        assert relation["description"]
        assert all(end in ENTITY_TYPES for signature in relation["signatures"] for end in signature)
    symmetric = [name for name, relation in ontology["relation_types"].items() if relation.get("symmetric")]
    assert tuple(symmetric) == SYMMETRIC
