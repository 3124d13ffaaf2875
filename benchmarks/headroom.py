"""Estimate what GRPO could gain: `python -m benchmarks.headroom CHECKPOINT [--samples N] [--quick] [--json]`.

CHECKPOINT is a student of the lineage, with its `.inputs` beside it. It answers the gold dev passages greedily (without
a grammar), and `--samples` times at temperature 1, which is what GRPO learns from. Rows:

- `one sample`: what GRPO rewards at first. GRPO raises it towards `greedy` by sharpening the distribution; that does
  not improve greedy decoding.
- `in n of N`: the triples in at least n samples. The best of these rows is what the same knowledge yields with the best
  balance of precision and recall; its difference to `greedy` is what a better balance would gain.
- `best of N`: for each passage the sample with the best F1, chosen with gold; an upper limit of what the student can
  write.

Relation F1 is strict, after the legality filter, with 95 % intervals (bootstrap over passages). `--quick`: 100
passages.
"""

import sys
from argparse import Namespace
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.support.table import show, switches
from text2graph_dagster.graph.model import Graph
from text2graph_dagster.rewards.canonical import NO_INVERSIONS, inverted_relations
from text2graph_dagster.runtime.config import read_config
from text2graph_dagster.runtime.program import prepare_environment, set_threads, work_offline
from text2graph_dagster.training.config import TrainingConfig
from text2graph_dagster.training.data.examples import Example

BATCH, QUICK_PASSAGES = 16, 100
Triples = frozenset[Any]


@dataclass(frozen=True)
class Read:
    """A passage's triples in gold, in the greedy answer, and in every sample."""

    gold: Triples
    greedy: Triples
    samples: Sequence[Triples]


def main() -> int:
    """Run the benchmark."""
    parser = switches(str(__doc__))
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--samples", type=int, default=16)
    given = parser.parse_args()
    prepare_environment()
    work_offline(given.checkpoint)
    show(list(rows(answer_dev(given), given.samples)), as_json=given.json)
    return 0


def answer_dev(given: Namespace) -> list[Read]:
    """Let the student answer the dev passages, greedily and by sampling; return their triples."""
    from text2graph_dagster.evaluation.predictions import legal_graph
    from text2graph_dagster.inference.batch_generation import answer_prompts
    from text2graph_dagster.inference.chat_template import render_prompts
    from text2graph_dagster.inference.loading import load_student
    from text2graph_dagster.training.dev_evaluation import comparable_triples, read_dev_examples

    config = read_config(TrainingConfig, given.checkpoint.with_name(f"{given.checkpoint.name}.inputs") / "run.json")
    examples, ontologies = (
        read_dev_examples(config.dev, config.settings)[: QUICK_PASSAGES if given.quick else None],
        config.load_ontologies(),
    )
    inverted = {corpus: inverted_relations(ontology) for corpus, ontology in ontologies.items()}
    set_threads(config.settings.sft.threads)
    model, tokenizer = load_student(given.checkpoint)

    def find_triples(text: str, example: Example) -> Triples:
        types = example.entity_types, example.relation_types
        graph = legal_graph(text, example.text, *types, ontologies.get(example.corpus)) or Graph()
        return frozenset(comparable_triples(graph, inverted.get(example.corpus, NO_INVERSIONS)))

    prompts = render_prompts([example.prompt for example in examples], tokenizer)
    limit = config.settings.evaluation.max_new_tokens
    greedy = answer_prompts(model, tokenizer, prompts, max_new_tokens=limit, batch_size=BATCH)
    samples = _sample(model, tokenizer, prompts, limit, given.samples)
    return [
        Read(
            frozenset(comparable_triples(example.graph, inverted.get(example.corpus, NO_INVERSIONS))),
            find_triples(likeliest.text, example),
            [find_triples(text, example) for text in drawn],
        )
        for example, likeliest, drawn in zip(examples, greedy, samples, strict=True)
    ]


def _sample(model: Any, tokenizer: Any, prompts: Sequence[str], limit: int, samples: int) -> Iterator[list[str]]:
    """Yield the list of sampled texts of each prompt."""
    import torch

    from text2graph_dagster.inference.batch_generation import sample_prompts

    for start in range(0, len(prompts), BATCH):
        yield from sample_prompts(
            model,
            tokenizer,
            prompts[start : start + BATCH],
            samples=samples,
            temperature=1.0,
            max_new_tokens=limit,
            batch_size=BATCH,
            generator=torch.Generator().manual_seed(start),
        )
        print(f"{min(start + BATCH, len(prompts))} of {len(prompts)} passages", file=sys.stderr, flush=True)


def rows(passages: Sequence[Read], samples: int) -> Iterator[Mapping[str, Any]]:
    """Yield the rows of the table."""
    counted = [Counter(triple for sample in passage.samples for triple in sample) for passage in passages]
    ways: dict[str, list[Triples]] = {
        "greedy": [passage.greedy for passage in passages],
        "one sample": [passage.samples[0] for passage in passages],
    }
    for least in range(1, samples // 2 + 1):
        ways[f"in {least} of {samples}"] = [frozenset(t for t, n in c.items() if n >= least) for c in counted]
    ways[f"best of {samples}"] = [max(p.samples, key=lambda sample: _f1(sample, p.gold)) for p in passages]
    for name, found in ways.items():
        yield _row(name, found, [passage.gold for passage in passages])


def _f1(found: Triples, gold: Triples) -> float:
    return 2 * len(found & gold) / (len(found) + len(gold)) if found or gold else 1.0


def _row(name: str, found: Sequence[Triples], gold: Sequence[Triples]) -> Mapping[str, Any]:
    from text2graph_dagster.training.dev_evaluation import ItemCounts

    counts = ItemCounts()
    for ours, theirs in zip(found, gold, strict=True):
        counts.add(set(ours), set(theirs))
    low, high = counts.interval(10_000, 0)
    return {
        "": name,
        "passages": len(gold),
        "relation F1": f"{counts.f1:.3f} [{low:.3f}, {high:.3f}]",
        "precision": f"{counts.precision:.3f}",
        "recall": f"{counts.recall:.3f}",
        "triples": counts.predicted,
    }


if __name__ == "__main__":
    sys.exit(main())
