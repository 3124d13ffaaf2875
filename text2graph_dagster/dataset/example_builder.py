"""Build training examples from passages with graphs, and the few columns by which they are selected."""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from zlib import crc32

import polars as pl

from text2graph_dagster.contracts import FILTERED_DATASET, frame_of
from text2graph_dagster.dataset import example_quality
from text2graph_dagster.dataset.selection import LEFT_OUT_COLUMNS, SELECTION_COLUMNS
from text2graph_dagster.dataset.task_sampling import ExampleKind, SampledTask, TaskSampler, restrict_graph
from text2graph_dagster.graph.model import Graph, Span
from text2graph_dagster.graph.rows import from_rows, to_rows
from text2graph_dagster.graph.wire import serialise
from text2graph_dagster.identity import digest
from text2graph_dagster.ontology import Ontology
from text2graph_dagster.prompts.rendering import Task, choose_phrasing, render_prompt
from text2graph_dagster.settings import DatasetSettings

_PHRASE_WORDS = 6  # number of words between two names by which wordings are distinguished


@dataclass(frozen=True, slots=True)
class ExampleBatch:
    """Examples of some passages (columns of filtered_dataset), their `SELECTION_COLUMNS`, and passages left out."""

    examples: pl.DataFrame
    candidates: pl.DataFrame
    left_out: pl.DataFrame


@dataclass(frozen=True, slots=True)
class ExampleBuilder:
    """Builds the examples of one corpus; an example does not depend on other passages."""

    ontology: Ontology
    settings: DatasetSettings
    seed: int
    sampler: TaskSampler

    def build(self, rows: Iterable[Mapping[str, Any]]) -> ExampleBatch:
        """Return the examples of these passages.

        Args:
            rows: with corpus, passage_id, text, language, entities, relations, and optionally agreement (of the
                teacher's samples). With `settings.thinking` also rationale; a passage is left out if it is null (no
                rationale was verified).
        """
        examples, candidates, left_out = [], [], []
        for row in rows:
            if self.settings.thinking and not row["rationale"]:
                left_out.append({"passage_id": row["passage_id"], "reason": "no_rationale"})
                continue
            example, answer = self._build_example(row)
            labels = _label_wordings(answer, row["text"])
            candidates.append(
                {name: example[name] for name in ("example_id", "corpus", "passage_id", "kind", "score")}
                | {"labels": [label for label, _ in labels], "phrases": [phrase for _, phrase in labels]}
            )
            examples.append(example)
        return ExampleBatch(
            FILTERED_DATASET.frame(examples),
            frame_of(candidates, SELECTION_COLUMNS),
            frame_of(left_out, LEFT_OUT_COLUMNS),
        )

    def _build_example(self, row: Mapping[str, Any]) -> tuple[dict[str, Any], Graph]:
        """Return one row of filtered_dataset and the graph of its answer."""
        passage_id, graph = row["passage_id"], from_rows(row["entities"], row["relations"])
        sampled = self.sampler.sample(passage_id, graph)
        answer = restrict_graph(graph, sampled.entity_types, sampled.relation_types)
        kind: ExampleKind = sampled.kind if answer.entities else "negative"
        task, prompt = self._render_prompt(row, sampled, answer)
        rationale = f"<think>\n{row['rationale']}\n</think>\n" if self.settings.thinking else ""
        reply = rationale + serialise(answer)
        entities, relations = to_rows(answer)
        example = {
            "example_id": digest(row["corpus"], passage_id, prompt, reply),
            "corpus": row["corpus"],
            "passage_id": passage_id,
            "split": _sample_split(passage_id, self.settings, self.seed),
            "task": task,
            "kind": kind,
            "messages": [{"role": "user", "content": prompt}, {"role": "assistant", "content": reply}],
            "entity_types": list(sampled.entity_types),
            "relation_types": list(sampled.relation_types),
            "entities": entities,
            "relations": relations,
            "score": self._score(row, graph),
        }
        return example, answer

    def _render_prompt(self, row: Mapping[str, Any], sampled: SampledTask, answer: Graph) -> tuple[Task, str]:
        """Return (task, prompt). The task "relations" becomes "both" if there are no entities to list in the prompt."""
        template, language = self.settings.template, row["language"]
        given = answer.entities if sampled.task == "relations" and answer.entities else None
        task: Task = sampled.task if given or sampled.task == "entities" else "both"
        phrasing = (
            choose_phrasing(row["passage_id"], template, task, language, self.seed) if self.settings.phrasings else 0
        )
        entity_types, relation_types = sampled.entity_types, sampled.relation_types
        prompt = render_prompt(
            row["text"], entity_types, relation_types, self.ontology, template, language, given, phrasing
        )
        return task, prompt

    def _score(self, row: Mapping[str, Any], graph: Graph) -> float:
        verified = 1.0 if self.settings.thinking else None
        confidence = example_quality.mean_confidence(row["relations"])
        return example_quality.score_example(
            graph, row["text"], self.ontology, verified, confidence, row.get("agreement")
        )


def _sample_split(passage_id: str, settings: DatasetSettings, seed: int) -> Literal["sft", "grpo"]:
    """Return the stage that trains on this passage.

    On passages of SFT, a student is more confident and more often right than on new ones. GRPO on these passages would
    teach it to predict too much, so GRPO has separate passages.
    """
    rng = random.Random(digest(str(seed), "split", passage_id))
    return "grpo" if rng.random() < settings.held_out_for_grpo else "sft"


def _label_wordings(answer: Graph, text: str) -> list[tuple[str, int]]:
    """Return (relation type, number of its wording) for each relation; without relations (entity type, 0)."""
    if not answer.relations:
        return [(kind, 0) for kind in sorted({e.type for e in answer.entities})] or [("", 0)]
    entities = answer.by_id()
    return [
        (r.type, _hash_wording(entities[r.head].mentions, entities[r.tail].mentions, text)) for r in answer.relations
    ]


def _hash_wording(head: Sequence[Span], tail: Sequence[Span], text: str) -> int:
    """Return a hash of the words between two names and of which name comes first."""
    if not head or not tail:
        return 0
    forward = head[0].start < tail[0].start
    first, second = (head[0], tail[0]) if forward else (tail[0], head[0])
    words = text[first.end : second.start].casefold().split()[:_PHRASE_WORDS]
    return crc32(" ".join((str(forward), *words)).encode("utf-8", "replace"))
