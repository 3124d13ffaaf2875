"""Measure what a vote gains and what agreement predicts: `python -m benchmarks.agreement MODEL [--quick] [--json] …`.

MODEL is the directory of a student that was trained on the gazette (`make demo` leaves one under home/checkpoints). It
is used as a teacher with several samples, and answers the passages of the gazette's test gold: once greedily, and
`--samples` times at `--temperature`. Figures are strict, over triples with the types of head and tail, with 95 %
intervals (bootstrap over passages, the same resamples for all rows).

- `vote`: greedy decoding alone, one sample (the mean over all samples), majorities of the first 3, 5, … samples, and
  the knowledge base, alone and together with the greedy answer (triples in both, or in either); `over one sample` and
  `over greedy` are the gains in F1.
- `share`: the share of correct triples among those in exactly n samples.
- `ranking`: how well agreement separates correct from wrong answers, as the probability that a correct one has a higher
  score than a wrong one (AUC; 0.5 is chance). The score of a triple is the share of the samples that have it. The score
  of a passage is the mean F1 between every two samples; a passage is correct if the triples of the majority vote are
  exactly those of gold.

`--quick`: 100 passages, 3 samples.
"""

import argparse
import json
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from benchmarks.support.reliability import auc
from benchmarks.support.table import show, switches
from examples.gazette.generate import generate
from examples.gazette.settings import GazetteSettings
from text2graph_dagster.bootstrap import percentile_interval, resample_sums
from text2graph_dagster.corpus.build import build_corpus
from text2graph_dagster.corpus.folder import open_corpus
from text2graph_dagster.graph.legality import legalise
from text2graph_dagster.graph.model import Graph
from text2graph_dagster.graph.parsing import GraphParseError, parse
from text2graph_dagster.graph.rows import from_rows
from text2graph_dagster.ontology import Ontology
from text2graph_dagster.prompts.rendering import render_prompt
from text2graph_dagster.rewards.canonical import inverted_relations
from text2graph_dagster.settings import Settings
from text2graph_dagster.teachers.knowledge_base.teacher import KnowledgeBaseTeacher
from text2graph_dagster.teachers.voting import Vote, vote, vote_agreement, vote_triples

BATCH, MAX_TOKENS, RESAMPLED, SEED = 16, 256, 1000, 7
MAJORITY = 0.5
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Passage:
    """A gold passage with the graphs that were extracted from it."""

    gold: Graph
    known: Graph  # extracted by the knowledge base teacher
    greedy: Graph
    samples: Sequence[Graph]


def main() -> None:
    """Run from the command line."""
    parser = switches(str(__doc__))
    parser.add_argument("model", type=Path, help="directory of a student")
    parser.add_argument("--samples", type=int, default=9)
    parser.add_argument("--temperature", type=float, default=0.7)
    arguments = parser.parse_args()
    passages, ontology = read(arguments)
    tables = {
        "vote": compare_votes(passages, ontology),
        "share": count_shares(passages, ontology),
        "ranking": rank_by_agreement(passages, ontology),
    }
    if arguments.json:
        print(json.dumps(tables, indent=1))
        return
    print(f"{len(passages)} passages of the gazette's test gold, temperature {arguments.temperature}")
    for name, rows in tables.items():
        print(f"\n{name}")
        show(rows, as_json=False)


def read(arguments: argparse.Namespace) -> tuple[list[Passage], Ontology]:
    """Return the passages with all their graphs, and the ontology."""
    count, samples = (100, 3) if arguments.quick else (None, arguments.samples)
    with tempfile.TemporaryDirectory() as root:
        generate(Path(root) / "gazette", GazetteSettings())
        folder = open_corpus(Path(root) / "gazette")
        built = build_corpus(folder, Settings().corpus)
        if folder.knowledge_base is None:
            raise SystemExit("the gazette has no knowledge base")
        ontology, teacher = folder.ontology, KnowledgeBaseTeacher(folder.knowledge_base, folder.ontology)
        test = built.raw_corpus.filter(pl.col("split") == "test", pl.col("duplicate_of").is_null())
        rows = list(test.unique("passage_id").sort("passage_id").head(count or test.height).iter_rows(named=True))
        known = [teacher.annotate(row["text"], row["language"]) for row in rows]
    gold = {r["passage_id"]: from_rows(r["entities"], r["relations"]) for r in built.gold_graphs.iter_rows(named=True)}
    texts = [row["text"] for row in rows]
    (greedy,) = zip(*extract_graphs(arguments.model, texts, ontology, 1, 0.0), strict=True)
    sampled = extract_graphs(arguments.model, texts, ontology, samples, arguments.temperature)
    return [
        Passage(gold[row["passage_id"]], facts, one, many)
        for row, facts, one, many in zip(rows, known, greedy, sampled, strict=True)
    ], ontology


def extract_graphs(
    model: Path, texts: Sequence[str], ontology: Ontology, samples: int, temperature: float
) -> list[list[Graph]]:
    """Return `samples` graphs of each text; an answer that cannot be parsed is an empty graph."""
    import torch

    from text2graph_dagster.inference.batch_generation import sample_prompts
    from text2graph_dagster.inference.chat_template import render_prompts
    from text2graph_dagster.inference.loading import load_student

    types = (ontology.entity_names, ontology.relation_names)
    student, tokenizer = load_student(model)
    messages = [[{"role": "user", "content": render_prompt(text, *types, ontology, "compact", "en")}] for text in texts]
    prompts = render_prompts(messages, tokenizer)
    ids = tokenizer(prompts, add_special_tokens=False)["input_ids"]
    order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
    written = sample_prompts(
        student,
        tokenizer,
        [prompts[i] for i in order],
        samples=samples,
        temperature=temperature,
        max_new_tokens=MAX_TOKENS,
        batch_size=BATCH,
        generator=torch.Generator().manual_seed(SEED),
    )
    answered = dict(zip(order, written, strict=True))
    return [[_graph(answer, text, ontology) for answer in answered[i]] for i, text in enumerate(texts)]


def _graph(answer: str, text: str, ontology: Ontology) -> Graph:
    try:
        parsed = parse(answer)
    except GraphParseError:
        return Graph()
    return legalise(parsed, text, ontology.entity_names, ontology.relation_names, ontology).graph


def compare_votes(passages: Sequence[Passage], ontology: Ontology) -> list[dict[str, Any]]:
    """Return a row per way of extraction."""
    inverted, sample_count = inverted_relations(ontology), len(passages[0].samples)

    def counts(read: Graph, gold: Graph) -> list[float]:
        found, wanted = vote_triples(read, inverted), vote_triples(gold, inverted)
        return [len(found & wanted), len(found), len(wanted)]

    def counted(*read: Sequence[Graph]) -> Floats:
        """Return (right, predicted, gold) counts of every passage, averaged over several sets of graphs."""
        answered = [[counts(g, p.gold) for g, p in zip(graphs, passages, strict=True)] for graphs in read]
        return np.asarray(np.mean(answered, axis=0))

    ways = {
        "knowledge base": counted([p.known for p in passages]),
        "greedy": counted([p.greedy for p in passages]),
        "one sample": counted(*([p.samples[n] for p in passages] for n in range(sample_count))),
    }
    for size in range(3, sample_count + 1, 2):
        answered = [[Vote(graph) for graph in p.samples[:size]] for p in passages]
        ways[f"vote of {size}"] = counted([vote(v, ontology, MAJORITY) for v in answered])
    panel = [[Vote(p.greedy), Vote(p.known)] for p in passages]
    for name, share in (("in both", MAJORITY), ("in either", 0.0)):
        ways[name] = counted([vote(v, ontology, share) for v in panel])
    sums = {name: resample_sums(vectors, RESAMPLED, SEED) for name, vectors in ways.items()}
    rows = []
    for name, vectors in ways.items():
        row: dict[str, Any] = {"extracted by": name, "n": int(vectors[:, 2].sum())}
        for figure, value in (("precision", _precision), ("recall", _recall), ("f1", _f1)):
            row[figure] = _shown(float(value(vectors.sum(axis=0))), value(sums[name]))
        for other in ("one sample", "greedy"):
            gain = float(_f1(vectors.sum(axis=0)) - _f1(ways[other].sum(axis=0)))
            row[f"over {other}"] = _shown(gain, _f1(sums[name]) - _f1(sums[other])) if name != other else ""
        rows.append(row)
    return rows


def count_shares(passages: Sequence[Passage], ontology: Ontology) -> list[dict[str, Any]]:
    """Return a row per number n of samples: how many triples are in exactly n, and the share that is right."""
    sample_count, met = len(passages[0].samples), dict[float, list[bool]]()
    for marked in _marked(passages, ontology):
        for count, right in marked:
            met.setdefault(count, []).append(right)
    return [{"in samples": f"{n:.0f} of {sample_count}", "n": len(met[n]), "right": fmean(met[n])} for n in sorted(met)]


def rank_by_agreement(passages: Sequence[Passage], ontology: Ontology) -> list[dict[str, Any]]:
    """Return the AUC of agreement: a row for triples and one for passages."""
    inverted = inverted_relations(ontology)
    by_triple = _marked(passages, ontology)
    by_passage = []
    for passage in passages:
        read = vote([Vote(graph) for graph in passage.samples], ontology, MAJORITY)
        right = vote_triples(read, inverted) == vote_triples(passage.gold, inverted)
        by_passage.append([(vote_agreement(passage.samples, ontology) or 0.0, right)])
    rows: list[dict[str, Any]] = []
    for what, marked in (("triples", by_triple), ("passages", by_passage)):
        flat = [pair for pairs in marked for pair in pairs]
        chance = np.random.default_rng(SEED)
        drawn = (chance.integers(0, len(marked), len(marked)) for _ in range(RESAMPLED))
        resampled = np.array([auc([pair for i in draw for pair in marked[i]]) for draw in drawn])
        rows.append({"what": what, "n": len(flat), "right": sum(met for _, met in flat)})
        rows[-1]["auc"] = _shown(auc(flat), resampled)
    return rows


def _marked(passages: Sequence[Passage], ontology: Ontology) -> list[list[tuple[float, bool]]]:
    """Return, per passage, (number of samples with the triple, whether gold has it) for each triple of any sample."""
    inverted = inverted_relations(ontology)
    return [
        [(count, triple in vote_triples(p.gold, inverted)) for triple, count in answered.items()]
        for p in passages
        for answered in [Counter(triple for graph in p.samples for triple in vote_triples(graph, inverted))]
    ]


def _precision(sums: Floats) -> Floats:
    return np.asarray(sums[..., 0] / np.maximum(sums[..., 1], 1))


def _recall(sums: Floats) -> Floats:
    return np.asarray(sums[..., 0] / np.maximum(sums[..., 2], 1))


def _f1(sums: Floats) -> Floats:
    return np.asarray(2 * sums[..., 0] / np.maximum(sums[..., 1] + sums[..., 2], 1))


def _shown(value: float, resampled: Floats) -> str:
    low, high = percentile_interval(resampled) or (value, value)
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"


if __name__ == "__main__":
    main()
