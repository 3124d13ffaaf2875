"""Detect signs that the author of a rationale was shown the answer, or that a text is not a rationale."""

import re
from collections import Counter

from text2graph_dagster.corpus.text.language import detect_language
from text2graph_dagster.graph.legality import fold

# One thinking block at the beginning. If the chat template opens it, the server omits the opening tag.
_THOUGHT = re.compile(r"\s*(?:<think>)?(?P<thinking>.*?)</think>(?P<rest>.*)", re.DOTALL)
_TAG = re.compile(r"</?\s*(?:think|thinking|thought|reasoning|reason|answer|output|solution)\b[^<>]*>", re.IGNORECASE)
_STRUCTURE = re.compile(r"[{}]|```|\"(?:entities|relations|head|tail|type|id)\"\s*:", re.IGNORECASE)

_MIN_CHARACTERS = 40  # needed to detect the language

_GIVEN = r"(?:given|provided|supplied|shown|expected|target|reference|desired|above[- ]mentioned)"
_ANSWER = r"(?:graph|answer|output|result|solution|triples?|json|annotations?|labels?|extraction|entities|relations)"
_ANSWER_REFERENCE = re.compile(
    rf"\bjson\b|\bground[- ]truth\b|\bgold(?:en)?[- ](?:standard|{_ANSWER})\b|\banswer key\b"
    rf"|\bas (?:given|provided|shown|annotated|listed in the {_ANSWER})\b"
    rf"|\b{_GIVEN} (?:knowledge )?{_ANSWER}\b|\bknowledge graph (?:says|shows|contains|lists|states)\b"
    r"|\bthe (?:graph|answer|output|annotation|annotator)s? (?:\w+ )?(?:says?|shows?|contains?|lists?|states?"
    r"|includes?|gives?|requires?|marks?|labels?|has|must|should|is|are)\b"
    rf"|\b(?:according to|based on|consistent with|match(?:es|ing)?|lead(?:s|ing)? to|in|from) the (?:{_GIVEN} )?"
    r"(?:graph|answer|annotations?|expected output|final output)\b"
    r"|\b(?:i was|i am|i'm|i have been|we are|we were|we have been) (?:given|shown|provided|told|asked)\b"
    r"|\b(?:already|i) know the (?:graph|answer)\b|\bthe (?:prompt|instructions?|user)\b",
    re.IGNORECASE,
)
_ANSWER_REFERENCE_ZH = re.compile(
    r"JSON|(?:给定|给出|所给|已给|提供|已知|参考|标准|正确|目标|预期|期望|上述|题目|题中)的?"
    r"(?:知识)?(?:图谱?|答案|三元组|结果|输出|标注|标签|实体列表|关系列表)"
    r"|(?:根据|按照|依据|参照|符合|对照|正如)(?:上述|所给|给定|已知|提供的)?(?:知识)?"
    r"(?:图谱|图(?![书片像纸形画案表标尔卢灵里拉宾腾])|答案|标注|标签|输出)"
    r"|(?:(?<![地版试企意蓝插力妄构])图|答案|标注|标签|图谱)(?:中|里|上)(?:的|给|显示|包含|列|标|要求|有)"
    r"|如(?:所给|给定|图所示)|提示词|用户(?:要求|希望|给|提供)|(?:已经|早已)知道答案|我(?:被|已)(?:告知|给)",
    re.IGNORECASE,
)


def extract_rationale(raw: str) -> str:
    """Return a model's answer without its thinking.

    The thinking is one closed block at the beginning. With any other tags (reversed, nested, repeated, unclosed, in the
    middle), nothing is removed, so that the verifier objects to them.
    """
    found = _THOUGHT.fullmatch(raw)
    if found and not _TAG.search(found["thinking"]) and not _TAG.search(found["rest"]):
        return found["rest"].strip()
    return raw.strip()


def find_telltales(rationale: str, passage: str) -> list[str]:
    """Return signs that the author was shown the answer: tags, JSON, references to it; the passage's words are none."""
    found = []
    if tag := _TAG.search(rationale):
        found.append(f"holds_tags: {tag.group()[:40]}")
    text, own = fold(rationale), fold(passage)
    if any(match.group() not in own for match in _STRUCTURE.finditer(text)):
        found.append("leaks_json")
    found += [
        f"refers_to_the_answer: {match.group()}"
        for pattern in (_ANSWER_REFERENCE, _ANSWER_REFERENCE_ZH)
        for match in pattern.finditer(text)
        if match.group() not in own
    ]
    return list(dict.fromkeys(found))


def check_length(rationale: str, min_characters: int, max_characters: int) -> list[str]:
    """Return an objection if the rationale is too short or too long."""
    size = len(rationale.strip())
    if size < min_characters:
        return [f"too_short: {size} characters"]
    return [f"too_long: {size} characters"] if size > max_characters else []


def find_repeats(sentences: list[str], max_repeats: int) -> list[str]:
    """Return an objection with the most frequent sentence, if it occurs more than `max_repeats` times."""
    counts = Counter(folded for sentence in sentences if len(folded := fold(sentence)) > 3)
    worst, times = counts.most_common(1)[0] if counts else ("", 0)
    return [f"repeats: {worst[:60]} ({times} times)"] if times > max_repeats else []


def check_language(words: str, language: str) -> list[str]:
    """Return an objection if a rationale's own words are in another language than the passage."""
    if language in ("", "other") or len(words.strip()) < _MIN_CHARACTERS:
        return []
    found = detect_language(words, language)
    return [f"language: {found} instead of {language}"] if found not in (language, "other") else []
