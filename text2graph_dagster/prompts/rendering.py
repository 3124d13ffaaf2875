"""Render the extraction prompt for training, evaluation, extraction and teachers.

Prompts list the requested types, except for a student that always extracts the same ones. Each phrasing of an
instruction is a file (`extract.jinja`, `extract.2.jinja`, …); gold passages and teachers get the first phrasing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from text2graph_dagster.graph.model import Entity
from text2graph_dagster.identity import digest
from text2graph_dagster.ontology import Ontology
from text2graph_dagster.prompts import templates
from text2graph_dagster.prompts.escaping import escape_document

Template = Literal["compact", "extract", "text"]
Task = Literal["both", "entities", "relations"]

_TEXT, _GIVEN = (
    "\0text\0",
    "\0given\0",
)  # placeholders for the passage and the given entities; no type or description can contain a NUL
# The templates that request relations between given entities, and the templates that list the given entities.
_RELATE = {"compact": "compact_relate", "extract": "relate"}
_LISTED = {"compact": "compact_given", "extract": "given"}


def render_prompt(
    text: str,
    entity_types: Sequence[str],
    relation_types: Sequence[str],
    ontology: Ontology,
    template: Template,
    language: str,
    given: Sequence[Entity] | None = None,
    phrasing: int = 0,
) -> str:
    """Return the user message that requests the given types in `text`.

    Args:
        entity_types, relation_types: names of types of `ontology`, in the order in which the prompt lists them.
        template: "compact" lists the types, "extract" also instructs a chat model, "text" has nothing but the passage.
        language: the language of the prompt; English is used if there is no template in this language.
        given: the text's entities, if only relations between them are requested.
        phrasing: index of the instruction's phrasing; evaluation uses 0.
    """
    text = escape_document(text)
    name = template if given is None else _RELATE[template]
    pieces = _split_prompt(tuple(entity_types), tuple(relation_types), _ByDigest(ontology), name, language, phrasing)
    if given is None:
        return text.join(pieces)
    before, between, after = pieces
    return f"{before}{list_given_entities(given, template)}{between}{text}{after}"


def list_given_entities(given: Sequence[Entity], template: Template) -> str:
    """Return given entities as a prompt lists them, the same in every language."""
    return templates.fill_template(templates.DEFAULT_LANGUAGE, _LISTED[template], entities=given)


@dataclass(frozen=True, slots=True, eq=False)
class _ByDigest:
    """An ontology that is compared by its digest, which is faster than comparing all its fields."""

    ontology: Ontology

    def __hash__(self) -> int:
        return hash(self.ontology.digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ByDigest) and self.ontology.digest == other.ontology.digest


@lru_cache(maxsize=4096)
def _split_prompt(
    entity_types: tuple[str, ...],
    relation_types: tuple[str, ...],
    by_digest: _ByDigest,
    name: str,
    language: str,
    phrasing: int,
) -> tuple[str, ...]:
    """Return the parts of the prompt around passage and given entities; cached, because many examples share them."""
    ontology = by_digest.ontology
    entities = {t.name: t for t in ontology.entity_types}
    wanted = set(entity_types)
    relations = []
    for relation_type in relation_types:
        relation = ontology.relation(relation_type)
        signatures = [s for s in relation.signatures if wanted.issuperset(s)]
        relations.append({"name": relation_type, "description": relation.description, "signatures": signatures})
    prompt = templates.fill_template(
        language,
        templates.list_phrasings(name, language)[phrasing],
        text=_TEXT,
        given=_GIVEN,
        entity_types=[entities[name] for name in entity_types],
        relation_types=relations,
    )
    before, after = prompt.split(_TEXT)  # raises ValueError unless the template contains the text exactly once
    return (*before.split(_GIVEN), after)


def choose_phrasing(passage_id: str, template: Template, task: Task, language: str, seed: int) -> int:
    """Return the index of the instruction's phrasing for a passage, chosen by a digest of the passage_id."""
    name = _RELATE[template] if task == "relations" else template
    count = len(templates.list_phrasings(name, language))
    return int(digest(str(seed), "phrasing", passage_id)[:8], 16) % count if count > 1 else 0
