"""Graphs of passages by distant supervision."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.text2graph_dagster.teachers.knowledge_base.sample_knowledge import (
    AMBIGUOUS,
    CHINESE,
    NEWS,
    WORLD,
    line,
    make_teacher,
    named_triples,
    write,
)
from tests.text2graph_dagster.teachers.memory_ledger import MemoryLedger
from text2graph_dagster.corpus.text.packing import pack_passages
from text2graph_dagster.errors import UserError
from text2graph_dagster.graph.model import Graph
from text2graph_dagster.graph.parsing import GraphParseError
from text2graph_dagster.ontology import EntityType, Ontology, RelationType, load_ontology
from text2graph_dagster.reasoning.composed_reasoner import compose_rationale
from text2graph_dagster.reasoning.verifier import verify_rationale
from text2graph_dagster.teachers.knowledge_base import teacher as kb_teacher
from text2graph_dagster.teachers.knowledge_base.teacher import KnowledgeBaseTeacher, dump_graph, load_graph
from text2graph_dagster.teachers.ledger import ask_teacher
from text2graph_dagster.teachers.protocol import TeacherRequest


def test_direction_comes_from_the_fact_not_from_the_order_in_the_text(tmp_path: Path) -> None:
    teacher = make_teacher(tmp_path, WORLD)
    assert named_triples(teacher.annotate("Velsoft hired Ana Berg.", "en")) == {("Ana Berg", "works for", "Velsoft")}
    assert named_triples(teacher.annotate("Ana Berg joined Velsoft.", "en")) == {("Ana Berg", "works for", "Velsoft")}
    assert named_triples(teacher.annotate("Northwind went to Velsoft.", "en")) == {("Velsoft", "owns", "Northwind")}


def test_a_symmetric_relation_is_extracted_once_from_the_first_mention(tmp_path: Path) -> None:
    teacher = make_teacher(tmp_path, [*WORLD, line("Tom Lund", "married to", "Ana Berg", "person", "person")])
    assert named_triples(teacher.annotate("Tom Lund wed Ana Berg.", "en")) == {("Tom Lund", "married to", "Ana Berg")}
    assert named_triples(teacher.annotate("Ana Berg wed Tom Lund.", "en")) == {("Ana Berg", "married to", "Tom Lund")}


def test_inverse_relations_both_hold(tmp_path: Path) -> None:
    graph = make_teacher(tmp_path, WORLD).annotate("Oslo governs Norway.", "en")
    assert named_triples(graph) == {("Oslo", "capital of", "Norway"), ("Norway", "has capital", "Oslo")}


def test_signatures_are_respected(tmp_path: Path) -> None:
    teacher = make_teacher(tmp_path, [line("Velsoft", "born in", "Oslo", "business", "city")])
    graph = teacher.annotate("Velsoft started in Oslo.", "en")
    assert len(graph.entities) == 2
    assert not graph.relations


def test_all_names_of_an_entity_are_its_mentions(tmp_path: Path) -> None:
    text = "Velsoft Systems grew. Berg said Velsoft is fine; Velsoft agreed."
    graph = make_teacher(tmp_path, WORLD).annotate(text, "en")
    surfaces = {e.text: [text[m.start : m.end] for m in e.mentions] for e in graph.entities}
    assert surfaces == {"Velsoft Systems": ["Velsoft Systems", "Velsoft", "Velsoft"], "Berg": ["Berg"]}
    assert [e.id for e in graph.entities] == [0, 1]


def test_every_relation_has_evidence_and_the_knowledge_base_line_as_provenance(tmp_path: Path) -> None:
    text = "Snow fell. Ana Berg joined Velsoft in May. Nothing else happened."
    (relation,) = make_teacher(tmp_path, WORLD).annotate(text, "en").relations
    assert relation.evidence is not None
    assert text[relation.evidence.start : relation.evidence.end] == "Ana Berg joined Velsoft in May."
    assert relation.provenance == "kb:1"


def test_entities_without_a_relation_are_kept(tmp_path: Path) -> None:
    graph = make_teacher(tmp_path, WORLD).annotate("Norway met Northwind.", "en")
    assert [(e.text, e.type) for e in graph.entities] == [("Norway", "country"), ("Northwind", "company")]


def test_a_passage_without_names_is_an_empty_graph(tmp_path: Path) -> None:
    assert make_teacher(tmp_path, WORLD).annotate("It rained all day.", "en") == Graph()
    assert make_teacher(tmp_path, WORLD).annotate("", "en") == Graph()


PLACES = Ontology(
    "places",
    "en",
    (EntityType("place"),),
    (RelationType("located in", signatures=(("place", "place"),), transitive=True),),
)
NESTED: list[dict[str, Any] | str] = [
    line("Oslo", "located in", "Norway", "place", "place"),
    line("Norway", "located in", "Europe", "place", "place"),
    line("Oslo", "located in", "Europe", "place", "place"),
]


def test_implied_edges_of_a_transitive_relation_are_left_out(tmp_path: Path) -> None:
    teacher = make_teacher(tmp_path, NESTED, PLACES)
    assert named_triples(teacher.annotate("Oslo is a city of Norway in Europe.", "en")) == {
        ("Oslo", "located in", "Norway"),
        ("Norway", "located in", "Europe"),
    }
    assert named_triples(teacher.annotate("Oslo is a city in Europe.", "en")) == {("Oslo", "located in", "Europe")}


def test_a_cycle_of_a_transitive_relation_implies_nothing(tmp_path: Path) -> None:
    circle = [*NESTED[:2], line("Europe", "located in", "Oslo", "place", "place")]
    teacher = make_teacher(tmp_path, circle, PLACES)
    assert len(teacher.annotate("Oslo is a city of Norway in Europe.", "en").relations) == 3


LIVES = Ontology(
    "lives",
    "en",
    (EntityType("person"), EntityType("date"), EntityType("number")),
    (
        RelationType("born on", signatures=(("person", "date"),)),
        RelationType("fortune", signatures=(("person", "number"),)),
    ),
)


@pytest.mark.parametrize("day", ["1865-09-03", "September 3, 1865", "3 Sept. 1865", "1865年9月3日"])
def test_a_date_is_found_in_the_forms_of_texts(tmp_path: Path, day: str) -> None:
    teacher = make_teacher(tmp_path, [line("Ana Berg", "born on", "1865-09-03", "person", "date")], LIVES)
    assert named_triples(teacher.annotate(f"Ana Berg was born on {day} at home.", "en")) == {
        ("Ana Berg", "born on", day)
    }


def test_a_number_is_found_in_the_forms_of_texts(tmp_path: Path) -> None:
    teacher = make_teacher(tmp_path, [line("Ana Berg", "fortune", "1200000", "person", "number")], LIVES)
    for written in ("1,200,000", "1.2 million", "120万"):
        assert named_triples(teacher.annotate(f"Ana Berg left {written} to all.", "en")) == {
            ("Ana Berg", "fortune", written)
        }
    assert not teacher.annotate("Ana Berg left 11,200,000 to all.", "en").relations


def test_chinese_names_are_found_without_spaces(tmp_path: Path) -> None:
    teacher = make_teacher(
        tmp_path, [line("王小明", "出生地", "北京市", "人類", "城市", tail_aliases=["北京"])], CHINESE
    )
    text = "天气很好。王小明生于北京，后来离开了北京市。"
    graph = teacher.annotate(text, "zh")
    (relation,) = graph.relations
    assert named_triples(graph) == {("王小明", "出生地", "北京市")}
    assert relation.evidence is not None
    assert text[relation.evidence.start : relation.evidence.end] == "王小明生于北京，后来离开了北京市。"


def test_parsing_a_recorded_answer_gives_the_same_graph(tmp_path: Path) -> None:
    teacher = make_teacher(tmp_path, WORLD)
    request = TeacherRequest("p1", 'Ana "Velsoft" Berg and Ana Berg joined Velsoft in Oslo, Norway.', "en", NEWS)
    (answer,) = teacher.answer([request])
    assert answer.status == "ok"
    assert teacher.read(answer.raw, request) == answer.graph


@pytest.mark.parametrize("raw", ["", "null", "{}", '{"entities":1,"relations":[]}', '{"entities":[{}],"relations":[]}'])
def test_invalid_json_is_a_parse_error(raw: str) -> None:
    with pytest.raises(GraphParseError):
        load_graph(raw)


def test_a_request_with_an_ontology_other_than_the_teachers_is_an_error(tmp_path: Path) -> None:
    teacher = make_teacher(tmp_path, WORLD)
    with pytest.raises(ValueError, match="ontology"):
        list(teacher.answer([TeacherRequest("p", "text", "en", CHINESE)]))


def test_the_teachers_parameters_depend_on_the_knowledge_bases_content(tmp_path: Path) -> None:
    first = make_teacher(tmp_path, WORLD).parameters()
    assert make_teacher(tmp_path, WORLD).parameters() == first
    assert make_teacher(tmp_path, WORLD[:-1]).parameters() != first


SENTENCES = st.sampled_from(
    [
        "Ana Berg joined Velsoft.",
        "Velsoft Systems bought Northwind.",
        "Berg, Tom Lund and Oslo.",
        "Oslo is in Norway!",
        "PARIS AND VELSOFT",
        "Nothing.",
        "Paris met Berg\n",
        "“Velsoft” — Norway…",
        "王小明 Oslo",
    ]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(SENTENCES, max_size=6))
def test_every_graph_is_grounded_legal_and_deterministic(
    tmp_path_factory: pytest.TempPathFactory, parts: list[str]
) -> None:
    path = write(tmp_path_factory.getbasetemp() / "property.jsonl", [*WORLD, *AMBIGUOUS])
    text = " ".join(parts)
    graph = KnowledgeBaseTeacher(path, NEWS).annotate(text, "en")
    assert graph == KnowledgeBaseTeacher(path, NEWS).annotate(text, "en")
    assert load_graph(dump_graph(graph)) == graph
    for entity in graph.entities:
        surfaces = [text[m.start : m.end] for m in entity.mentions]
        assert entity.text in surfaces
        assert len(entity.text) == max(map(len, surfaces))
    for relation, (head, kind, tail) in zip(graph.relations, graph.triples(), strict=True):
        assert NEWS.allows(head.type, kind, tail.type)
        assert relation.evidence is not None
        for end in (head, tail):
            assert any(relation.evidence.start <= m.start and m.end <= relation.evidence.end for m in end.mentions)
    assert [e.id for e in graph.entities] == list(range(len(graph.entities)))
    assert len({(e.text, e.type) for e in graph.entities}) == len(graph.entities)


def test_real_knowledge_on_real_text(real_data: Path) -> None:
    """Wikidata on encyclopaedic English: every graph is grounded and legal, and some have relations."""
    ontology = load_ontology(Path(__file__).parents[4] / "examples" / "wikitext" / "ontology.yaml")
    teacher = KnowledgeBaseTeacher(real_data / "kb" / "wikidata_en.jsonl", ontology)
    assert not teacher.broken
    relations = 0
    for path in sorted((real_data / "raw" / "en_wikitext2_test").glob("*.md"))[:12]:
        for text in path.read_text(encoding="utf-8").split("\n"):
            graph = teacher.annotate(text, "en")
            relations += len(graph.relations)
            assert all(e.text in [text[m.start : m.end] for m in e.mentions] for e in graph.entities)
            assert all(ontology.allows(h.type, kind, t.type) for h, kind, t in graph.triples())
    assert relations > 10


def test_real_chinese_knowledge_on_real_text(real_data: Path) -> None:
    """Wikidata on Chinese Wikipedia: the graphs are grounded, and their rationales verify."""
    ontology = Ontology(
        "zh",
        "zh",
        (EntityType("人物", kb_types=("人類",)), EntityType("国家", kb_types=("主权国家", "国家", "歷史國家"))),
        (RelationType("国籍", signatures=(("人物", "国家"),)),),
    )
    teacher = KnowledgeBaseTeacher(real_data / "kb" / "wikidata_zh.jsonl", ontology)
    entities = 0
    for path in sorted((real_data / "raw" / "zh_wikipedia").iterdir())[:10]:
        document = path.read_text(encoding="utf-8")
        for span in pack_passages(document, "zh", 48):
            text = document[span.start : span.end]
            graph = teacher.annotate(text, "zh")
            entities += len(graph.entities)
            assert all(e.text in [text[m.start : m.end] for m in e.mentions] for e in graph.entities)
            assert verify_rationale(compose_rationale(text, "zh", ontology, graph), text, ontology, graph).verified
    assert entities > 50


def test_the_knowledge_base_is_loaded_only_for_new_requests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "kb.jsonl", [*WORLD * 5, "{"])
    requests = [TeacherRequest("p", "Ana Berg works for Velsoft.", "en", NEWS)]
    ledger = MemoryLedger()
    first = KnowledgeBaseTeacher(path, NEWS)
    answered = ask_teacher(first, requests, ledger)
    loaded: list[Path] = []
    monkeypatch.setattr(kb_teacher, "load_knowledge", lambda path, _: loaded.append(path))
    second = KnowledgeBaseTeacher(path, NEWS)
    again = ask_teacher(second, requests, ledger)
    assert [answer.graph for answer in again.answers] == [answer.graph for answer in answered.answers]
    assert (again.new_calls, second.broken, second.parameters()) == (0, first.broken, first.parameters())
    assert loaded == []


def test_a_change_during_loading_is_a_user_error(tmp_path: Path) -> None:
    path = write(tmp_path / "kb.jsonl", [line("Ana Berg", "employer", "Velsoft", "person", "business")])
    teacher = KnowledgeBaseTeacher(path, NEWS)
    teacher.parameters()
    write(path, [line("Ana Berg", "employer", "Gramont", "person", "business")])
    with pytest.raises(UserError, match="changed while it was read"):
        teacher.annotate("Ana Berg", "en")
