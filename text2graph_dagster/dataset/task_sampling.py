"""Sample the task of each passage's example, and the types that its prompt lists.

Some prompts list the whole ontology. Others list a part of it: types that the passage states, types that are confused
with these in the corpus, and random types. Their answers contain only listed types, so that the student learns to
follow the list. A third group lists only types that the passage does not state, so that the right answer is empty.
"""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from text2graph_dagster.dataset.confusions import Confusions
from text2graph_dagster.graph.model import Graph
from text2graph_dagster.identity import digest
from text2graph_dagster.ontology import Ontology
from text2graph_dagster.prompts.rendering import Task
from text2graph_dagster.settings import DatasetSettings

ExampleKind = Literal["full", "subset", "negative"]

# A subset keeps each type with a probability drawn from this range, so that short and nearly complete lists both occur.
_KEPT_SHARE = (0.3, 0.9)


@dataclass(frozen=True, slots=True)
class SampledTask:
    """The task of one example, with the names of the types in the prompt's order."""

    task: Task
    kind: ExampleKind
    entity_types: Sequence[str]
    relation_types: Sequence[str]


class TaskSampler:
    """Samples the task of every passage of one corpus."""

    def __init__(self, ontology: Ontology, settings: DatasetSettings, seed: int, confusions: Confusions) -> None:
        self._ontology, self._settings, self._seed, self.confusions = ontology, settings, seed, confusions
        self._order = {name: i for i, name in enumerate((*ontology.entity_names, *ontology.relation_names))}
        self._signatures = {r.name: r.signatures for r in ontology.relation_types}

    def sample(self, passage_id: str, graph: Graph) -> SampledTask:
        """Return the task of this passage's example: it depends on the passage, the seed and the corpus only.

        With thinking, it is always the full task, because a rationale covers the whole graph.
        """
        rng = random.Random(digest(str(self._seed), passage_id, self._ontology.digest))
        task: Task = self._sample_task(passage_id, graph)
        kind: ExampleKind = "full"
        entity_types, relation_types = list(self._ontology.entity_names), list(self._ontology.relation_names)
        if not self._settings.thinking:
            absent = self._absent_types(graph)
            if absent and self._uniform("absent", passage_id) < self._settings.absent_share:
                task, kind = "both", "subset"
                entity_types, relation_types = self._sample_types(graph, rng, absent)
            elif rng.random() >= self._settings.full_ontology_share:
                kind = "subset"
                entity_types, relation_types = self._sample_types(graph, rng, entity_types)
        if task == "entities":
            relation_types = []
        if self._settings.shuffle_types:
            rng.shuffle(entity_types)
            rng.shuffle(relation_types)
        return SampledTask(task, kind, entity_types, relation_types)

    def _sample_task(self, passage_id: str, graph: Graph) -> Task:
        shares = self._settings.tasks
        if self._settings.thinking or not shares.entities + shares.relations:
            return "both"
        draw = self._uniform("task", passage_id) * (shares.both + shares.entities + shares.relations)
        if draw < shares.both:
            return "both"
        return "entities" if draw < shares.both + shares.entities or len(graph.entities) < 2 else "relations"

    def _uniform(self, what: str, passage_id: str) -> float:
        """Return a pseudo-random number in [0, 1) that depends on the passage and the seed."""
        return int(digest(str(self._seed), what, passage_id)[:12], 16) / 16**12

    def _absent_types(self, graph: Graph) -> list[str]:
        """Return the entity types that a passage does not state; none for a passage that states nothing at all."""
        stated = {e.type for e in graph.entities} if self._settings.absent_share else set()
        return [name for name in self._ontology.entity_names if name not in stated] if stated else []

    def _sample_types(self, graph: Graph, rng: random.Random, among: Sequence[str]) -> tuple[list[str], list[str]]:
        """Sample entity types from `among` and relation types between them; return both in the ontology's order."""
        share = rng.uniform(*_KEPT_SHARE)
        drawn = _sample_names(among, share, rng) or [rng.choice(among)]
        stated = {e.type for e in graph.entities}
        listed = {*drawn, *(t for t in self._hard_negatives(stated, self.confusions.entity_types) if t in among)}
        entity_types = sorted(listed, key=self._order.__getitem__)
        possible = [name for name in self._ontology.relation_names if self._can_connect(name, listed)]
        named = {r.type for r in graph.relations}
        hard = self._hard_negatives(named, self.confusions.relation_types).intersection(possible)
        return entity_types, sorted({*_sample_names(possible, share, rng), *hard}, key=self._order.__getitem__)

    def _hard_negatives(self, stated: Iterable[str], ranked: Mapping[str, Sequence[str]]) -> set[str]:
        """Return the types most easily confused with the stated ones that are not stated themselves."""
        stated, count = set(stated), self._settings.hard_negatives
        return {t for name in stated for t in [o for o in ranked.get(name, ()) if o not in stated][:count]}

    def _can_connect(self, relation: str, entity_types: Iterable[str]) -> bool:
        """Tell whether a signature allows the relation between two of these entity types."""
        signatures = self._signatures[relation]
        return not signatures or any(head in entity_types and tail in entity_types for head, tail in signatures)


def _sample_names(names: Sequence[str], share: float, rng: random.Random) -> list[str]:
    return [name for name in names if rng.random() < share]


def restrict_graph(graph: Graph, entity_types: Iterable[str], relation_types: Iterable[str]) -> Graph:
    """Return the part of the graph with these types, without relations whose head or tail is left out. Ids stay."""
    entity_names, relation_names = set(entity_types), set(relation_types)
    entities = tuple(e for e in graph.entities if e.type in entity_names)
    ids = {e.id for e in entities}
    relations = tuple(r for r in graph.relations if r.type in relation_names and r.head in ids and r.tail in ids)
    return Graph(entities, relations)
