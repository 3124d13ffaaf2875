"""Which names are looked for, which of its possible entities a name means in this passage, and as which type."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from text2graph_dagster.ontology import Ontology
from text2graph_dagster.teachers.knowledge_base.aliases import AliasIndex, Match
from text2graph_dagster.teachers.knowledge_base.knowledge import Knowledge, KnownEntity
from text2graph_dagster.teachers.knowledge_base.literals import render_literal

_RARE = 5


def index_names(entities: Sequence[KnownEntity]) -> AliasIndex:
    """Return the index of every distinctive name; entities without a type of the ontology only block shorter names.

    A single word is not distinctive when it is a part of the names of more other entities than there are lines about
    its bearer ("John", "City", "Battle"), nor a lower-case one that is only an alias ("house" for house music). Dates
    and numbers are looked for in all their usual renderings.
    """
    parts = _name_parts(entities)
    built = AliasIndex()
    for number, entity in enumerate(entities):
        for alias in entity.aliases:
            if not entity.types:
                built.block(alias)
            elif " " in alias or (
                parts[alias] <= max(_RARE, entity.prior) and (alias != alias.lower() or alias == entity.name)
            ):
                built.add(alias, number)
            for written in render_literal(alias) if entity.types else ():
                built.add_literal(written, number)
            if entity.types and render_literal(alias):
                built.add_literal(alias, number)
    return built


def _name_parts(entities: Iterable[KnownEntity]) -> Counter[str]:
    """Return word → number of entities whose longer names contain it and that are not called by it alone."""
    parts: Counter[str] = Counter()
    for entity in entities:
        words = {word for alias in entity.aliases if " " in alias for word in alias.split()}
        parts.update(words.difference(entity.aliases))
    return parts


def resolve_entities(text: str, matches: Sequence[Match], knowledge: Knowledge) -> dict[int, list[Match]]:
    """Return entity → its matches; every surface means one entity throughout the passage.

    A surface that only one entity bears is certain. Of several bearers, in this order, that one is meant which the
    passage also calls by a longer name; which stands in a fact with a certain entity; which stands in a fact with a
    possible one; whose proper name the surface is; which most lines of the knowledge base are about; which comes first.
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
        meant = candidates[0] if len(candidates) == 1 else max(candidates, key=lambda e: rank(surface, e))
        resolved[meant].extend(found)
    return {entity: sorted(found, key=lambda m: m.start) for entity, found in resolved.items()}


def _partners(knowledge: Knowledge, entity: int, among: Mapping[int, object]) -> list[int]:
    """Return the entities of `among` that stand in a fact with `entity`, in either direction."""
    tails = knowledge.facts.get(entity, {})
    return [e for e in among if e != entity and (e in tails or entity in knowledge.facts.get(e, {}))]


def choose_types(entities: Iterable[int], knowledge: Knowledge, ontology: Ontology) -> dict[int, str]:
    """Return entity → type.

    An entity of several types takes the one in which most facts about it and the others are legal, of equals the one
    the knowledge base uses most.
    """
    present = list(entities)
    types = {entity: knowledge.entities[entity].types for entity in present}
    chosen: dict[int, str] = {}
    for entity in present:
        if len(types[entity]) == 1:
            chosen[entity] = types[entity][0]
            continue
        chosen[entity] = max(types[entity], key=lambda t: _legal_facts(entity, t, present, types, knowledge, ontology))
    return chosen


def _legal_facts(
    entity: int,
    as_type: str,
    present: Sequence[int],
    types: Mapping[int, Sequence[str]],
    knowledge: Knowledge,
    ontology: Ontology,
) -> int:
    """Return how many facts between `entity`, taken as `as_type`, and the others respect a signature."""
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
