"""Asking everybody: several samples of one teacher, several teachers, or both, about each passage.

One teacher's only sample is the passage's graph. Where there are more, their vote is, under the number 0, and theirs
stand beside it as 1, 2, …: a teacher's samples together, the teachers in the order of the settings.
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

TRAINING_SAMPLE = 0  # the number of the graph that is taught
VOTE = "vote"


@dataclass(frozen=True, slots=True)
class Voter:
    """A teacher, how often it is asked about a passage, what each of its graphs weighs, and what it may spend."""

    teacher: Teacher
    samples: int = 1
    weight: float = 1.0
    budget: Budget | None = None


Ask = Callable[[Voter, Sequence[TeacherRequest]], CallResults[TeacherAnswer]]


@dataclass(frozen=True, slots=True)
class PanelReading:
    """Somebody's graph of a passage, or why there is none. `call_key` is empty for a vote: nobody was called."""

    passage_id: str
    sample: int
    teacher: str
    graph: Graph | None
    call_key: str
    status: str = "ok"
    reason: str = ""


@dataclass(frozen=True, slots=True)
class PanelReadings:
    """The readings in the passages' order, how many answers were asked for, how many calls made, and what they took."""

    rows: list[PanelReading]
    asked: int
    made: int
    figures: Mapping[str, float]

    @property
    def failed(self) -> int:
        """Number of answers that held no graph."""
        return sum(row.graph is None and row.teacher != VOTE for row in self.rows)


def ask_panel(
    voters: Sequence[Voter], passages: Sequence[TeacherRequest], rules: VoteSettings, ask: Ask
) -> PanelReadings:
    """Return everybody's reading of every passage, with the vote first where there are several.

    `ask` asks one teacher; they are asked one after the other, so that what one needs is free for the next.

    Raises:
        UserError: a teacher cannot go on.
    """
    heard = [
        (voter, ask(voter, [replace(passage, sample=n) for passage in passages for n in range(voter.samples)]))
        for voter in voters
    ]
    rows: list[PanelReading] = []
    for number, passage in enumerate(passages):
        said = list(_said(heard, number))
        if len(said) > 1:
            rows.append(_vote(passage, said, rules))
        rows += [replace(reading, sample=n) for n, (reading, _) in enumerate(said, len(said) > 1)]
    answers = [asked for _, asked in heard]
    return PanelReadings(rows, sum(len(a.keys) for a in answers), sum(a.made for a in answers), _figures(heard))


def _figures(heard: Sequence[tuple[Voter, CallResults[TeacherAnswer]]]) -> Mapping[str, float]:
    """Return what asking took, by name; where there are several teachers, of each."""
    if len(heard) == 1:
        return heard[0][1].figures
    return {f"{name} ({voter.teacher.name})": n for voter, asked in heard for name, n in asked.figures.items()}


def _said(
    heard: Sequence[tuple[Voter, CallResults[TeacherAnswer]]], number: int
) -> Iterator[tuple[PanelReading, float]]:
    """Yield everybody's reading of one passage, with its weight."""
    for voter, asked in heard:
        for place in range(number * voter.samples, (number + 1) * voter.samples):
            answer, key = asked.answers[place], asked.keys[place]
            name = voter.teacher.name
            yield (
                PanelReading(answer.passage_id, TRAINING_SAMPLE, name, answer.graph, key, answer.status, answer.reason),
                voter.weight,
            )


def _vote(passage: TeacherRequest, said: Sequence[tuple[PanelReading, float]], rules: VoteSettings) -> PanelReading:
    votes = [Vote(reading.graph, weight) for reading, weight in said if reading.graph is not None]
    heard = fsum(v.weight for v in votes) / fsum(weight for _, weight in said)
    if not votes or heard < rules.quorum:
        reason = f"{len(votes)} of {len(said)} graphs came back"
        return PanelReading(passage.passage_id, TRAINING_SAMPLE, VOTE, None, "", "no_quorum", reason)
    return PanelReading(passage.passage_id, TRAINING_SAMPLE, VOTE, vote(votes, passage.ontology, rules.keep_above), "")
