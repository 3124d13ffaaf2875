"""The reward function that TRL calls with a batch of completions; it also logs the mean of every component."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from text2graph_dagster.ontology import Ontology
from text2graph_dagster.rewards.components import COMPONENTS
from text2graph_dagster.rewards.items import RewardRequest
from text2graph_dagster.rewards.scoring import score_completion
from text2graph_dagster.settings import GrpoSettings
from text2graph_dagster.training.data.examples import Example
from text2graph_dagster.training.rl.reward_scorer import MODEL_SCORE, RewardScorer
from text2graph_dagster.training.rl.rollouts import ScoredCompletion


class TrlReward:
    """Scores completions by `rewards.scoring`; span credit applies to the first `credit.until` (share) of the steps.

    If there is a reward model, it scores the answers to examples whose graph is not trusted.
    """

    __name__ = "graph"  # what TRL calls the reward in its logs

    def __init__(
        self,
        examples: Sequence[Example],
        ontologies: Mapping[str, Ontology],
        settings: GrpoSettings,
        thinking: bool,
        scorer: RewardScorer | None = None,
    ) -> None:
        self.examples, self.ontologies, self.thinking, self.scorer = examples, ontologies, thinking, scorer
        self.weights, self.untidy = settings.weights.model_dump(), settings.credit.untidy
        self.span_credit = settings.credit.span
        self.credit_steps = settings.credit.until * settings.max_steps
        self._request = lru_cache(maxsize=settings.prompts_per_step)(self._prepare)
        self.scored: list[ScoredCompletion] = []  # the last batch

    def __call__(
        self,
        prompts: Sequence[str],
        completions: Sequence[str],
        index: Sequence[int],
        trainer_state: Any,
        log_metric: Callable[[str, float], None],
        **others: Any,
    ) -> list[float]:
        """Return the total reward of every completion; `index` has the index of each completion's example."""
        sums: dict[str, float] = defaultdict(float)
        counts: dict[str, int] = defaultdict(int)
        self.scored, model_rewards = [], self._compute_model_rewards(index, completions)
        for place, (number, completion) in enumerate(zip(index, completions, strict=True)):
            scores = model_rewards.get(place) or self.score(number, completion, trainer_state.global_step)
            self.scored.append(ScoredCompletion(self.examples[number], completion, scores))
            for name, value in scores.items():
                sums[name] += value
                counts[name] += 1
        for name in COMPONENTS:
            if self.weights[name] and (self.thinking or name != "format"):
                log_metric(f"t2g/reward_{name}", sums[name] / max(1, counts[name]))
        if model_rewards:
            log_metric(f"t2g/reward_{MODEL_SCORE}", sums[MODEL_SCORE] / len(model_rewards))
        log_metric("t2g/triple_ratio", sums["predicted_relations"] / max(1.0, sums["gold_relations"]))
        predicted, gold = (sums[f"{side}_entities"] + sums[f"{side}_relations"] for side in ("predicted", "gold"))
        log_metric("t2g/item_ratio", predicted / max(1.0, gold))
        return [one.scores["total"] for one in self.scored]

    def _compute_model_rewards(self, index: Sequence[int], completions: Sequence[str]) -> dict[int, dict[str, float]]:
        """Return the rewards of completions of untrusted examples, by position in the batch."""
        if self.scorer is None:
            return {}
        pairs = ((self.examples[number], completion) for number, completion in zip(index, completions, strict=True))
        untrusted = {place: pair for place, pair in enumerate(pairs) if not pair[0].trusted}
        return self.scorer.compute_rewards(untrusted, self.ontologies) if untrusted else {}

    def score(self, number: int, completion: str, step: int) -> dict[str, float]:
        """Return the components and the total of a completion's reward; `number` is the example's index."""
        return score_completion(
            completion,
            self._request(number),
            self.weights,
            span_credit=self.span_credit if step < self.credit_steps else 0.0,
            untidy=self.untidy,
            thinking=self.thinking,
        )

    def _prepare(self, number: int) -> RewardRequest:
        example = self.examples[number]
        ontology = self.ontologies.get(example.corpus)
        return RewardRequest.prepare(
            example.text, example.entity_types, example.relation_types, example.graph, ontology
        )
