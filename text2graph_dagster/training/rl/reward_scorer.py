"""A reward model in use: what it thinks of a graph, and the reward of a completion whose right graph nobody knows.

It is shown the legal graph only, in one order: spelling, order, repetition and form cannot please it. These are judged
without it, and an answer from which the legality filter drops anything earns nothing of it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import exp
from pathlib import Path
from typing import Any

from text2graph_dagster.graph.legality import legalise
from text2graph_dagster.graph.model import Graph
from text2graph_dagster.graph.wire import serialise
from text2graph_dagster.inference.answer_format import choose_wire
from text2graph_dagster.ontology import Ontology
from text2graph_dagster.rewards.items import RewardRequest, parse_completion
from text2graph_dagster.rewards.scoring import score_completion
from text2graph_dagster.runtime.output_directory import RUN
from text2graph_dagster.runtime.program import as_user_error
from text2graph_dagster.settings import Settings
from text2graph_dagster.training.data.examples import Example, tokenise_examples

FORM = ("json_valid", "format", "grounding", "schema_legal")  # the components that need no graph to compare with
JUDGED = "judged"
_ROWS = 64
_MOST_DEVIATIONS = 30.0


def tokenise_graphs(items: Sequence[tuple[Example, Graph]], tokenizer: Any, settings: Settings) -> list[list[int]]:
    """Return what the reward model reads of each: the prompt, the graph as the student writes it, the end token."""
    form = choose_wire(settings.student)
    said = [replace(example, answer=serialise(graph, form)) for example, graph in items]
    return [[*tokens.prompt, *tokens.answer] for tokens in tokenise_examples(said, tokenizer)]


def score_rows(model: Any, tokenizer: Any, rows: Sequence[Sequence[int]]) -> list[float]:
    """Return the model's scalar at the last token of every row; higher is better."""
    import torch

    scores: dict[int, float] = {}
    by_length = sorted(range(len(rows)), key=lambda i: (len(rows[i]), i))
    model.eval()
    for start in range(0, len(rows), _ROWS):
        batch = by_length[start : start + _ROWS]
        longest = max(len(rows[i]) for i in batch)
        ids = torch.tensor([[*rows[i], *[tokenizer.pad_token_id] * (longest - len(rows[i]))] for i in batch])
        mask = torch.tensor([[1] * len(rows[i]) + [0] * (longest - len(rows[i])) for i in batch])
        with torch.inference_mode():
            logits = model(ids.to(model.device), attention_mask=mask.to(model.device), use_cache=False).logits
        scores |= dict(zip(batch, logits[:, 0].tolist(), strict=True))
    return [scores[i] for i in range(len(rows))]


@dataclass(frozen=True)
class RewardScorer:
    """A reward model; `mean` and `deviation` are those of its scores of the SFT student's answers."""

    model: Any
    tokenizer: Any
    mean: float
    deviation: float
    settings: Settings

    def score_graphs(self, items: Sequence[tuple[Example, Graph]]) -> list[float]:
        """Return what the graphs are worth, standardised and bounded: between 0 and 1, 0.5 for a usual answer."""
        scores = score_rows(self.model, self.tokenizer, tokenise_graphs(items, self.tokenizer, self.settings))
        return [_bounded((value - self.mean) / self.deviation) for value in scores]

    def rewards(
        self, items: Mapping[int, tuple[Example, str]], ontologies: Mapping[str, Ontology]
    ) -> dict[int, dict[str, float]]:
        """Return the reward of completions, in parts and in `total`; nothing is compared with the examples' graphs."""
        rewards: dict[int, dict[str, float]] = {}
        clean: dict[int, tuple[Example, Graph]] = {}
        for number, (example, completion) in items.items():
            ontology = ontologies.get(example.corpus)
            rewards[number] = self._form(example, completion, ontology)
            graph = _spotless(example, completion, ontology) if rewards[number]["json_valid"] else None
            if graph is not None:
                clean[number] = example, graph
        score_graphs = dict(zip(clean, self.score_graphs(list(clean.values())), strict=True))
        weights = {**self.settings.grpo.weights.model_dump(), JUDGED: self.settings.reward_model.weight}
        for number, parts in rewards.items():
            parts[JUDGED] = score_graphs.get(number, 0.0)
            parts["total"] = sum(weights[name] * value for name, value in parts.items())
        return rewards

    def _form(self, example: Example, completion: str, ontology: Ontology | None) -> dict[str, float]:
        # Compared with nothing: a penalty is per gold item, so a single item out of order costs all that it can.
        request = RewardRequest.prepare(example.text, example.entity_types, example.relation_types, None, ontology)
        thinking = self.settings.dataset.thinking
        parts = score_completion(completion, request, self.settings.grpo.weights.model_dump(), thinking=thinking)
        return {name: parts[name] for name in FORM}


def load_scorer(path: Path, settings: Settings) -> RewardScorer:
    """Load a reward model that the program has made.

    Raises:
        UserError: there is none.
    """
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    with as_user_error(f"the reward model {str(path)!r} cannot be loaded"):
        scale = json.loads((path / RUN).read_text(encoding="utf-8"))["scale"]
        tokenizer = AutoTokenizer.from_pretrained(path, trust_remote_code=False)
        model = AutoModelForSequenceClassification.from_pretrained(
            path, dtype=torch.float32, trust_remote_code=False, use_safetensors=True
        )
    model = model.to("cuda" if torch.cuda.is_available() else "cpu")
    return RewardScorer(model, tokenizer, scale["mean"], scale["deviation"], settings)


def _spotless(example: Example, completion: str, ontology: Ontology | None) -> Graph | None:
    """Return the answer's graph if the legality filter finds nothing in it to drop."""
    parsed = parse_completion(completion)
    if parsed is None:
        return None
    legal = legalise(parsed, example.text, example.entity_types, example.relation_types, ontology)
    return None if any(legal.dropped.values()) else legal.graph


def _bounded(deviations: float) -> float:
    return 1 / (1 + exp(-max(-_MOST_DEVIATIONS, min(_MOST_DEVIATIONS, deviations))))
