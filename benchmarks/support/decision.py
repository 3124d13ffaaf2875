"""What `denoise.when: auto` decides on one part of the annotated passages, evaluated on another part."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from benchmarks.support.knowledgenet import Counts
from text2graph_dagster.dataset.denoising import decision
from text2graph_dagster.dataset.denoising.calibration import Calibration, ConfidenceOutcome, fit_calibration
from text2graph_dagster.dataset.denoising.denoiser import Passage
from text2graph_dagster.graph.model import Graph
from text2graph_dagster.settings import Settings

SAMPLES = 1000


@dataclass(frozen=True)
class EvaluatedPassage:
    """A gold passage: its labels, raw and denoised, their counts, and functions that evaluate a graph."""

    labels: Graph
    denoised: Graph
    counts: decision.RelationCounts
    counted: Callable[[Graph], Counts]
    sure: Callable[[Graph], Sequence[ConfidenceOutcome]]


@dataclass(frozen=True)
class Decision:
    """How labels are denoised, and how their confidence is calibrated."""

    verdict: decision.DenoiseDecision
    calibration: Calibration

    @classmethod
    def by(cls, evaluated: Sequence[EvaluatedPassage], labelled: Sequence[Passage]) -> "Decision":
        """Decide on the labels of the passages `labelled`, given gold passages."""
        labels = sum(len(passage.graph.relations) for passage in labelled) / max(1, len(labelled))
        denoise, counted = Settings().dataset.denoise, [one.counts for one in evaluated]
        verdict = decision.decide(counted, range(len(counted)), labels, denoise, SAMPLES, 0)
        outcomes = [pair for one in evaluated for pair in one.sure(verdict.apply(one.labels, one.denoised))]
        return cls(verdict, fit_calibration(outcomes, decision.MIN_DEV_RELATIONS))

    @property
    def why(self) -> str:
        """Return what was decided, and why."""
        return f"{self.verdict.summary}; {self.calibration.summary}"


@dataclass
class Measured:
    """Per passage: counts before denoising, after it and as decided; confidences of the relations that stay."""

    counts: list[tuple[Counts, Counts, Counts]] = field(default_factory=list)
    uncalibrated: list[Sequence[ConfidenceOutcome]] = field(default_factory=list)
    calibrated: list[Sequence[ConfidenceOutcome]] = field(default_factory=list)

    def add(self, one: EvaluatedPassage, decision: Decision) -> None:
        """Add a passage."""
        stays = decision.verdict.apply(one.labels, one.denoised)
        self.counts.append((one.counted(one.labels), one.counted(one.denoised), one.counted(stays)))
        self.uncalibrated.append(one.sure(stays))
        self.calibrated.append([(decision.calibration(confidence), right) for confidence, right in one.sure(stays)])
