"""Asking everybody: several samples of one teacher, several teachers, or both, about each passage.

One teacher's only sample is the passage's graph. Where there are more, their vote is, under the number 0, and theirs
stand beside it as 1, 2, …: a teacher's samples together, the teachers in the order of the settings.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from math import fsum

from text2graph_dagster.graph import Graph
from text2graph_dagster.progress import Progress
from text2graph_dagster.settings import VoteSettings
from text2graph_dagster.teachers.ledger import Ledger, ask_teacher
from text2graph_dagster.teachers.protocol import Request, Teacher
from text2graph_dagster.teachers.voting import Vote, vote

TAUGHT = 0  # the number of the graph that is taught
VOTE = "vote"


@dataclass(frozen=True, slots=True)
class Voter:
    """A teacher, how often it is asked about a passage, and what each of its graphs weighs."""

    teacher: Teacher
    samples: int = 1
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Reading:
    """Somebody's graph of a passage, or why there is none. `call_key` is empty for a vote: nobody was called."""

    passage_id: str
    sample: int
    teacher: str
    graph: Graph | None
    call_key: str
    status: str = "ok"
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Readings:
    """The readings in the passages' order, and how many answers were asked for and how many calls made for them."""

    rows: list[Reading]
    asked: int
    made: int

    @property
    def failed(self) -> int:
        """Number of answers that held no graph."""
        return sum(row.graph is None and row.teacher != VOTE for row in self.rows)


def ask_panel(
    voters: Sequence[Voter],
    passages: Sequence[Request],
    rules: VoteSettings,
    ledger: Ledger,
    progress: Progress | None = None,
    around: Callable[[Teacher], AbstractContextManager[object]] = nullcontext,
) -> Readings:
    """Return everybody's reading of every passage, with the vote first where there are several.

    Teachers are asked one after the other, each inside `around(teacher)`: what it needs is freed before the next one.

    Raises:
        UserError: a teacher cannot go on.
    """
    alone = sum(voter.samples for voter in voters) == 1
    by_passage: list[list[tuple[Reading, float]]] = [[] for _ in passages]
    asked = made = 0
    for voter in voters:
        requests = [replace(passage, sample=n) for passage in passages for n in range(voter.samples)]
        with around(voter.teacher):
            answers = ask_teacher(voter.teacher, requests, ledger, progress)
        asked, made = asked + len(requests), made + answers.made
        for i, (answer, key) in enumerate(zip(answers.answers, answers.keys, strict=True)):
            said = by_passage[i // voter.samples]
            number = TAUGHT if alone else len(said) + 1
            name = voter.teacher.name
            given = Reading(answer.passage_id, number, name, answer.graph, key, answer.status, answer.reason)
            said.append((given, voter.weight))
    rows: list[Reading] = []
    for passage, said in zip(passages, by_passage, strict=True):
        rows += [] if alone else [_vote(passage, said, rules)]
        rows += [reading for reading, _ in said]
    return Readings(rows, asked, made)


def _vote(passage: Request, said: Sequence[tuple[Reading, float]], rules: VoteSettings) -> Reading:
    votes = [Vote(reading.graph, weight) for reading, weight in said if reading.graph is not None]
    heard = fsum(v.weight for v in votes) / fsum(weight for _, weight in said)
    if not votes or heard < rules.quorum:
        reason = f"{len(votes)} of {len(said)} graphs came back"
        return Reading(passage.passage_id, TAUGHT, VOTE, None, "", "no_quorum", reason)
    return Reading(passage.passage_id, TAUGHT, VOTE, vote(votes, passage.ontology, rules.keep_above), "")
