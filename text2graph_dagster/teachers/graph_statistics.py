"""Statistics of a corpus's graphs: conformity to the ontology, diversity of types, agreement between samples."""

import math
from collections.abc import Iterable, Sequence

from text2graph_dagster.graph.model import Graph
from text2graph_dagster.ontology import Ontology
from text2graph_dagster.teachers.voting import vote_agreement

TypeCount = tuple[str, int]
TypedRelationCount = tuple[str, str, str, int]  # head type, relation type, tail type, count


def share_in_ontology(
    entities: Sequence[TypeCount], relations: Sequence[TypeCount], ontology: Ontology
) -> float | None:
    """Return the share of entities and relations whose type is in the ontology; None if there are no items.

    `entities` and `relations` are counts by type.
    """
    known = sum(n for name, n in entities if name in ontology.entity_names)
    known += sum(n for name, n in relations if name in ontology.relation_names)
    total = sum(n for _, n in (*entities, *relations))
    return known / total if total else None


def share_of_allowed_relations(relations: Sequence[TypedRelationCount], ontology: Ontology) -> float | None:
    """Return the share of relations that the ontology's signatures allow; None if there are no relations."""
    allowed = sum(n for head, name, tail, n in relations if ontology.allows(head, name, tail))
    total = sum(n for *_, n in relations)
    return allowed / total if total else None


def normalised_entropy(counts: Sequence[int], categories: int) -> float | None:
    """Return the normalised entropy of the counts: their entropy divided by log(`categories`), its maximum.

    The result is in [0, 1]. It is None if there are fewer than two categories or all counts are 0.
    """
    total = sum(counts)
    if categories < 2 or not total:
        return None
    return -sum(n / total * math.log(n / total) for n in counts) / math.log(categories)


def mean_agreement(samples: Iterable[Sequence[Graph]], ontology: Ontology) -> float | None:
    """Return the mean agreement of the graphs of a passage, over passages; None if no passage has two graphs."""
    scores = [score for graphs in samples if (score := vote_agreement(graphs, ontology)) is not None]
    return sum(scores) / len(scores) if scores else None
