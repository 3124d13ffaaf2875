"""A second opinion on mended labels: does the passage entail what a relation says, put into words?

The words are the relation's name between its ends ("Ana founded Velsoft."; compare Sainz et al. 2021, "Label
Verbalization and Entailment"). Who judges is a model for natural language inference (`training/entailment.py`); here
stands what it is asked, and what follows from its answers.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from text2graph_dagster.dataset.denoising.denoiser import Denoised, Passage
from text2graph_dagster.graph.model import Graph
from text2graph_dagster.ontology import Ontology

Pair = tuple[str, str]  # a passage, and what it is said to entail
Scorer = Callable[[Sequence[Pair]], Sequence[float]]  # the probability of every pair that it does


def statement(head: str, relation: str, tail: str, language: str) -> str:
    """Return a relation as a sentence; in Chinese without blanks. Of names like "Live_In" the words are taken."""
    words = " ".join(relation.replace("_", " ").split())
    words = words.lower() if "_" in relation or relation.isupper() else words
    return f"{head}{words}{tail}。" if language.startswith("zh") else f"{head} {words} {tail}."


def with_second_opinion(
    passages: Sequence[Passage], mended: Denoised, ontology: Ontology, scorer: Scorer, least: float
) -> Denoised:
    """Return mended graphs without the relations that their passages entail with a probability below `least`.

    A symmetric relation counts as entailed if either of its directions is.
    """
    asked = [_pairs(passage, graph, ontology) for passage, graph in zip(passages, mended.graphs, strict=True)]
    scores = iter(scorer([pair for of_passage in asked for pairs in of_passage for pair in pairs]))
    graphs, dropped, added = [], mended.dropped, mended.added
    for passage, graph, of_passage in zip(passages, mended.graphs, asked, strict=True):
        entailed = [max([next(scores) for _ in pairs]) >= least for pairs in of_passage]
        kept = tuple(r for r, holds in zip(graph.relations, entailed, strict=True) if holds)
        lost_labels = len(set(graph.relations) & set(passage.graph.relations) - set(kept))
        dropped, added = dropped + lost_labels, added - (len(graph.relations) - len(kept) - lost_labels)
        graphs.append(replace(graph, relations=kept))
    return Denoised(graphs, mended.labels, dropped, added)


def _pairs(passage: Passage, graph: Graph, ontology: Ontology) -> list[list[Pair]]:
    """Return what is asked about each relation of a passage."""
    asked = []
    for head, kind, tail in graph.triples():
        ways = [(head, tail), (tail, head)] if ontology.relation(kind).symmetric else [(head, tail)]
        asked.append([(passage.text, statement(a.text, kind, b.text, ontology.language)) for a, b in ways])
    return asked
