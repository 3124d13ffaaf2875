"""How good a student is on gold passages: greedy answers, through the legality filter, as a user would get them."""

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from text2graph_dagster.bootstrap import interval, resampled_sums
from text2graph_dagster.graph.legality import legalise
from text2graph_dagster.graph.model import Graph
from text2graph_dagster.graph.parsing import GraphParseError, parse
from text2graph_dagster.identity import digest_json, sha256_of
from text2graph_dagster.inference.answer_format import answer_forms
from text2graph_dagster.inference.batch_generation import answer_prompts
from text2graph_dagster.inference.chat_template import render_prompts
from text2graph_dagster.ontology import Ontology
from text2graph_dagster.rewards.canonical import NO_INVERSIONS, canonicalise, inverted_relations
from text2graph_dagster.rewards.items import to_gold_items
from text2graph_dagster.runtime.output_directory import RUN
from text2graph_dagster.runtime.program import read_package_versions
from text2graph_dagster.runtime.reporting import Reporter
from text2graph_dagster.settings import Settings
from text2graph_dagster.training.config import TrainingConfig
from text2graph_dagster.training.data.examples import Example, read_examples


def read_dev_examples(config: TrainingConfig) -> list[Example]:
    """Return the gold dev examples, at most `dev_examples` of them: the same for both stages."""
    if config.dev is None:
        return []
    examples = read_examples(config.dev, config.settings)
    count = min(len(examples), config.settings.student.dev_examples)
    return [examples[i] for i in random.Random(config.settings.seed).sample(range(len(examples)), count)]


def conditions(config: TrainingConfig) -> str:
    """Return the digest of everything but the model that decides what `measure` says of it."""
    settings = config.settings
    return digest_json(
        {
            "dev": sha256_of(config.dev) if config.dev else None,
            "ontologies": {corpus: sha256_of(path) for corpus, path in config.ontologies.items()},
            "settings": settings.model_dump(mode="json", include={"student", "decoding", "evaluation", "seed"}),
            "thinking": settings.dataset.thinking,
            "versions": read_package_versions(),
        }
    )


def find_base_evaluation(config: TrainingConfig) -> dict[str, float] | None:
    """Return what the program that made the base measured of it under the same conditions; None if it did not."""
    record = Path(config.base or "") / RUN
    if config.base is None or not record.is_file():
        return None
    run = json.loads(record.read_text(encoding="utf-8"))
    return run["dev"] if run.get("dev_conditions") == conditions(config) else None


def measure(
    model: Any,
    tokenizer: Any,
    examples: Sequence[Example],
    ontologies: Mapping[str, Ontology],
    settings: Settings,
    reporter: Reporter,
) -> dict[str, float]:
    """Return strict micro-F1 of relations and entities, and how the answers are formed.

    A relation is right when its type and the texts and types of both ends are, as in the report.
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
    )
    turned_in = {corpus: inverted_relations(ontology) for corpus, ontology in ontologies.items()}
    entities, relations = ItemCounts(), ItemCounts()
    parsed = stopped = empty = 0
    for example, answer in zip(examples, answers, strict=True):
        graph = legal_graph(answer.text, example, ontologies.get(example.corpus))
        turned = turned_in.get(example.corpus, NO_INVERSIONS)
        parsed += graph is not None
        stopped += answer.stopped
        graph = graph or Graph()
        empty += not graph.relations
        entities.add(_entities(graph), _entities(example.graph))
        relations.add(triples(graph, turned), triples(example.graph, turned))
    n = max(1, len(examples))
    samples, seed = settings.evaluation.bootstrap_samples, settings.seed
    return {
        "passages": len(examples),
        "relation_f1": relations.f1,
        "relation_precision": relations.precision,
        "relation_recall": relations.recall,
        "entity_f1": entities.f1,
        "triple_ratio": relations.predicted / max(1, relations.gold),
        "parse_rate": parsed / n,
        "stopped": stopped / n,
        "empty_share": empty / n,
        "answer_tokens": sum(answer.tokens for answer in answers) / n,
        **dict(zip(("relation_f1_low", "relation_f1_high"), relations.interval(samples, seed), strict=True)),
        **dict(zip(("entity_f1_low", "entity_f1_high"), entities.interval(samples, seed), strict=True)),
    }


class ItemCounts:
    """True positives, predicted and gold items."""

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
        """Share of the gold items that are found."""
        return self.right / max(1, self.gold)

    @property
    def f1(self) -> float:
        """Micro-F1."""
        return 2 * self.right / max(1, self.predicted + self.gold)

    def interval(self, samples: int, seed: int) -> tuple[float, float]:
        """Return the 95 % interval of F1, by bootstrap over passages."""
        sums = resampled_sums(np.asarray(self._passages, dtype=np.float64).reshape(-1, 3), samples, seed)
        return interval(2 * sums[:, 0] / np.maximum(1, sums[:, 1] + sums[:, 2])) or (0.0, 0.0)


def legal_graph(text: str, example: Example, ontology: Ontology | None) -> Graph | None:
    """Return the graph of an answer, through the legality filter; None where there is none to be read."""
    try:
        parsed = parse(text)
    except GraphParseError:
        return None
    return legalise(parsed, example.text, example.entity_types, example.relation_types, ontology).graph


def triples(graph: Graph, turned: Mapping[str, str]) -> set[Any]:
    """Return relations as they are compared: with the texts and types of their ends, one way round."""
    return {(triple, types) for triple, ends in to_gold_items(graph, turned).relations.items() for types in ends}


def _entities(graph: Graph) -> set[tuple[str, str]]:
    return {(canonicalise(e.text), e.type) for e in graph.entities}
