"""The reward as TRL wants it: one function over a batch of completions, its parts logged by the way."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from text2graph_dagster.ontology import Ontology
from text2graph_dagster.rewards import COMPONENTS, score
from text2graph_dagster.settings import GrpoSettings
from text2graph_dagster.training.examples import Example
from text2graph_dagster.training.judging import JUDGED, Judge


class Rewarder:
    """Scores completions by `rewards.score`; partial credit for overlapping spans in the first half only.

    Where there is a reward model, it judges the answers to examples whose graph is not trusted.
    """

    __name__ = "graph"  # what TRL calls the reward in its logs

    def __init__(
        self,
        examples: Sequence[Example],
        ontologies: Mapping[str, Ontology],
        settings: GrpoSettings,
        thinking: bool,
        judge: Judge | None = None,
    ) -> None:
        self.examples, self.ontologies, self.thinking, self.judge = examples, ontologies, thinking, judge
        self.weights = settings.weights.model_dump()
        self.partial_credit, self.steps = settings.partial_credit, settings.max_steps

    def __call__(
        self,
        prompts: Sequence[str],
        completions: Sequence[str],
        index: Sequence[int],
        trainer_state: Any,
        log_metric: Callable[[str, float], None],
        **others: Any,
    ) -> list[float]:
        """Return the total reward of every completion; `index` is the number of its example."""
        alpha = self.partial_credit if trainer_state.global_step < self.steps / 2 else 0.0
        sums: dict[str, float] = defaultdict(float)
        counts: dict[str, int] = defaultdict(int)
        totals = []
        judged = self._judged(index, completions)
        for place, (number, completion) in enumerate(zip(index, completions, strict=True)):
            example = self.examples[number]
            scores = judged.get(place) or score(
                completion,
                text=example.text,
                entity_types=example.entity_types,
                relation_types=example.relation_types,
                gold=example.graph,
                ontology=self.ontologies.get(example.corpus),
                weights=self.weights,
                alpha=alpha,
                thinking=self.thinking,
            )
            totals.append(scores["total"])
            for name, value in scores.items():
                sums[name] += value
                counts[name] += 1
        for name in COMPONENTS:
            if self.weights[name] and (self.thinking or name != "format"):
                log_metric(f"t2g/reward_{name}", sums[name] / max(1, counts[name]))
        if judged:
            log_metric(f"t2g/reward_{JUDGED}", sums[JUDGED] / len(judged))
        log_metric("t2g/triple_ratio", sums["predicted_relations"] / max(1.0, sums["gold_relations"]))
        return totals

    def _judged(self, index: Sequence[int], completions: Sequence[str]) -> dict[int, dict[str, float]]:
        """Return the rewards that the reward model gives, by the completion's place in the batch."""
        if self.judge is None:
            return {}
        pairs = ((self.examples[number], completion) for number, completion in zip(index, completions, strict=True))
        doubted = {place: pair for place, pair in enumerate(pairs) if not pair[0].trusted}
        return self.judge.rewards(doubted, self.ontologies) if doubted else {}
