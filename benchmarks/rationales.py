"""Measure how well correct and corrupted rationales are separated: `python -m benchmarks.rationales [--quick]`.

For annotated passages (`$TEXT2GRAPH_DATA/conll04`, English; `duie2_5k`, Chinese; a missing set is reported and left
out), a correct rationale is written from templates, which are chosen by the passage's id, and then corrupted in one
place. The table has the share of correct rationales that `reasoning/prose_verifier.py` accepts and, for each
corruption, the share that it rejects.

Because of the templates, the figures show how the verifier copes with real names and passages, not with a model's
style.

`--quick`: a hundred passages of each set.
"""

import json
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.support.corpora import data_folder
from benchmarks.support.table import flags, show
from examples.annotated.prepare import UNTYPED, ontology_of, read
from text2graph_dagster.graph.model import Entity, Graph, Relation, Span
from text2graph_dagster.ontology import EntityType, Ontology, RelationType
from text2graph_dagster.reasoning.prose_verifier import verify_prose
from text2graph_dagster.settings import ReasonerSettings
from text2graph_dagster.teachers.protocol import ReasoningRequest

SETS = ("conll04", "duie2_5k")
COLUMNS = ("set", "rationales", "n", "accepted", "rejected")
STATED = {
    "en": (
        "{shown}So {h} {r} {t}.",
        '{shown}From this follows that "{h}" {r} "{t}".',
        "{shown}Between {h} and {t}, {r} is what holds.",
        "{shown}This makes ({h}, {r}, {t}).",
    ),
    "zh": ("{shown}所以{h}的{r}是{t}。", "{shown}由此得出：“{h}”的{r}是“{t}”。", "{shown}于是有：{h} - {r} - {t}。"),
}
NAMED = {
    "en": ('The text names "{e}" ({k}).', "{e} is of the type {k}.", "There is {e}, and that is {k}."),
    "zh": ("文中提到“{e}”（{k}）。", "{e}的类型是{k}。"),
}
SHOWN = {"en": 'The words "{quote}" tell of both. ', "zh": "原文写道“{quote}”。"}
DENIED = {"en": "It is not so that {h} {r} {t}.", "zh": "并没有说{h}的{r}是{t}。"}
LEAK = {"en": " This is the provided answer.", "zh": "这与标准答案一致。"}
MISQUOTE = {"en": ' The text says "and nobody ever knew why".', "zh": "原文写道“从此再也没有人知道为什么”。"}
OTHER = {
    "en": "这段文字提到了几个人和几个地方，并且说明了他们之间的关系，具体内容可以从句子本身得出。" * 3,
    "zh": "This passage names several people and places, and tells how they are related to one another. " * 3,
}


@dataclass(frozen=True)
class Draft:
    """A rationale in parts: one sentence per entity and one per relation."""

    request: ReasoningRequest
    named: tuple[str, ...]
    stated: tuple[str, ...]
    rng: random.Random

    def text(self) -> str:
        """Return the rationale."""
        return ("" if self.request.language == "zh" else " ").join((*self.named, *self.stated))


def main() -> None:
    """Run from the command line."""
    arguments = flags(str(__doc__))
    data, rows = data_folder(), []
    for name in SETS:
        if (data / name).is_dir():
            rows += measure(name, data / name, 100 if arguments.quick else None)
        else:
            print(f"{name} LEFT OUT: {data / name} is missing.", file=sys.stderr)
    show(rows, as_json=arguments.json)


def measure(name: str, folder: Path, max_passages: int | None) -> list[dict[str, Any]]:
    """Return a row for the correct rationales and one for each corruption."""
    verdicts: Counter[tuple[str, bool]] = Counter()
    for number, request in enumerate(requests(folder)):
        if number == max_passages:
            break
        draft = write(request)
        for how, text in [("right", draft.text()), *((h, s) for h, f in CORRUPTIONS.items() if (s := f(draft)))]:
            verdicts[how, verify_prose(text, request, ReasonerSettings()).verified] += 1
    rows = []
    for how in ("right", *CORRUPTIONS):
        accepted, rejected = verdicts[how, True], verdicts[how, False]
        share = (accepted if how == "right" else rejected) / max(1, accepted + rejected)
        shares = (f"{share:.1%}", "") if how == "right" else ("", f"{share:.1%}")
        if accepted + rejected:  # some sets have no two relations between the same types
            rows.append(dict(zip(COLUMNS, (name, how, accepted + rejected, *shares), strict=True)))
    return rows


def requests(folder: Path) -> Iterator[ReasoningRequest]:
    """Yield the annotated passages of dev and test that state a relation."""
    documents = [d for split in ("dev", "test") for d in read(folder / f"{split}.jsonl")]
    types = ontology_of(folder.name, documents, [])
    ontology = Ontology(
        folder.name,
        types["language"],
        tuple(map(EntityType, types["entity_types"])),
        tuple(
            RelationType(n, signatures=tuple((h, t) for h, t in body.get("signatures", ())))
            for n, body in types["relation_types"].items()
        ),
    )
    for document in documents:
        if document["relations"]:
            yield ReasoningRequest(document["id"], document["text"], types["language"], ontology, graph_of(document))


def graph_of(document: dict[str, Any]) -> Graph:
    """Return a document's graph; entities of the same text and type are merged."""
    spans: dict[tuple[str, str], list[Span]] = {}
    keys = {}
    for entity in document["entities"]:
        keys[entity["id"]] = key = (entity["text"], entity["type"] or UNTYPED)
        spans.setdefault(key, []).append(Span(entity["start"], entity["end"]))
    ids = {key: number for number, key in enumerate(spans)}
    relations = {(ids[keys[r["head_id"]]], ids[keys[r["tail_id"]]], r["type"]) for r in document["relations"]}
    entities = tuple(Entity(ids[key], *key, tuple(places)) for key, places in spans.items())
    return Graph(entities, tuple(Relation(*relation) for relation in sorted(relations)))


def write(request: ReasoningRequest) -> Draft:
    """Return a correct rationale from templates chosen by the passage's id."""
    rng, language = random.Random(request.passage_id), request.language
    named = tuple(rng.choice(NAMED[language]).format(e=e.text, k=e.type) for e in request.graph.entities)
    stated = tuple(state(request, h, kind, t, rng) for h, kind, t in request.graph.triples())
    return Draft(request, named, stated, rng)


def state(request: ReasoningRequest, head: Entity, kind: str, tail: Entity, rng: random.Random) -> str:
    """Return a sentence that states the relation, in half of the cases with a quotation with both names."""
    start = min(head.mentions[0].start, tail.mentions[0].start)
    end = max(head.mentions[0].end, tail.mentions[0].end)
    quote, language = request.text[start:end], request.language
    quotable = not set('"“”\n') & set(quote) and rng.random() < 0.5
    shown = SHOWN[language].format(quote=quote) if quotable else ""
    return rng.choice(STATED[language]).format(shown=shown, h=head.text, r=kind, t=tail.text)


def one_left_out(draft: Draft) -> str:
    """Return the rationale without the sentence of one relation."""
    number = draft.rng.randrange(len(draft.stated))
    return replace(draft, stated=draft.stated[:number] + draft.stated[number + 1 :]).text()


def one_inverted(draft: Draft) -> str | None:
    """Exchange head and tail of a relation if the ontology allows it and the result is not in the graph."""
    ontology, triples = draft.request.ontology, draft.request.graph.triples()
    inversions = [h != t and (t, k, h) not in triples and ontology.allows(t.type, k, h.type) for h, k, t in triples]
    places = [i for i, invertible in enumerate(inversions) if invertible]
    return _instead(draft, places, lambda h, k, t: (t, k, h))


def one_renamed(draft: Draft) -> str | None:
    """State another relation that the ontology allows between the same head and tail."""
    ontology, triples = draft.request.ontology, draft.request.graph.triples()

    def others(h: Entity, k: str, t: Entity) -> list[str]:
        return [n for n in ontology.relation_names if ontology.allows(h.type, n, t.type) and (h, n, t) not in triples]

    places = [i for i, triple in enumerate(triples) if others(*triple)]
    return _instead(draft, places, lambda h, k, t: (h, draft.rng.choice(others(h, k, t)), t))


def one_invented(draft: Draft) -> str | None:
    """State one more relation that the ontology allows and the graph lacks."""
    ontology, graph = draft.request.ontology, draft.request.graph
    known = {frozenset((h.text, t.text)) for h, _, t in graph.triples()}
    free = [
        (h, kind, t)
        for h in graph.entities
        for t in graph.entities
        for kind in ontology.relation_names
        if h.text != t.text and ontology.allows(h.type, kind, t.type) and frozenset((h.text, t.text)) not in known
    ]
    if not free:
        return None
    stated = rng_state(draft, *draft.rng.choice(free))
    return replace(draft, stated=(*draft.stated, stated)).text()


def one_denied(draft: Draft) -> str:
    """Deny a relation instead of stating it."""
    number = draft.rng.randrange(len(draft.stated))
    head, kind, tail = draft.request.graph.triples()[number]
    stated = DENIED[draft.request.language].format(h=head.text, r=kind, t=tail.text)
    return replace(draft, stated=(*draft.stated[:number], stated, *draft.stated[number + 1 :])).text()


def _instead(
    draft: Draft, places: list[int], change: Callable[[Entity, str, Entity], tuple[Entity, str, Entity]]
) -> str | None:
    if not places:
        return None
    number = draft.rng.choice(places)
    stated = rng_state(draft, *change(*draft.request.graph.triples()[number]))
    return replace(draft, stated=(*draft.stated[:number], stated, *draft.stated[number + 1 :])).text()


def rng_state(draft: Draft, head: Entity, kind: str, tail: Entity) -> str:
    """Return a sentence that states the relation, using the draft's random generator."""
    return state(draft.request, head, kind, tail, draft.rng)


CORRUPTIONS: dict[str, Callable[[Draft], str | None]] = {
    "one relation left out": one_left_out,
    "one inverted": one_inverted,
    "one of another type": one_renamed,
    "one invented": one_invented,
    "one denied": one_denied,
    "an entity left out": lambda d: replace(d, named=d.named[1:], stated=()).text(),
    "a false quotation": lambda d: d.text() + MISQUOTE[d.request.language],
    "the answer leaked": lambda d: d.text() + LEAK[d.request.language],
    "another language": lambda d: OTHER[d.request.language] + json.dumps(d.named, ensure_ascii=False),
}


if __name__ == "__main__":
    main()
