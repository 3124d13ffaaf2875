"""What `denoise.when: auto` decides on one part of annotated passages, and how that does on another."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from benchmarks.knowledgenet import Counts
from text2graph_dagster.dataset.denoising import decision
from text2graph_dagster.dataset.denoising.calibration import Calibration, Sure, calibrate
from text2graph_dagster.dataset.denoising.denoiser import Passage
from text2graph_dagster.graph.model import Graph
from text2graph_dagster.settings import Settings

SAMPLES = 1000


@dataclass(frozen=True)
class Judged:
    """A passage with gold: its labels, the same mended, how they compare; what tells how right a graph is."""

    labels: Graph
    mended: Graph
    counts: decision.Counts
    counted: Callable[[Graph], Counts]
    sure: Callable[[Graph], Sure]


@dataclass(frozen=True)
class Decision:
    """How labels are mended, and what their confidence is worth."""

    verdict: decision.Verdict
    calibration: Calibration

    @classmethod
    def by(cls, judged: Sequence[Judged], taught: Sequence[Passage]) -> "Decision":
        """Decide on the labels of these passages by judged ones."""
        labels = sum(len(passage.graph.relations) for passage in taught) / max(1, len(taught))
        denoise, counted = Settings().dataset.denoise, [one.counts for one in judged]
        verdict = decision.judge(counted, range(len(counted)), labels, denoise, SAMPLES, 0)
        said = [pair for one in judged for pair in one.sure(verdict.apply(one.labels, one.mended))]
        return cls(verdict, calibrate(said, decision.MIN_DEV_RELATIONS))

    @property
    def why(self) -> str:
        """What was decided, and why."""
        return f"{self.verdict.why}; {self.calibration.why}"


@dataclass
class Measured:
    """Of every passage the counts before cleaning, after it and as decided, and how right what stays is."""

    counts: list[tuple[Counts, Counts, Counts]] = field(default_factory=list)
    learnt: list[Sure] = field(default_factory=list)
    held: list[Sure] = field(default_factory=list)

    def add(self, one: Judged, decision: Decision) -> None:
        """Add a passage."""
        stays = decision.verdict.apply(one.labels, one.mended)
        self.counts.append((one.counted(one.labels), one.counted(one.mended), one.counted(stays)))
        self.learnt.append(one.sure(stays))
        self.held.append([(decision.calibration(confidence), right) for confidence, right in one.sure(stays)])
