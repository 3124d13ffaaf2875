"""The passage, gold graph and settings that the tests of the rewards share."""

import json
from collections.abc import Sequence

from text2graph_dagster.graph.model import Entity, Graph, Relation
from text2graph_dagster.ontology import EntityType, Ontology, RelationType
from text2graph_dagster.rewards.components import PENALTIES
from text2graph_dagster.rewards.items import RewardRequest
from text2graph_dagster.rewards.scoring import score_completion
from text2graph_dagster.settings import GrpoSettings

SETTINGS = GrpoSettings()
WEIGHTS = SETTINGS.weights.model_dump()
SPAN_CREDIT = SETTINGS.credit.span
TEXT = 'Ana Ruiz founded Velsoft in Oslo. Ana Ruiz lives in Oslo with Ben Ode. "Rack {9}" is a product of a_b and c.'
ONTOLOGY = Ontology(
    "test",
    "en",
    tuple(map(EntityType, ("person", "company", "city", "product"))),
    (
        RelationType("founded", signatures=(("person", "company"),)),
        RelationType("lives in", signatures=(("person", "city"),)),
        RelationType("married to", signatures=(("person", "person"),), symmetric=True),
        RelationType("visited"),  # allowed between any two types
    ),
)
Pair, Triple = tuple[str, str], tuple[str, str, str]
ENTITIES: list[Pair] = [("Ana Ruiz", "person"), ("Velsoft", "company"), ("Oslo", "city"), ("Ben Ode", "person")]
RELATIONS: list[Triple] = [
    ("Ana Ruiz", "founded", "Velsoft"),
    ("Ana Ruiz", "lives in", "Oslo"),
    ("Ana Ruiz", "married to", "Ben Ode"),
]
WORST = -sum(WEIGHTS[name] for name in PENALTIES)
BEST = sum(WEIGHTS[name] for name in ("json_valid", "entity_f1", "relation_f1"))


def graph(entities: Sequence[Pair] = ENTITIES, relations: Sequence[Triple] = RELATIONS) -> Graph:
    ids = {text: i for i, (text, _) in enumerate(entities)}
    return Graph(
        tuple(Entity(i, *e) for i, e in enumerate(entities)),
        tuple(Relation(ids[h], ids[t], kind) for h, kind, t in relations),
    )


def answer(entities: Sequence[Pair] = ENTITIES, relations: Sequence[Triple] = RELATIONS) -> str:
    return json.dumps(
        {
            "entities": [{"text": text, "type": kind} for text, kind in entities],
            "relations": [{"head": h, "type": kind, "tail": t} for h, kind, t in relations],
        }
    )


def think(completion: str, rationale: str = "Ana Ruiz is a person.") -> str:
    return f"<think>{rationale}</think>{completion}"


def parts(
    completion: str,
    gold: Graph | None = None,
    *,
    span_credit: float = 0.0,
    thinking: bool = False,
    text: str = TEXT,
    ontology: Ontology = ONTOLOGY,
) -> dict[str, float]:
    gold = graph() if gold is None else gold
    request = RewardRequest.prepare(text, ontology.entity_names, ontology.relation_names, gold, ontology)
    return score_completion(
        completion, request, WEIGHTS, span_credit=span_credit, untidy=SETTINGS.credit.untidy, thinking=thinking
    )


def total(
    completion: str, gold: Graph | None = None, *, span_credit: float = 0.0, thinking: bool = False, text: str = TEXT
) -> float:
    return parts(completion, gold, span_credit=span_credit, thinking=thinking, text=text)["total"]
