"""Evaluation on the gold dev examples: greedy answers after the legality filter, as a user would get them."""

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from text2graph_dagster.bootstrap import percentile_interval, resample_sums
from text2graph_dagster.evaluation.predictions import legal_graph
from text2graph_dagster.graph.model import Graph
from text2graph_dagster.identity import digest_json, sha256_file
from text2graph_dagster.inference.answer_format import answer_forms
from text2graph_dagster.inference.batch_generation import StudentAnswer, answer_prompts
from text2graph_dagster.inference.chat_template import render_prompts
from text2graph_dagster.ontology import Ontology
from text2graph_dagster.rewards.canonical import canonicalise, inverted_relations
from text2graph_dagster.rewards.items import to_gold_items
from text2graph_dagster.runtime.output_directory import RUN
from text2graph_dagster.runtime.program import read_package_versions
from text2graph_dagster.runtime.reporting import Reporter
from text2graph_dagster.settings import Settings
from text2graph_dagster.training.data.examples import Example, read_examples, tokenise_examples

_FORWARD_SHARE = 1 / 3  # of the time of a training step: the backward pass takes twice as long as the forward pass


def read_dev_examples(path: Path | None, settings: Settings) -> list[Example]:
    """Return a random sample of at most `student.dev_examples` gold dev examples, the same for SFT and GRPO."""
    if path is None:
        return []
    examples = read_examples(path, settings)
    count = min(len(examples), settings.student.dev_examples)
    return [examples[i] for i in random.Random(settings.seed).sample(range(len(examples)), count)]


def digest_conditions(dev: Path | None, ontologies: Mapping[str, Path], settings: Settings) -> str:
    """Return the digest of everything that affects the result of `evaluate_dev`, except the model."""
    return digest_json(
        {
            "dev": sha256_file(dev) if dev else None,
            "ontologies": {corpus: sha256_file(path) for corpus, path in ontologies.items()},
            "settings": settings.model_dump(mode="json", include={"student", "decoding", "evaluation", "seed"}),
            "thinking": settings.dataset.thinking,
            "versions": read_package_versions(),
        }
    )


def find_base_evaluation(base: Path | None, conditions: str) -> dict[str, float] | None:
    """Return the dev metrics in the base model's run.json if they have the same `conditions`, else None."""
    record = Path(base or "") / RUN
    if base is None or not record.is_file():
        return None
    run = json.loads(record.read_text(encoding="utf-8"))
    return run["dev"] if run.get("dev_conditions") == conditions else None


def estimate_dev_cost(examples: Sequence[Example], tokenizer: Any) -> float:
    """Return the number of trained tokens that take roughly as long as `evaluate_dev` on these examples.

    A prompt is read in one forward pass. A written token is counted as a trained one, since it needs a pass of its own.
    """
    tokens = tokenise_examples(examples, tokenizer)
    return sum(_FORWARD_SHARE * len(each.prompt) + len(each.answer) for each in tokens)


def evaluate_dev(
    model: Any,
    tokenizer: Any,
    examples: Sequence[Example],
    ontologies: Mapping[str, Ontology],
    settings: Settings,
    reporter: Reporter,
) -> dict[str, float]:
    """Return strict micro-F1 of relations and entities, with 95 % intervals, and statistics of the answers' form.

    As in the report, a relation is correct if its type and the texts and types of its head and tail are correct.
    """
    prompts = render_prompts([example.prompt for example in examples], tokenizer)
    answers = answer_prompts(
        model,
        tokenizer,
        prompts,
        max_new_tokens=settings.evaluation.max_new_tokens,
        batch_size=settings.evaluation.batch_size,
        progress=lambda done: reporter.log_progress("dev passages", done, len(prompts)),
        forms=answer_forms(examples, settings),
        precision=settings.decoding.precision,
    )
    graphs = [
        legal_graph(answer.text, example.text, *types, ontology, repair=settings.decoding.repair)
        for example, answer in zip(examples, answers, strict=True)
        for ontology, types in [(ontologies.get(example.corpus), (example.entity_types, example.relation_types))]
    ]
    entities, relations = _count_items(examples, graphs, ontologies)
    samples, seed = settings.evaluation.bootstrap_samples, settings.seed
    return {
        "passages": len(examples),
        "relation_f1": relations.f1,
        "relation_precision": relations.precision,
        "relation_recall": relations.recall,
        "entity_f1": entities.f1,
        "triple_ratio": relations.predicted / max(1, relations.gold),
        **_measure_form(answers, graphs),
        **dict(zip(("relation_f1_low", "relation_f1_high"), relations.interval(samples, seed), strict=True)),
        **dict(zip(("entity_f1_low", "entity_f1_high"), entities.interval(samples, seed), strict=True)),
    }


class ItemCounts:
    """True positives, predicted and gold items, summed over passages."""

    def __init__(self) -> None:
        self.right = self.predicted = self.gold = 0
        self._passages: list[tuple[int, int, int]] = []

    def add(self, predicted: set[Any], gold: set[Any]) -> None:
        """Add one passage."""
        self.right += len(predicted & gold)
        self.predicted += len(predicted)
        self.gold += len(gold)
        self._passages.append((len(predicted & gold), len(predicted), len(gold)))

    @property
    def precision(self) -> float:
        """Share of the predicted items that are right."""
        return self.right / max(1, self.predicted)

    @property
    def recall(self) -> float:
        """Share of the gold items that were predicted."""
        return self.right / max(1, self.gold)

    @property
    def f1(self) -> float:
        """Micro-F1."""
        return 2 * self.right / max(1, self.predicted + self.gold)

    def interval(self, samples: int, seed: int) -> tuple[float, float]:
        """Return the 95 % interval of F1, by bootstrap over passages."""
        sums = resample_sums(np.asarray(self._passages, dtype=np.float64).reshape(-1, 3), samples, seed)
        return percentile_interval(2 * sums[:, 0] / np.maximum(1, sums[:, 1] + sums[:, 2])) or (0.0, 0.0)


def comparable_triples(graph: Graph, inverted: Mapping[str, str]) -> set[Any]:
    """Return the relations as (triple, head and tail types), the form in which they are compared.

    Inverse relations are in one direction.
    """
    return {(triple, types) for triple, ends in to_gold_items(graph, inverted).relations.items() for types in ends}


def _count_items(
    examples: Sequence[Example], graphs: Sequence[Graph | None], ontologies: Mapping[str, Ontology]
) -> tuple[ItemCounts, ItemCounts]:
    """Return the counts of entities and of relations; an answer without a graph counts as an empty graph."""
    inverted = {corpus: inverted_relations(ontology) for corpus, ontology in ontologies.items()}
    entities, relations = ItemCounts(), ItemCounts()
    for example, graph in zip(examples, graphs, strict=True):
        found, directions = graph or Graph(), inverted.get(example.corpus, {})
        entities.add(_comparable_entities(found), _comparable_entities(example.graph))
        relations.add(comparable_triples(found, directions), comparable_triples(example.graph, directions))
    return entities, relations


def _comparable_entities(graph: Graph) -> set[tuple[str, str]]:
    return {(canonicalise(e.text), e.type) for e in graph.entities}


def _measure_form(answers: Sequence[StudentAnswer], graphs: Sequence[Graph | None]) -> dict[str, float]:
    """Return the shares of answers that parse, end with EOS, or have no relation, and the mean length in tokens."""
    n = max(1, len(answers))
    return {
        "parse_rate": sum(graph is not None for graph in graphs) / n,
        "stopped": sum(answer.stopped for answer in answers) / n,
        "empty_share": sum(not (graph and graph.relations) for graph in graphs) / n,
        "answer_tokens": sum(answer.tokens for answer in answers) / n,
    }
