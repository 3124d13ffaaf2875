"""The words in which a student is asked: one place for training, evaluation and teachers.

Every prompt lists the types it asks for. Several phrasings of an instruction are files beside each other
(`extract.jinja`, `extract.2.jinja`, …); the first is the one that gold passages and teachers are asked in.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from text2graph_dagster.graph.model import Entity
from text2graph_dagster.identity import digest
from text2graph_dagster.ontology import Ontology
from text2graph_dagster.prompts import templates
from text2graph_dagster.prompts.escaping import as_data

Template = Literal["compact", "extract"]
Task = Literal["both", "entities", "relations"]

_TEXT, _GIVEN = "\0text\0", "\0given\0"  # stand for what only one example says; no type or description can hold a NUL
# The templates that ask for relations between given entities, and those that write the entities down for them.
_RELATE = {"compact": "compact_relate", "extract": "relate"}
_LISTED = {"compact": "compact_given", "extract": "given"}


def render(
    text: str,
    entity_types: Sequence[str],
    relation_types: Sequence[str],
    ontology: Ontology,
    template: Template,
    language: str,
    given: Sequence[Entity] | None = None,
    phrasing: int = 0,
) -> str:
    """Return the user message that asks for these types in this text.

    Args:
        entity_types, relation_types: names of types of `ontology`, in the order in which the prompt lists them.
        template: "compact" for nano and scratch, "extract" for one that follows instructions.
        language: of the prompt; English where there is no such prompt.
        given: the text's entities, where only relations between them are asked for.
        phrasing: which of the instruction's phrasings; 0 is the one of evaluation.
    """
    text = as_data(text)
    name = template if given is None else _RELATE[template]
    pieces = _around(tuple(entity_types), tuple(relation_types), _ByDigest(ontology), name, language, phrasing)
    if given is None:
        return text.join(pieces)
    before, between, after = pieces
    return f"{before}{given_block(given, template)}{between}{text}{after}"


def given_block(given: Sequence[Entity], template: Template) -> str:
    """Return given entities as a prompt lists them, the same in every language."""
    return templates.fill(templates.DEFAULT_LANGUAGE, _LISTED[template], entities=given)


@dataclass(frozen=True, slots=True, eq=False)
class _ByDigest:
    """An ontology that is compared by its digest: comparing all it says for every example would take longer."""

    ontology: Ontology

    def __hash__(self) -> int:
        return hash(self.ontology.digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ByDigest) and self.ontology.digest == other.ontology.digest


@lru_cache(maxsize=4096)
def _around(
    entity_types: tuple[str, ...],
    relation_types: tuple[str, ...],
    by_digest: _ByDigest,
    name: str,
    language: str,
    phrasing: int,
) -> tuple[str, ...]:
    """Return the prompt's pieces around what is the example's own: filled in once for the same types."""
    ontology = by_digest.ontology
    entities = {t.name: t for t in ontology.entity_types}
    wanted = set(entity_types)
    relations = []
    for relation_type in relation_types:
        relation = ontology.relation(relation_type)
        signatures = [s for s in relation.signatures if wanted.issuperset(s)]
        relations.append({"name": relation_type, "description": relation.description, "signatures": signatures})
    prompt = templates.fill(
        language,
        templates.phrasings(name, language)[phrasing],
        text=_TEXT,
        given=_GIVEN,
        entity_types=[entities[name] for name in entity_types],
        relation_types=relations,
    )
    before, after = prompt.split(_TEXT)  # a template that shows the text twice, or not at all, is a mistake
    return (*before.split(_GIVEN), after)


def choose_phrasing(passage_id: str, template: Template, task: Task, language: str, seed: int) -> int:
    """Return the phrasing of a passage's instruction, drawn by its id."""
    name = _RELATE[template] if task == "relations" else template
    count = len(templates.phrasings(name, language))
    return int(digest(str(seed), "phrasing", passage_id)[:8], 16) % count if count > 1 else 0
