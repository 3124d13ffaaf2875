"""A teacher without a model, and requests for it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tests.text2graph_dagster.teachers.knowledge_base.sample_knowledge import NEWS
from text2graph_dagster.errors import UserError
from text2graph_dagster.graph.model import Entity, Graph, Span
from text2graph_dagster.teachers.knowledge_base.teacher import dump_graph, load_graph
from text2graph_dagster.teachers.protocol import Parameters, TeacherAnswer, TeacherRequest


@dataclass
class ScriptedTeacher:
    """A teacher whose problems are given by passage id; `asked` lists the passages in the order it was asked."""

    trouble: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    name: str = "scripted"
    prompt_version: str = "1"
    temperature: float = 0.0

    def parameters(self) -> Parameters:
        return {"temperature": self.temperature}

    def answer(self, requests: Sequence[TeacherRequest]) -> Iterator[TeacherAnswer]:
        for request in reversed(requests):  # answers come in any order
            self.asked.append(request.passage_id)
            match self.trouble.get(request.passage_id):
                case None:
                    graph = Graph((Entity(0, request.text, "person", (Span(0, len(request.text)),)),))
                    yield TeacherAnswer(
                        request.passage_id, request.sample, graph, dump_graph(graph), seconds=0.5, request="?"
                    )
                case "explode":
                    raise OSError("connection reset")
                case "stop":
                    raise UserError("The budget is spent.")
                case "omit":
                    pass
                case "twice":
                    for _ in range(2):
                        yield TeacherAnswer(request.passage_id, request.sample, Graph(), dump_graph(Graph()))
                case "foreign":
                    yield TeacherAnswer("nobody", 0, Graph(), dump_graph(Graph()))
                case status:
                    yield TeacherAnswer(request.passage_id, request.sample, None, "?", status, "because")  # type: ignore[arg-type]

    def read(self, raw: str, request: TeacherRequest) -> Graph:
        return load_graph(raw)


def make_requests(count: int, samples: int = 1) -> list[TeacherRequest]:
    return [TeacherRequest(f"p{i}", f"text {i}", "en", NEWS, s) for i in range(count) for s in range(samples)]
