"""Keep only denoised relations that the passage entails, by natural language inference.

The hypothesis is the relation's name between head and tail ("Ana founded Velsoft."; compare Sainz et al. 2021, "Label
Verbalization and Entailment"). The classifier runs in `training/entailment.py`; this module makes its inputs and
applies its scores.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from text2graph_dagster.dataset.denoising.denoiser import DenoisedGraphs, Passage
from text2graph_dagster.graph.model import Graph
from text2graph_dagster.ontology import Ontology

EntailmentPair = tuple[str, str]  # premise (a passage) and hypothesis (a relation as a sentence)
EntailmentScorer = Callable[[Sequence[EntailmentPair]], Sequence[float]]  # probability of entailment of every pair


def verbalise_relation(head: str, relation: str, tail: str, language: str) -> str:
    """Return a relation as a sentence, in Chinese without spaces; names like "Live_In" are split into words."""
    words = " ".join(relation.replace("_", " ").split())
    words = words.lower() if "_" in relation or relation.isupper() else words
    return f"{head}{words}{tail}。" if language.startswith("zh") else f"{head} {words} {tail}."


def filter_by_entailment(
    passages: Sequence[Passage],
    denoised: DenoisedGraphs,
    ontology: Ontology,
    scorer: EntailmentScorer,
    min_entailment: float,
) -> DenoisedGraphs:
    """Return denoised graphs without the relations whose entailment probability is below `min_entailment`.

    A symmetric relation counts as entailed if either direction is entailed.
    """
    inputs = [_make_pairs(passage, graph, ontology) for passage, graph in zip(passages, denoised.graphs, strict=True)]
    scores = iter(scorer([pair for of_passage in inputs for pairs in of_passage for pair in pairs]))
    graphs, dropped, added = [], denoised.dropped, denoised.added
    for passage, graph, of_passage in zip(passages, denoised.graphs, inputs, strict=True):
        entailed = [max([next(scores) for _ in pairs]) >= min_entailment for pairs in of_passage]
        kept = tuple(r for r, holds in zip(graph.relations, entailed, strict=True) if holds)
        lost_labels = len(set(graph.relations) & set(passage.graph.relations) - set(kept))
        dropped, added = dropped + lost_labels, added - (len(graph.relations) - len(kept) - lost_labels)
        graphs.append(replace(graph, relations=kept))
    return DenoisedGraphs(graphs, denoised.labels, dropped, added)


def _make_pairs(passage: Passage, graph: Graph, ontology: Ontology) -> list[list[EntailmentPair]]:
    """Return the classifier's inputs for each relation of a passage."""
    inputs = []
    for head, kind, tail in graph.triples():
        ways = [(head, tail), (tail, head)] if ontology.relation(kind).symmetric else [(head, tail)]
        inputs.append([(passage.text, verbalise_relation(a.text, kind, b.text, ontology.language)) for a, b in ways])
    return inputs
