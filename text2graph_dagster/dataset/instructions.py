"""From passages with graphs to training examples: what is asked for, in which words, and the answer.

Every prompt lists the types it asks for. A share of the examples asks for the whole ontology, the others for a sampled
subset of present and absent types, so that the student learns to obey the list; their answers hold no other types.
"""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import polars as pl

from text2graph_dagster import prompts
from text2graph_dagster.contracts import FILTERED_DATASET
from text2graph_dagster.dataset.quality import score
from text2graph_dagster.graph import Graph, from_rows, serialise, to_rows
from text2graph_dagster.identity import digest
from text2graph_dagster.ontology import Ontology
from text2graph_dagster.settings import DatasetSettings

Kind = Literal["full", "subset", "negative"]

# A subset keeps each type with a probability drawn from this range: small and nearly complete lists both occur.
_KEPT_SHARE = (0.3, 0.9)
_TEXT = "\0text\0"  # stands for the passage while a prompt is filled in; no type or description can hold a NUL


@dataclass(frozen=True, slots=True)
class Built:
    """Training examples (columns of filtered_dataset), and the passages left out of them, each with its reason."""

    examples: pl.DataFrame
    left_out: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What one example asks for, by name and in the prompt's order."""

    kind: Kind
    entity_types: Sequence[str]
    relation_types: Sequence[str]


def render(
    text: str,
    entity_types: Sequence[str],
    relation_types: Sequence[str],
    ontology: Ontology,
    template: Literal["compact", "extract"],
    language: str,
) -> str:
    """Return the user message that asks for these types in this text.

    Args:
        entity_types, relation_types: names of types of `ontology`, in the order in which the prompt lists them.
        template: "compact" for a model trained from scratch, "extract" for one that follows instructions.
        language: of the prompt; English where there is no such prompt.
    """
    before, after = _around_text(tuple(entity_types), tuple(relation_types), ontology, template, language)
    return before + text + after


@lru_cache(maxsize=1024)
def _around_text(
    entity_types: tuple[str, ...], relation_types: tuple[str, ...], ontology: Ontology, template: str, language: str
) -> tuple[str, str]:
    """Return the prompt before and after the text: most examples ask for the same types, so it is filled in once."""
    entities = {t.name: t for t in ontology.entity_types}
    wanted = set(entity_types)
    relations = []
    for name in relation_types:
        relation = ontology.relation(name)
        signatures = [s for s in relation.signatures if wanted.issuperset(s)]
        relations.append({"name": name, "description": relation.description, "signatures": signatures})
    prompt = prompts.fill(
        language,
        template,
        text=_TEXT,
        entity_types=[entities[name] for name in entity_types],
        relation_types=relations,
    )
    before, after = prompt.split(_TEXT)  # a template that shows the text twice, or not at all, is a mistake
    return before, after


def build_examples(
    passages: pl.DataFrame | Iterable[Mapping[str, Any]], ontology: Ontology, settings: DatasetSettings, seed: int
) -> Built:
    """Return one training example per passage, except those left out.

    Args:
        passages: rows with corpus, passage_id, text, language, entities, relations; with `settings.thinking` also
            rationale (null: there is none that was verified). All are training passages.
        seed: decides, together with a passage's id and nothing else, what that passage's example asks for.

    Left out are: passages without a rationale where thinking is asked for, passages with an empty answer beyond
    `empty_share` of the examples, and all but the best `max_examples`.
    """
    rows = passages.iter_rows(named=True) if isinstance(passages, pl.DataFrame) else passages
    left_out: dict[str, str] = {}
    examples: list[dict[str, Any]] = []
    for row in rows:
        if settings.thinking and not row["rationale"]:
            left_out[row["passage_id"]] = "no_rationale"
        else:
            examples.append(_example(row, ontology, settings, seed))
    examples = _limit_empty(examples, settings.empty_share, seed, left_out)
    examples = _best(examples, settings.max_examples, left_out)
    columns = {name: [example[name] for example in examples] for name in FILTERED_DATASET.dtypes}
    return Built(pl.DataFrame(columns, schema=FILTERED_DATASET.dtypes), left_out)


def _example(row: Mapping[str, Any], ontology: Ontology, settings: DatasetSettings, seed: int) -> dict[str, Any]:
    """Return one row of filtered_dataset."""
    graph = from_rows(row["entities"], row["relations"])
    wanted = _choose(row["passage_id"], ontology, settings, seed)
    answer = restrict(graph, wanted.entity_types, wanted.relation_types)
    kind: Kind = wanted.kind if answer.entities else "negative"
    rationale = row["rationale"] if settings.thinking else ""
    prompt = render(
        row["text"], wanted.entity_types, wanted.relation_types, ontology, settings.template, row["language"]
    )
    reply = (f"<think>\n{rationale}\n</think>\n" if settings.thinking else "") + serialise(answer)
    entities, relations = to_rows(answer)
    return {
        "example_id": digest(row["corpus"], row["passage_id"], prompt, reply),
        "corpus": row["corpus"],
        "passage_id": row["passage_id"],
        "split": _split(row["passage_id"], settings, seed),
        "kind": kind,
        "messages": [{"role": "user", "content": prompt}, {"role": "assistant", "content": reply}],
        "entity_types": list(wanted.entity_types),
        "relation_types": list(wanted.relation_types),
        "entities": entities,
        "relations": relations,
        "score": score(graph, row["text"], ontology, True if settings.thinking else None),
    }


def _split(passage_id: str, settings: DatasetSettings, seed: int) -> Literal["sft", "grpo"]:
    """Return the stage that trains on this passage.

    On passages that SFT has taught, a student is surer and more often right than it will be on new ones; rewarded
    there, it learns to say too much. So GRPO has passages of its own.
    """
    rng = random.Random(digest(str(seed), "split", passage_id))
    return "grpo" if rng.random() < settings.held_for_grpo else "sft"


def _choose(passage_id: str, ontology: Ontology, settings: DatasetSettings, seed: int) -> _Wanted:
    """Return what the example of this passage asks for: a function of seed, passage and ontology only.

    With thinking it is always everything, because a rationale speaks of the whole graph.
    """
    rng = random.Random(digest(str(seed), passage_id, ontology.digest))
    entity_types, relation_types = list(ontology.entity_names), list(ontology.relation_names)
    kind: Kind = "full"
    if not settings.thinking and rng.random() >= settings.full_ontology_share:
        kind, share = "subset", rng.uniform(*_KEPT_SHARE)
        entity_types = _some(entity_types, share, rng) or [rng.choice(entity_types)]
        relation_types = _some([n for n in relation_types if _askable(n, entity_types, ontology)], share, rng)
    if settings.shuffle_types:
        rng.shuffle(entity_types)
        rng.shuffle(relation_types)
    return _Wanted(kind, entity_types, relation_types)


def _some(names: Sequence[str], share: float, rng: random.Random) -> list[str]:
    return [name for name in names if rng.random() < share]


def _askable(relation: str, entity_types: Sequence[str], ontology: Ontology) -> bool:
    """Tell whether both ends of the relation can be among the entity types asked for."""
    signatures = ontology.relation(relation).signatures
    return not signatures or any(head in entity_types and tail in entity_types for head, tail in signatures)


def restrict(graph: Graph, entity_types: Iterable[str], relation_types: Iterable[str]) -> Graph:
    """Return the part of the graph that these types ask for; a relation needs both its ends. Ids stay."""
    wanted, kinds = set(entity_types), set(relation_types)
    entities = tuple(e for e in graph.entities if e.type in wanted)
    ids = {e.id for e in entities}
    relations = tuple(r for r in graph.relations if r.type in kinds and r.head in ids and r.tail in ids)
    return Graph(entities, relations)


def _limit_empty(
    examples: list[dict[str, Any]], share: float, seed: int, left_out: dict[str, str]
) -> list[dict[str, Any]]:
    """Keep so many empty answers that they are at most `share` of all; a hash decides which, never their order."""
    empty = [e for e in examples if e["kind"] == "negative"]
    allowed = len(empty) if share >= 1 else int(share / (1 - share) * (len(examples) - len(empty)) + 1e-9)
    if len(empty) <= allowed:
        return examples
    empty.sort(key=lambda e: digest(str(seed), e["example_id"]))
    dropped = {e["example_id"] for e in empty[allowed:]}
    left_out.update((e["passage_id"], "too_many_empty") for e in empty[allowed:])
    return [e for e in examples if e["example_id"] not in dropped]


def _best(examples: list[dict[str, Any]], most: int | None, left_out: dict[str, str]) -> list[dict[str, Any]]:
    """Keep the `most` examples of highest score, of equal ones those of lowest id, in their order."""
    if most is None or len(examples) <= most:
        return examples
    ranked = sorted(examples, key=lambda e: (-e["score"], e["example_id"]))
    kept = {e["example_id"] for e in ranked[:most]}
    left_out.update((e["passage_id"], "beyond_max_examples") for e in examples if e["example_id"] not in kept)
    return [e for e in examples if e["example_id"] in kept]
