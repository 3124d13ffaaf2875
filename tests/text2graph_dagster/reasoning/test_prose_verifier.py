"""Verifying rationales in free prose."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.text2graph_dagster.reasoning.test_composed_reasoner import GRAPH, ONTOLOGY, TEXT
from text2graph_dagster.graph.mentions import find_occurrences
from text2graph_dagster.graph.model import Entity, Graph, Relation
from text2graph_dagster.ontology import EntityType, Ontology, RelationType
from text2graph_dagster.reasoning.composed_reasoner import compose_rationale
from text2graph_dagster.reasoning.prose_verifier import verify_model_rationale, verify_prose
from text2graph_dagster.reasoning.verifier import RationaleVerdict
from text2graph_dagster.settings import ReasonerSettings
from text2graph_dagster.teachers.protocol import ReasoningRequest

BOUNDS = ReasonerSettings()
ENGLISH = ReasoningRequest("p", TEXT, "en", ONTOLOGY, GRAPH)
GOOD = (
    'The first sentence names "Ana Berg", who is a person, and "Velsoft" (company). As "Ana Berg joined Velsoft", '
    "Ana Berg works for Velsoft.\n"
    "The second sentence has another person, Tom Lund. In this story they wed: Ana Berg is married to Tom Lund.\n"
    "Finally Berg lives in Oslo, which is a city. Nothing says that Ana Berg founded Velsoft, "
    'so "founded" does not hold between them.'
)

ZH_ONTOLOGY = Ontology(
    "百科",
    "zh",
    (EntityType("人物"), EntityType("城市"), EntityType("组织")),
    (
        RelationType("出生地", signatures=(("人物", "城市"),), aliases=("出生于",)),
        RelationType("雇主", signatures=(("人物", "组织"),), aliases=("任职于",)),
    ),
)
ZH_TEXT = "王明1960年生于北京，后来在清华大学任教。李华是他的同事。"


def zh_entity(number: int, text: str, kind: str) -> Entity:
    return Entity(number, text, kind, find_occurrences(text, ZH_TEXT))


ZH_GRAPH = Graph(
    (
        zh_entity(0, "王明", "人物"),
        zh_entity(1, "北京", "城市"),
        zh_entity(2, "清华大学", "组织"),
        zh_entity(3, "李华", "人物"),
    ),
    (Relation(0, 1, "出生地"), Relation(0, 2, "雇主")),
)
CHINESE = ReasoningRequest("p", ZH_TEXT, "zh", ZH_ONTOLOGY, ZH_GRAPH)
ZH_GOOD = (
    "第一句提到“王明”（人物）和“北京”（城市），原文说“生于北京”，所以王明的出生地是北京。同一句又说他“在清华大学任教”，"
    "清华大学是一个组织，因此王明的雇主是清华大学。第二句提到人物李华，只说他是同事，没有说明李华的雇主是清华大学。"
)


def check(rationale: str, request: ReasoningRequest = ENGLISH, **bounds: int) -> RationaleVerdict:
    return verify_prose(rationale, request, BOUNDS.model_copy(update=bounds))


@pytest.mark.parametrize(
    "rationale",
    [
        GOOD,
        GOOD.replace("Ana Berg works for Velsoft", '"Ana Berg" - works for - "Velsoft"'),
        GOOD.replace("Ana Berg works for Velsoft", "(Ana Berg, works for, Velsoft)"),
        GOOD.replace("Ana Berg works for Velsoft", "the relation works for holds between Ana Berg and Velsoft"),
        GOOD.replace("Ana Berg works for Velsoft", "it follows for Ana Berg that she works for Velsoft"),
        GOOD.replace("Ana Berg works for Velsoft", "Ana Berg, a newcomer, works_for Velsoft"),
        GOOD.replace("Ana Berg works for Velsoft", "this is about Ana Berg and Velsoft. So works for is what is said"),
        GOOD.replace("Ana Berg is married to Tom Lund", "Tom Lund is married to Ana Berg"),
        GOOD + " Does Tom Lund works for Velsoft too? That is not said.",
        GOOD + " Tom Lund might be one who works for Velsoft, but nobody says it.",
        GOOD + " Unlike Tom Lund, Ana Berg works for Velsoft.",
        GOOD + ' The words "Ana Berg … Velsoft" belong together.',
        compose_rationale(TEXT, "en", ONTOLOGY, GRAPH),
    ],
)
def test_a_rationale_may_be_worded_freely(rationale: str) -> None:
    assert check(rationale) == RationaleVerdict(True)


@pytest.mark.parametrize(
    "rationale",
    [
        ZH_GOOD,
        ZH_GOOD.replace("王明的出生地是北京", "王明出生于北京"),
        ZH_GOOD.replace("王明的雇主是清华大学", "王明 - 雇主 - 清华大学"),
        ZH_GOOD + "李华的雇主是否也是清华大学？原文没有说。",
        ZH_GOOD + "李华的出生地可能是北京，但原文没有提到。",
    ],
)
def test_a_chinese_rationale_may_be_worded_freely(rationale: str) -> None:
    assert check(rationale, CHINESE) == RationaleVerdict(True)


@pytest.mark.parametrize(
    ("rationale", "reason"),
    [
        ("Yes.", "too_short"),
        (GOOD + " and so on" * 1000, "too_long"),
        (GOOD + " I think so." * 9, "repeats: i think so. (9 times)"),
        (f"<think>{GOOD}</think>", "holds_tags"),
        (GOOD + "</Thinking>", "holds_tags"),
        (f"<answer>{GOOD}", "holds_tags"),
        (GOOD + ' {"relations": []}', "leaks_json"),
        (GOOD + " ```\nAna Berg\n```", "leaks_json"),
        (GOOD + ' "head": the person', "leaks_json"),
        (GOOD + " This is as given.", "refers_to_the_answer: as given"),
        (GOOD + " The provided graph has it.", "refers_to_the_answer: provided graph"),
        (GOOD + " This matches the expected output.", "refers_to_the_answer: matches the expected output"),
        (GOOD + " The graph contains it.", "refers_to_the_answer: the graph contains"),
        (GOOD + " The user wants them all.", "refers_to_the_answer: the user"),
        (GOOD + " I was told so.", "refers_to_the_answer: i was told"),
        (GOOD + " This is the ground truth.", "refers_to_the_answer: ground truth"),
        (GOOD + " The JSON is complete.", "refers_to_the_answer: json"),
        (GOOD + ' The text says "Ana Berg quit".', "not_in_passage: Ana Berg quit"),
        (GOOD + " It is “a wedding in June”.", "not_in_passage: a wedding in June"),
        (GOOD + ' It goes "Ana Berg … resigned".', "not_in_passage: resigned"),
        (GOOD.replace("Ana Berg works for Velsoft", "all is said"), "missing_relation: Ana Berg - works for - Velsoft"),
        (GOOD.replace("works for", "is employed by"), "missing_relation: Ana Berg - works for - Velsoft"),
        (GOOD.replace("works for", "perhaps works for"), "missing_relation: Ana Berg - works for - Velsoft"),
        (GOOD.replace("works for", "founded"), "extra_relation: Ana Berg - founded - Velsoft"),
        (GOOD.replace("Ana Berg works for", "Ana Berg never works for"), "denies: Ana Berg - works for - Velsoft"),
        (GOOD.replace("Tom Lund", "Tom"), "missing_entity: Tom Lund (person)"),
        (GOOD.replace(", which is a city", ""), "missing_type: Oslo (city)"),
        (GOOD.replace('"Velsoft" (company)', '"Velsoft" (city)'), "extra_entity: Velsoft (city)"),
        (GOOD + " Oslo is a company.", "extra_entity: Oslo (company)"),
        (GOOD + " Tom Lund works for Velsoft.", "extra_relation: Tom Lund - works for - Velsoft"),
        (GOOD + " Ana Berg and Tom Lund works for Velsoft.", "extra_relation: Tom Lund - works for - Velsoft"),
        (GOOD + " (Tom Lund, works for, Velsoft).", "extra_relation: Tom Lund - works for - Velsoft"),
        (GOOD + " Velsoft works for Ana Berg.", "extra_relation: Velsoft - works for - Ana Berg"),
        (GOOD + " Velsoft was founded by Tom Lund.", "extra_relation: Tom Lund - founded - Velsoft"),
        (GOOD + " Between Tom Lund and Velsoft, founded holds.", "extra_relation: founded among Tom Lund, Velsoft"),
        (
            "El primer enunciado habla de una persona y de una empresa en la que ella trabaja desde hace muchos años, "
            "y el segundo de otra persona que conoce allí. " + GOOD[-20:],
            "language: es instead of en",
        ),
    ],
)
def test_faulty_rationales_are_rejected(rationale: str, reason: str) -> None:
    """An earlier project checked neither leakage ("as given in the JSON") nor whether rationale and graph agree."""
    verdict = check(rationale)
    assert not verdict.verified
    assert any(r.startswith(reason) for r in verdict.reasons), verdict.reasons


@pytest.mark.parametrize(
    ("rationale", "reason"),
    [
        ("是的。", "too_short"),
        (ZH_GOOD + "如所给答案所示。", "refers_to_the_answer: 如所给"),
        (ZH_GOOD + "根据给定的图可以确认。", "refers_to_the_answer: 给定的图"),
        (ZH_GOOD + "图中列出了这些关系。", "refers_to_the_answer: 图中列"),
        (ZH_GOOD + "这与标准答案一致。", "refers_to_the_answer: 标准答案"),
        (ZH_GOOD + "用户要求只列出这些。", "refers_to_the_answer: 用户要求"),
        (ZH_GOOD + "以JSON输出。", "refers_to_the_answer: json"),
        (ZH_GOOD + "</think>", "holds_tags"),
        (ZH_GOOD.replace("“在清华大学任教”", "“在北京大学任教”"), "not_in_passage: 在北京大学任教"),
        (ZH_GOOD + "李华的出生地是北京。", "extra_relation: 李华 - 出生地 - 北京"),
        (ZH_GOOD.replace("没有说明李华", "说明李华"), "extra_relation: 李华 - 雇主 - 清华大学"),
        (ZH_GOOD.replace("因此王明的雇主是", "因此王明并非以雇主为"), "denies: 王明 - 雇主 - 清华大学"),
        (ZH_GOOD.replace("王明的雇主是清华大学", "他在那里上班"), "missing_relation: 王明 - 雇主 - 清华大学"),
        (ZH_GOOD.replace("是一个组织", "是一座城市"), "extra_entity: 清华大学 (城市)"),
        (ZH_GOOD.replace("李华", "他"), "missing_entity: 李华 (人物)"),
        (
            "The first sentence names 王明 and 北京 and says where he was born, and then that he teaches somewhere.",
            "language: en instead of zh",
        ),
    ],
)
def test_faulty_chinese_rationales_are_rejected(rationale: str, reason: str) -> None:
    verdict = check(rationale, CHINESE)
    assert not verdict.verified
    assert any(r.startswith(reason) for r in verdict.reasons), verdict.reasons


def test_words_of_the_passage_are_no_telltales() -> None:
    text = "The graph shows that JSON was a ground truth {for} Oslo."
    graph = Graph((Entity(0, "Oslo", "city", find_occurrences("Oslo", text)),))
    request = ReasoningRequest("p", text, "en", ONTOLOGY, graph)
    assert check(
        'The sentence is about JSON. It names "Oslo" (city), and {for} is its fifth word or so.', request
    ).verified


def test_chinese_words_for_libraries_and_maps_are_no_telltales() -> None:
    assert check(ZH_GOOD + "他根据图书馆的地图上的标记找到了路。", CHINESE).verified


def test_an_empty_graph_needs_no_claims() -> None:
    request = ReasoningRequest("p", "It rained.", "en", ONTOLOGY, Graph())
    assert check("The text is about the weather and names nothing of the listed types.", request).verified
    assert not check("The text is about Ana Berg, a person. <think>", request).verified


def test_a_capitalised_name_outside_the_graph_is_recognised() -> None:
    text = "In spring Pia Holm and Ana Berg joined Velsoft."
    entities = (
        Entity(0, "Ana Berg", "person", find_occurrences("Ana Berg", text)),
        Entity(1, "Velsoft", "company", find_occurrences("Velsoft", text)),
    )
    request = ReasoningRequest("p", text, "en", ONTOLOGY, Graph(entities, (Relation(0, 1, "works for"),)))
    stated = "Ana Berg (person) works for Velsoft (company). "
    assert check(stated, request).verified
    assert check(stated + "Pia Holm works for Velsoft.", request).reasons == (
        "extra_relation: Pia Holm - works for - Velsoft",
    )


def test_if_types_do_not_tell_head_and_tail_apart_the_head_must_come_first() -> None:
    text = "Oslo lies in Norway."
    ontology = Ontology(
        "o", "en", (EntityType("place"),), (RelationType("located in", signatures=(("place", "place"),)),)
    )
    entities = tuple(Entity(i, n, "place", find_occurrences(n, text)) for i, n in enumerate(("Oslo", "Norway")))
    request = ReasoningRequest("p", text, "en", ontology, Graph(entities, (Relation(0, 1, "located in"),)))
    stated = "Oslo (place) and Norway (place) are named. "
    assert check(stated + "Between Oslo and Norway, located in holds.", request).verified
    assert not check(stated + "Between Norway and Oslo, located in holds.", request).verified
    assert not check(stated + "It is not so that Oslo is located in Norway.", request).verified


def test_bounds_come_from_the_settings() -> None:
    assert not check(GOOD, max_characters=100).verified
    assert check(
        "No such thing.", ReasoningRequest("p", "It rained.", "en", ONTOLOGY, Graph()), min_characters=5
    ).verified
    assert check(GOOD + " I think so." * 9, max_repeats=9).verified


def test_the_composed_form_is_verified_by_its_own_verifier_first() -> None:
    assert verify_model_rationale(compose_rationale(ZH_TEXT, "zh", ZH_ONTOLOGY, ZH_GRAPH), CHINESE, BOUNDS).verified
    assert verify_model_rationale(GOOD, ENGLISH, BOUNDS).verified


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=200), st.sampled_from([ENGLISH, CHINESE]))
def test_random_texts_neither_raise_nor_pass(rationale: str, request: ReasoningRequest) -> None:
    assert not verify_prose(rationale, request, BOUNDS).verified


@settings(deadline=None, max_examples=40)
@given(st.lists(st.sampled_from(GOOD.replace("\n", " ").split()), max_size=60))
def test_shuffled_words_raise_no_error(words: list[str]) -> None:
    verify_prose(" ".join(words), ENGLISH, BOUNDS)
