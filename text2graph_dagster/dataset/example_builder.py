"""From passages with graphs to training examples, and the few columns by which they are chosen."""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from zlib import crc32

import polars as pl

from text2graph_dagster.contracts import FILTERED_DATASET, frame_of
from text2graph_dagster.dataset import example_quality
from text2graph_dagster.dataset.confusions import mine
from text2graph_dagster.dataset.selection import LEFT_OUT, LIGHT, choose, take
from text2graph_dagster.dataset.task_sampling import Asking, Kind, restrict
from text2graph_dagster.graph.model import Graph, Span
from text2graph_dagster.graph.rows import from_rows, to_rows
from text2graph_dagster.graph.wire import serialise
from text2graph_dagster.identity import digest
from text2graph_dagster.ontology import Ontology
from text2graph_dagster.prompts.rendering import choose_phrasing, render
from text2graph_dagster.settings import DatasetSettings

_PHRASE_WORDS = 6  # so many words between two names tell one way of saying from another


@dataclass(frozen=True, slots=True)
class Built:
    """Training examples (columns of filtered_dataset), and the passages left out of them (passage_id, reason)."""

    examples: pl.DataFrame
    left_out: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Slice:
    """The examples of some passages, what their choice needs to know of each, and the passages that gave none."""

    examples: pl.DataFrame
    light: pl.DataFrame
    left_out: pl.DataFrame


def build_examples(
    passages: pl.DataFrame | Iterable[Mapping[str, Any]], ontology: Ontology, settings: DatasetSettings, seed: int
) -> Built:
    """Return one training example per passage of one corpus, except those left out.

    Args:
        passages: rows as `ExampleBuilder.build` takes them.
        seed: decides, together with a passage's id, what that passage's example asks for.

    Left out are: passages without a rationale where thinking is asked for, passages with an empty answer beyond
    `empty_share` of the examples, and all but `max_examples` good ones.
    """
    rows = passages.to_dicts() if isinstance(passages, pl.DataFrame) else list(passages)
    confusions = mine(ontology, (from_rows(row["entities"], row["relations"]) for row in rows))
    built = ExampleBuilder(ontology, settings, seed, Asking(ontology, settings, seed, confusions)).build(rows)
    chosen, left_out = choose(built.light, settings)
    return Built(take(built.examples, chosen), pl.concat([built.left_out, left_out]))


@dataclass(frozen=True, slots=True)
class ExampleBuilder:
    """Makes the examples of one corpus."""

    ontology: Ontology
    settings: DatasetSettings
    seed: int
    asking: Asking

    def build(self, rows: Iterable[Mapping[str, Any]]) -> Slice:
        """Return the examples of these passages.

        Args:
            rows: with corpus, passage_id, text, language, entities, relations; with `settings.thinking` also
                rationale (null: there is none that was verified); `agreement` of the teacher's samples, if known.
        """
        examples, light, without = [], [], []
        for row in rows:
            if self.settings.thinking and not row["rationale"]:
                without.append({"passage_id": row["passage_id"], "reason": "no_rationale"})
                continue
            example, answer = self._example(row)
            labels = _labels(answer, row["text"])
            light.append(
                {name: example[name] for name in ("example_id", "corpus", "passage_id", "kind", "score")}
                | {"labels": [label for label, _ in labels], "phrases": [phrase for _, phrase in labels]}
            )
            examples.append(example)
        return Slice(
            FILTERED_DATASET.frame(examples),
            frame_of(light, LIGHT),
            frame_of(without, LEFT_OUT),
        )

    def _example(self, row: Mapping[str, Any]) -> tuple[dict[str, Any], Graph]:
        """Return one row of filtered_dataset and its answer."""
        settings, ontology, passage_id = self.settings, self.ontology, row["passage_id"]
        graph = from_rows(row["entities"], row["relations"])
        wanted = self.asking.choose(passage_id, graph)
        answer = restrict(graph, wanted.entity_types, wanted.relation_types)
        kind: Kind = wanted.kind if answer.entities else "negative"
        given = answer.entities if wanted.task == "relations" and answer.entities else None
        task = wanted.task if given or wanted.task == "entities" else "both"
        template, language = settings.template, row["language"]
        phrasing = choose_phrasing(passage_id, template, task, language, self.seed) if settings.phrasings else 0
        prompt = render(
            row["text"], wanted.entity_types, wanted.relation_types, ontology, template, language, given, phrasing
        )
        rationale = f"<think>\n{row['rationale']}\n</think>\n" if settings.thinking else ""
        reply = rationale + serialise(answer)
        entities, relations = to_rows(answer)
        verified = 1.0 if settings.thinking else None
        confidence = example_quality.confidence(row["relations"])
        example = {
            "example_id": digest(row["corpus"], passage_id, prompt, reply),
            "corpus": row["corpus"],
            "passage_id": passage_id,
            "split": _split(passage_id, settings, self.seed),
            "task": task,
            "kind": kind,
            "messages": [{"role": "user", "content": prompt}, {"role": "assistant", "content": reply}],
            "entity_types": list(wanted.entity_types),
            "relation_types": list(wanted.relation_types),
            "entities": entities,
            "relations": relations,
            "score": example_quality.score(graph, row["text"], ontology, verified, confidence, row.get("agreement")),
        }
        return example, answer


def _split(passage_id: str, settings: DatasetSettings, seed: int) -> Literal["sft", "grpo"]:
    """Return the stage that trains on this passage.

    On passages that SFT has taught, a student is surer and more often right than it will be on new ones; rewarded
    there, it learns to say too much. So GRPO has passages of its own.
    """
    rng = random.Random(digest(str(seed), "split", passage_id))
    return "grpo" if rng.random() < settings.held_out_for_grpo else "sft"


def _labels(answer: Graph, text: str) -> list[tuple[str, int]]:
    """Return what an example teaches: its relation types, each with a number for its words; else its entity types."""
    if not answer.relations:
        return [(kind, 0) for kind in sorted({e.type for e in answer.entities})] or [("", 0)]
    entities = answer.by_id()
    return [(r.type, _phrase(entities[r.head].mentions, entities[r.tail].mentions, text)) for r in answer.relations]


def _phrase(head: Sequence[Span], tail: Sequence[Span], text: str) -> int:
    """Return a number for the words between two names, and for which of them comes first."""
    if not head or not tail:
        return 0
    forward = head[0].start < tail[0].start
    first, second = (head[0], tail[0]) if forward else (tail[0], head[0])
    words = text[first.end : second.start].casefold().split()[:_PHRASE_WORDS]
    return crc32(" ".join((str(forward), *words)).encode("utf-8", "replace"))
