"""Measure the cost of the rewards per completion: `python -m benchmarks.rewards [--quick]`.

Graphs have 5, 20 and 80 items (half entities, half relations), in passages that name them. Each passage gets eight
answers like those of a student in training: one item in seven is cut short, of a wrong type, reversed, repeated or left
out. Times are processor microseconds of one thread, the median of seven passes. Each pass begins with empty caches, as
in a GRPO step: each prompt is new, and its eight answers share what was computed for it. `with credit` is the cost in
the first half of a run with the default settings, `without` that in the second half; `reading` is the parser alone.
`--quick` makes one pass.
"""

import json
import random
import time
from collections.abc import Callable
from statistics import median

from benchmarks.support.table import flags, show
from text2graph_dagster.graph import legality
from text2graph_dagster.graph.model import Entity, Graph, Relation
from text2graph_dagster.rewards import canonical, matching
from text2graph_dagster.rewards.items import RewardRequest, parse_completion
from text2graph_dagster.rewards.scoring import score_completion
from text2graph_dagster.settings import GrpoSettings

SIZES, PASSAGES, ANSWERS, PASSES = (5, 20, 80), 40, 8, 7
TYPES, KINDS = ("person", "company", "city"), ("works for", "lives in", "founded")
_FIRST = ("Ana", "Ben", "Cara", "Dov", "Eli", "Fay", "Gil", "Hanna", "Ivo", "Jana")
_SYLLABLES = ("ba", "ke", "lo", "mi", "ru", "sa", "te", "vo", "ny", "du")
Case = tuple[str, Graph, list[str]]


def case(rng: random.Random, items: int) -> Case:
    """Return a passage, its graph of `items` items, and answers to it."""
    count = (items + 1) // 2
    names: list[str] = []
    while len(names) < count:
        name = f"{rng.choice(_FIRST)} {''.join(rng.choices(_SYLLABLES, k=3)).capitalize()}"
        if name not in names:
            names.append(name)
    entities = tuple(Entity(i, name, TYPES[i % 3]) for i, name in enumerate(names))
    ends = [(i, (i + 1) % count) for i in range(items - count)]
    graph = Graph(entities, tuple(Relation(h, t, KINDS[h % 3]) for h, t in ends))
    text = " ".join(f"{names[i - 1]} met {name}, who {KINDS[i % 3]} them." for i, name in enumerate(names))
    return text, graph, [_answer(rng, graph) for _ in range(ANSWERS)]


def _answer(rng: random.Random, graph: Graph) -> str:
    entities = [{"text": e.text, "type": e.type} for e in graph.entities]
    relations = [{"head": h.text, "type": kind, "tail": t.text} for h, kind, t in graph.triples()]
    for items in (entities, relations):
        for place in reversed(range(len(items))):
            if rng.random() < 1 / 7:
                _spoil(rng, items, place)
    return json.dumps({"entities": entities, "relations": relations}, separators=(",", ":"))


def _spoil(rng: random.Random, items: list[dict[str, str]], place: int) -> None:
    item, fault = items[place], rng.randrange(5)
    span = "text" if "text" in item else rng.choice(("head", "tail"))
    if fault == 0:
        items[place] = {**item, span: item[span].split()[-1]}
    elif fault == 1:
        items[place] = {**item, "type": rng.choice(TYPES if span == "text" else KINDS)}
    elif fault == 2 and span != "text":
        items[place] = {**item, "head": item["tail"], "tail": item["head"]}
    elif fault == 3:
        items.append(item)
    else:
        del items[place]


def microseconds(cases: list[Case], judge: Callable[[Case], object], passes: int) -> float:
    """Return the median processor time per answer in microseconds; every pass begins with empty caches."""
    times = []
    for _ in range(passes):
        for cached in (canonical.canonicalise, matching.token_multiset, legality.ground):
            cached.cache_clear()
        begun = time.process_time()
        for one in cases:
            judge(one)
        times.append((time.process_time() - begun) / sum(len(answers) for *_, answers in cases))
    return 1e6 * median(times)


def _scoring(settings: GrpoSettings, span_credit: float) -> Callable[[Case], object]:
    weights = settings.weights.model_dump()

    def judge(one: Case) -> list[dict[str, float]]:
        text, graph, answers = one
        request = RewardRequest.prepare(text, TYPES, KINDS, graph, None)
        untidy = settings.credit.untidy
        return [score_completion(a, request, weights, span_credit=span_credit, untidy=untidy) for a in answers]

    return judge


def main() -> None:
    """Measure and print."""
    arguments = flags("Measure the cost of the rewards per completion.")
    settings, passes = GrpoSettings(), 1 if arguments.quick else PASSES
    span_credit = settings.credit.span
    matching.max_weight_matching({(0, 0): 0.4, (0, 1): 0.4})  # imports scipy now, so that the import is not measured
    rows = []
    for size in SIZES:
        rng = random.Random(size)
        cases = [case(rng, size) for _ in range(PASSAGES)]
        rows.append(
            {
                "items": size,
                "answers": PASSAGES * ANSWERS,
                "µs with credit": microseconds(cases, _scoring(settings, span_credit), passes),
                "µs without": microseconds(cases, _scoring(settings, 0.0), passes),
                "µs reading": microseconds(cases, lambda one: [parse_completion(answer) for answer in one[2]], passes),
            }
        )
    show(rows, as_json=arguments.json)


if __name__ == "__main__":
    main()
