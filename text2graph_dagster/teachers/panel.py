"""Collect several answers about each passage: several samples of a teacher, several teachers, or both.

If there is one answer, it is the passage's graph. If there are several, the vote on them gets sample number 0, and the
answers are numbered 1, 2, …, teacher by teacher in the order of the settings.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import fsum

from text2graph_dagster.graph.model import Graph
from text2graph_dagster.settings import VoteSettings
from text2graph_dagster.teachers.budget import Budget
from text2graph_dagster.teachers.ledger import CallResults
from text2graph_dagster.teachers.protocol import Teacher, TeacherAnswer, TeacherRequest
from text2graph_dagster.teachers.voting import Vote, vote

TRAINING_SAMPLE = 0  # sample number of the graph that is used for training
VOTE = "vote"


@dataclass(frozen=True, slots=True)
class Voter:
    """A teacher, its samples per passage, the weight of each of its graphs, and its budget."""

    teacher: Teacher
    samples: int = 1
    weight: float = 1.0
    budget: Budget | None = None


Ask = Callable[[Voter, Sequence[TeacherRequest]], CallResults[TeacherAnswer]]


@dataclass(frozen=True, slots=True)
class PanelReading:
    """One graph of a passage, or the reason why it is missing. `call_key` is empty for a vote, which makes no call."""

    passage_id: str
    sample: int
    teacher: str
    graph: Graph | None
    call_key: str
    status: str = "ok"
    reason: str = ""


@dataclass(frozen=True, slots=True)
class PanelReadings:
    """Readings in the order of the passages, the numbers of requested answers and of new calls, and metrics by name."""

    rows: list[PanelReading]
    requested: int
    new_calls: int
    figures: Mapping[str, float]

    @property
    def failed(self) -> int:
        """Number of answers that contained no graph."""
        return sum(row.graph is None and row.teacher != VOTE for row in self.rows)


def ask_panel(
    voters: Sequence[Voter], passages: Sequence[TeacherRequest], rules: VoteSettings, ask: Ask
) -> PanelReadings:
    """Return the readings of every passage; if a passage has several, the vote on them comes first.

    `ask` asks one teacher. Teachers are asked one after the other, so that each can use the whole machine.

    Raises:
        UserError: a teacher cannot continue.
    """
    results = [
        (voter, ask(voter, [replace(passage, sample=n) for passage in passages for n in range(voter.samples)]))
        for voter in voters
    ]
    rows: list[PanelReading] = []
    for number, passage in enumerate(passages):
        readings = list(_readings(results, number))
        if len(readings) > 1:
            rows.append(_vote(passage, readings, rules))
        rows += [replace(reading, sample=n) for n, (reading, _) in enumerate(readings, len(readings) > 1)]
    calls = [result for _, result in results]
    return PanelReadings(rows, sum(len(c.keys) for c in calls), sum(c.new_calls for c in calls), _figures(results))


def _figures(results: Sequence[tuple[Voter, CallResults[TeacherAnswer]]]) -> Mapping[str, float]:
    """Return the metrics of the calls by name; with several teachers, each name includes the name of the teacher."""
    if len(results) == 1:
        return results[0][1].figures
    return {f"{name} ({voter.teacher.name})": n for voter, calls in results for name, n in calls.figures.items()}


def _readings(
    results: Sequence[tuple[Voter, CallResults[TeacherAnswer]]], number: int
) -> Iterator[tuple[PanelReading, float]]:
    """Yield every reading of passage `number`, with its weight."""
    for voter, calls in results:
        for at in range(number * voter.samples, (number + 1) * voter.samples):
            answer, key = calls.answers[at], calls.keys[at]
            name = voter.teacher.name
            yield (
                PanelReading(answer.passage_id, TRAINING_SAMPLE, name, answer.graph, key, answer.status, answer.reason),
                voter.weight,
            )


def _vote(passage: TeacherRequest, readings: Sequence[tuple[PanelReading, float]], rules: VoteSettings) -> PanelReading:
    """Return the vote on a passage's readings; it has no graph if too few readings (by weight) have one."""
    votes = [Vote(reading.graph, weight) for reading, weight in readings if reading.graph is not None]
    turnout = fsum(v.weight for v in votes) / fsum(weight for _, weight in readings)
    if not votes or turnout < rules.quorum:
        reason = f"{len(votes)} of {len(readings)} graphs came back"
        return PanelReading(passage.passage_id, TRAINING_SAMPLE, VOTE, None, "", "no_quorum", reason)
    graph = vote(votes, passage.ontology, rules.keep_above)
    return PanelReading(passage.passage_id, TRAINING_SAMPLE, VOTE, graph, "")
