"""Score completions with the reward model where the gold graph is unknown or not trusted.

The model sees the legal graph only, in one canonical order, so spelling, order, repetition and form cannot influence
its score. Form is rewarded by rules; an answer from which the legality filter drops anything gets a model score of 0.
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

FORM = ("json_valid", "format", "grounding", "schema_legal")  # the components that need no gold graph
MODEL_SCORE = "judged"  # the name in rollouts.jsonl; in metrics.jsonl it is "reward_judged"
_BATCH_SIZE = 64
_MAX_DEVIATIONS = 30.0  # keeps exp() in range


def tokenise_graphs(items: Sequence[tuple[Example, Graph]], tokenizer: Any, settings: Settings) -> list[list[int]]:
    """Return the reward model's input for each item: the prompt, the graph in the student's wire form, EOS."""
    form = choose_wire(settings)
    answered = [replace(example, answer=serialise(graph, form)) for example, graph in items]
    return [[*tokens.prompt, *tokens.answer] for tokens in tokenise_examples(answered, tokenizer)]


def score_rows(model: Any, tokenizer: Any, rows: Sequence[Sequence[int]]) -> list[float]:
    """Return the model's scalar at the last token of every row of token ids; higher is better."""
    import torch

    scores: dict[int, float] = {}
    by_length = sorted(range(len(rows)), key=lambda i: (len(rows[i]), i))
    model.eval()
    for start in range(0, len(rows), _BATCH_SIZE):
        batch = by_length[start : start + _BATCH_SIZE]
        longest = max(len(rows[i]) for i in batch)
        ids = torch.tensor([[*rows[i], *[tokenizer.pad_token_id] * (longest - len(rows[i]))] for i in batch])
        mask = torch.tensor([[1] * len(rows[i]) + [0] * (longest - len(rows[i])) for i in batch])
        with torch.inference_mode():
            logits = model(ids.to(model.device), attention_mask=mask.to(model.device), use_cache=False).logits
        scores |= dict(zip(batch, logits[:, 0].tolist(), strict=True))
    return [scores[i] for i in range(len(rows))]


@dataclass(frozen=True)
class RewardScorer:
    """A reward model; `mean` and `deviation` are over its raw scores for the SFT student's answers."""

    model: Any
    tokenizer: Any
    mean: float
    deviation: float
    settings: Settings

    def score_graphs(self, items: Sequence[tuple[Example, Graph]]) -> list[float]:
        """Return the graphs' scores, standardised and squashed to (0, 1); an average answer gets 0.5."""
        scores = score_rows(self.model, self.tokenizer, tokenise_graphs(items, self.tokenizer, self.settings))
        return [_sigmoid((value - self.mean) / self.deviation) for value in scores]

    def compute_rewards(
        self, items: Mapping[int, tuple[Example, str]], ontologies: Mapping[str, Ontology]
    ) -> dict[int, dict[str, float]]:
        """Return components and `total` of every completion's reward, by key; the examples' graphs are not used."""
        rewards: dict[int, dict[str, float]] = {}
        flawless: dict[int, tuple[Example, Graph]] = {}
        for key, (example, completion) in items.items():
            ontology = ontologies.get(example.corpus)
            rewards[key] = self._score_form(example, completion, ontology)
            graph = _read_flawless_graph(example, completion, ontology) if rewards[key]["json_valid"] else None
            if graph is not None:
                flawless[key] = example, graph
        scores = dict(zip(flawless, self.score_graphs(list(flawless.values())), strict=True))
        weights = {**self.settings.grpo.weights.model_dump(), MODEL_SCORE: self.settings.reward_model.weight}
        for key, parts in rewards.items():
            parts[MODEL_SCORE] = scores.get(key, 0.0)
            parts["total"] = sum(weights[name] * value for name, value in parts.items())
        return rewards

    def _score_form(self, example: Example, completion: str, ontology: Ontology | None) -> dict[str, float]:
        # Without gold items to divide by, one ungrounded or illegal item costs the full penalty.
        request = RewardRequest.prepare(example.text, example.entity_types, example.relation_types, None, ontology)
        thinking = self.settings.dataset.thinking
        parts = score_completion(completion, request, self.settings.grpo.weights.model_dump(), thinking=thinking)
        return {name: parts[name] for name in FORM}


def load_scorer(path: Path, settings: Settings) -> RewardScorer:
    """Load a reward model that `training.reward_model` has written.

    Raises:
        UserError: the directory has no such model, or it cannot be loaded.
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


def _read_flawless_graph(example: Example, completion: str, ontology: Ontology | None) -> Graph | None:
    """Return the answer's graph if the legality filter drops nothing from it, else None."""
    parsed = parse_completion(completion)
    if parsed is None:
        return None
    legal = legalise(parsed, example.text, example.entity_types, example.relation_types, ontology)
    return None if any(legal.dropped.values()) else legal.graph


def _sigmoid(deviations: float) -> float:
    return 1 / (1 + exp(-max(-_MAX_DEVIATIONS, min(_MAX_DEVIATIONS, deviations))))
