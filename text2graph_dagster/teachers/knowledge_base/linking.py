"""Choose the names to search for, the entity that a name means in a passage, and that entity's type."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from text2graph_dagster.ontology import Ontology
from text2graph_dagster.teachers.knowledge_base.aliases import AliasIndex, Match
from text2graph_dagster.teachers.knowledge_base.knowledge import Knowledge, KnownEntity
from text2graph_dagster.teachers.knowledge_base.literals import render_literal

_MAX_SHARED_WORD = 5  # a word may be a name if at most this many other entities have it in longer names


def index_names(entities: Sequence[KnownEntity]) -> AliasIndex:
    """Return the index of all distinctive names; entities without a type of the ontology only block shorter names.

    A single word is not distinctive in two cases: it is part of the names of more other entities than there are lines
    about its own entity ("John", "City", "Battle"), or it is in lower case and only an alias ("house" for house music).
    Dates and numbers are indexed in all their usual forms.
    """
    parts = _name_parts(entities)
    index = AliasIndex()
    for number, entity in enumerate(entities):
        for alias in entity.aliases:
            if not entity.types:
                index.block(alias)
            elif " " in alias or (
                parts[alias] <= max(_MAX_SHARED_WORD, entity.prior) and (alias != alias.lower() or alias == entity.name)
            ):
                index.add(alias, number)
            for form in render_literal(alias) if entity.types else ():
                index.add_literal(form, number)
            if entity.types and render_literal(alias):
                index.add_literal(alias, number)
    return index


def _name_parts(entities: Iterable[KnownEntity]) -> Counter[str]:
    """Return {word: number of entities that have it in a longer name, but not as a name}."""
    parts: Counter[str] = Counter()
    for entity in entities:
        words = {word for alias in entity.aliases if " " in alias for word in alias.split()}
        parts.update(words.difference(entity.aliases))
    return parts


def resolve_entities(text: str, matches: Sequence[Match], knowledge: Knowledge) -> dict[int, list[Match]]:
    """Return {entity: its matches}; every surface means the same entity throughout the passage.

    A surface with a single candidate is certain. Otherwise the best candidate is chosen by these criteria, in this
    order: whether the passage contains a longer name of the candidate; its number of facts with certain entities; its
    number of facts with possible entities; whether the surface is its main name; the number of lines about it; its
    position in the file (the earlier one).
    """
    surfaces: dict[str, list[Match]] = defaultdict(list)
    for match in matches:
        surfaces[text[match.start : match.end]].append(match)
    certain = {found[0].candidates[0]: surface for surface, found in surfaces.items() if len(found[0].candidates) == 1}
    possible: dict[int, set[str]] = defaultdict(set)
    for surface, found in surfaces.items():
        for entity in found[0].candidates:
            possible[entity].add(surface)

    def rank(surface: str, entity: int) -> tuple[bool, int, int, bool, int, int]:
        partners = _partners(knowledge, entity, possible)
        return (
            any(len(other) > len(surface) for other in possible[entity]),
            sum(partner in certain for partner in partners),
            sum(possible[partner] != {surface} for partner in partners),
            knowledge.entities[entity].name == surface,
            knowledge.entities[entity].prior,
            -entity,
        )

    resolved: dict[int, list[Match]] = defaultdict(list)
    for surface, found in surfaces.items():
        candidates = found[0].candidates
        chosen = candidates[0] if len(candidates) == 1 else max(candidates, key=lambda e: rank(surface, e))
        resolved[chosen].extend(found)
    return {entity: sorted(found, key=lambda m: m.start) for entity, found in resolved.items()}


def _partners(knowledge: Knowledge, entity: int, among: Mapping[int, object]) -> list[int]:
    """Return the entities of `among` that have a fact with `entity`, in either direction."""
    tails = knowledge.facts.get(entity, {})
    return [e for e in among if e != entity and (e in tails or entity in knowledge.facts.get(e, {}))]


def choose_types(entities: Iterable[int], knowledge: Knowledge, ontology: Ontology) -> dict[int, str]:
    """Return {entity: its type}.

    If an entity has several types, the type is chosen that makes the most facts between it and the other entities
    legal; in a tie, the type that is most frequent in the knowledge base.
    """
    present = list(entities)
    types = {entity: knowledge.entities[entity].types for entity in present}
    chosen: dict[int, str] = {}
    for entity in present:
        if len(types[entity]) == 1:
            chosen[entity] = types[entity][0]
            continue
        chosen[entity] = max(
            types[entity], key=lambda t: _count_legal_facts(entity, t, present, types, knowledge, ontology)
        )
    return chosen


def _count_legal_facts(
    entity: int,
    as_type: str,
    present: Sequence[int],
    types: Mapping[int, Sequence[str]],
    knowledge: Knowledge,
    ontology: Ontology,
) -> int:
    """Count the facts between `entity`, with type `as_type`, and the others that satisfy a signature."""
    outgoing = sum(
        any(ontology.allows(as_type, fact.relation, other_type) for other_type in types[other])
        for other in present
        for fact in knowledge.facts.get(entity, {}).get(other, ())
    )
    incoming = sum(
        any(ontology.allows(other_type, fact.relation, as_type) for other_type in types[other])
        for other in present
        for fact in knowledge.facts.get(other, {}).get(entity, ())
    )
    return outgoing + incoming
