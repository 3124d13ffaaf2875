"""What `denoise.when: auto` decides on one part of the annotated passages, evaluated on another part."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from benchmarks.knowledgenet import Counts
from text2graph_dagster.dataset.denoising import decision
from text2graph_dagster.dataset.denoising.calibration import Calibration, ConfidenceOutcome, fit_calibration
from text2graph_dagster.dataset.denoising.denoiser import Passage
from text2graph_dagster.graph.model import Graph
from text2graph_dagster.settings import Settings

SAMPLES = 1000


@dataclass(frozen=True)
class Judged:
    """A gold passage: its labels, raw and denoised, their counts, and functions that evaluate a graph."""

    labels: Graph
    mended: Graph
    counts: decision.RelationCounts
    counted: Callable[[Graph], Counts]
    sure: Callable[[Graph], Sequence[ConfidenceOutcome]]


@dataclass(frozen=True)
class Decision:
    """How labels are denoised, and how their confidence is calibrated."""

    verdict: decision.DenoiseDecision
    calibration: Calibration

    @classmethod
    def by(cls, judged: Sequence[Judged], taught: Sequence[Passage]) -> "Decision":
        """Decide on the labels of the passages `taught`, given gold passages."""
        labels = sum(len(passage.graph.relations) for passage in taught) / max(1, len(taught))
        denoise, counted = Settings().dataset.denoise, [one.counts for one in judged]
        verdict = decision.decide(counted, range(len(counted)), labels, denoise, SAMPLES, 0)
        said = [pair for one in judged for pair in one.sure(verdict.apply(one.labels, one.mended))]
        return cls(verdict, fit_calibration(said, decision.MIN_DEV_RELATIONS))

    @property
    def why(self) -> str:
        """Return what was decided, and why."""
        return f"{self.verdict.summary}; {self.calibration.summary}"


@dataclass
class Measured:
    """Per passage: counts before denoising, after it and as decided; confidences of the relations that stay."""

    counts: list[tuple[Counts, Counts, Counts]] = field(default_factory=list)
    learnt: list[Sequence[ConfidenceOutcome]] = field(default_factory=list)
    held: list[Sequence[ConfidenceOutcome]] = field(default_factory=list)

    def add(self, one: Judged, decision: Decision) -> None:
        """Add a passage."""
        stays = decision.verdict.apply(one.labels, one.mended)
        self.counts.append((one.counted(one.labels), one.counted(one.mended), one.counted(stays)))
        self.learnt.append(one.sure(stays))
        self.held.append([(decision.calibration(confidence), right) for confidence, right in one.sure(stays)])
