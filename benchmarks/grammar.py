"""Measure what a grammar changes in a student's answers: valid form, F1 and speed, on its own dev passages.

`python -m benchmarks.grammar home/checkpoints/sft-…` reads the checkpoint and its training inputs (`.inputs` beside
it). Every batch is answered once with each setting, one after the other, so that all settings are timed under the same
load. F1 is computed after the legality filter, so on what a user gets. The change is relative to no grammar, on the
same passages, with a 95 % paired bootstrap interval.
"""

import argparse
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.support.table import show
from text2graph_dagster.bootstrap import percentile_interval, resample_sums
from text2graph_dagster.grammar import make_forms
from text2graph_dagster.graph.legality import legalise
from text2graph_dagster.graph.model import Graph
from text2graph_dagster.graph.parsing import GraphParseError, parse
from text2graph_dagster.graph.wire import strip_leading_blanks
from text2graph_dagster.inference.answer_format import choose_wire
from text2graph_dagster.inference.batch_generation import continue_prompts
from text2graph_dagster.inference.chat_template import render_prompts
from text2graph_dagster.inference.loading import load_student
from text2graph_dagster.ontology import Ontology
from text2graph_dagster.prompts.rendering import render_prompt
from text2graph_dagster.runtime.config import read_config
from text2graph_dagster.runtime.program import set_threads
from text2graph_dagster.settings import DecodingSettings, Settings
from text2graph_dagster.training.config import TrainingConfig
from text2graph_dagster.training.data.examples import Example, read_examples

SETTINGS = {
    "none": DecodingSettings(grammar="none"),
    "json, any type": DecodingSettings(grammar="json", types="any"),
    "json, requested": DecodingSettings(grammar="json", types="requested"),
    "copy, any type": DecodingSettings(grammar="copy", types="any"),
    "copy, requested": DecodingSettings(grammar="copy", types="requested"),
}


@dataclass
class Outcome:
    """The result of one setting on all passages."""

    parsed: int = 0
    cut: int = 0
    cut_parsed: int = 0
    tokens: int = 0
    cpu: float = 0.0
    wall: float = 0.0
    dropped: dict[str, int] = field(default_factory=dict)
    sums: list[list[int]] = field(default_factory=list)  # right, predicted, gold: relations, then entities


def main() -> None:
    """Print a row for each combination of requested types (all, half) and setting."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path, help="directory of a student, with its .inputs beside it")
    parser.add_argument("--passages", type=int, default=700, help="maximum number of dev passages")
    parser.add_argument("--temperature", type=float, default=0.0, help="sampling temperature; 0: greedy")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    set_threads(arguments.threads)
    inputs = arguments.checkpoint.with_name(f"{arguments.checkpoint.name}.inputs")
    config = read_config(TrainingConfig, inputs / "run.json")
    ontologies = config.load_ontologies()
    student = load_student(arguments.checkpoint)
    assert config.dev is not None, "the checkpoint was trained without dev passages"
    examples = list(read_examples(config.dev, config.settings))[: arguments.passages]
    rows = []
    for name, asked in (("all types", examples), ("half of them", _ask_half(examples, ontologies, config.settings))):
        outcomes = _answer(student, asked, ontologies, config.settings, arguments.temperature)
        rows += [_row(name, setting, outcomes[setting], outcomes["none"]) for setting in SETTINGS]
    show(rows, as_json=arguments.json)


def _ask_half(examples: Sequence[Example], ontologies: dict[str, Ontology], settings: Settings) -> list[Example]:
    """Return the examples with a random half of the types requested, and with gold of these types only."""
    rng = random.Random(settings.seed)
    asked = []
    for example in examples:
        ontology = ontologies[example.corpus]
        entity_types, relation_types = (
            tuple(sorted(rng.sample(names, len(names) // 2), key=names.index))
            for names in (example.entity_types, example.relation_types)
        )
        entities = tuple(e for e in example.graph.entities if e.type in entity_types)
        kept = {e.id for e in entities}
        relations = tuple(r for r in example.graph.relations if r.type in relation_types and {r.head, r.tail} <= kept)
        prompt = render_prompt(
            example.text, entity_types, relation_types, ontology, settings.dataset.template, ontology.language
        )
        half = replace(example, entity_types=entity_types, relation_types=relation_types)
        messages = ({"role": "user", "content": prompt},)
        asked.append(replace(half, prompt=messages, graph=Graph(entities, relations)))
    return asked


def _answer(
    student: tuple[Any, Any],
    examples: Sequence[Example],
    ontologies: dict[str, Ontology],
    settings: Settings,
    temperature: float,
) -> dict[str, Outcome]:
    """Return the outcome of every setting."""
    import torch

    model, tokenizer = student
    model.eval()
    prompts = render_prompts([e.prompt for e in examples], tokenizer)
    ids = tokenizer(prompts, add_special_tokens=False)["input_ids"]
    order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
    outcomes = {name: Outcome() for name in SETTINGS}
    size = settings.evaluation.batch_size
    for start in range(0, len(order), size):
        batch = order[start : start + size]
        some = [examples[i] for i in batch]
        for name, decoding in SETTINGS.items():
            wall, cpu = time.perf_counter(), time.process_time()
            written = continue_prompts(
                *(model, tokenizer, [ids[i] for i in batch]),
                max_new_tokens=settings.evaluation.max_new_tokens,
                temperature=temperature,
                generator=torch.Generator().manual_seed(start),
                forms=make_forms(some, decoding, choose_wire(settings), settings.dataset.thinking),
            )
            outcomes[name].wall += time.perf_counter() - wall
            outcomes[name].cpu += time.process_time() - cpu
            for example, tokens in zip(some, written.tokens, strict=True):
                _judge(outcomes[name], example, tokens, tokenizer, ontologies[example.corpus])
    return outcomes


def _judge(outcome: Outcome, example: Example, tokens: list[int], tokenizer: Any, ontology: Ontology) -> None:
    """Add one answer to the outcome."""
    stopped = tokens[-1] == tokenizer.eos_token_id
    outcome.tokens += len(tokens)
    outcome.cut += not stopped
    graph = Graph()
    try:
        parsed = parse(strip_leading_blanks(tokenizer.decode(tokens[:-1] if stopped else tokens)))
        legal = legalise(parsed, example.text, example.entity_types, example.relation_types, ontology, repair=True)
    except GraphParseError:
        pass
    else:
        graph = legal.graph
        outcome.parsed += 1
        outcome.cut_parsed += not stopped
        for why, count in legal.dropped.items():
            outcome.dropped[why] = outcome.dropped.get(why, 0) + count
    sums = []
    for items in (_relations, _entities):
        found, gold = items(graph), items(example.graph)
        sums += [len(found & gold), len(found), len(gold)]
    outcome.sums.append(sums)


def _entities(graph: Graph) -> set[tuple[str, ...]]:
    return {(e.text, e.type) for e in graph.entities}


def _relations(graph: Graph) -> set[tuple[str, ...]]:
    return {(head.text, head.type, kind, tail.text, tail.type) for head, kind, tail in graph.triples()}


def _f1(sums: Any) -> Any:
    """Return micro-F1 of sums; the last axis is (right, predicted, gold)."""
    return 2 * sums[..., 0] / np.maximum(sums[..., 1] + sums[..., 2], 1)


def _row(asked: str, setting: str, outcome: Outcome, free: Outcome) -> dict[str, Any]:
    own, other = (np.array(o.sums, dtype=np.float64) for o in (outcome, free))
    drawn = resample_sums(np.hstack([own, other]), 10_000, seed=0)
    low, high = percentile_interval(_f1(drawn[:, :3]) - _f1(drawn[:, 6:9])) or (0.0, 0.0)
    f1, before = (_f1(sums[:, :3].sum(0)) for sums in (own, other))
    n = len(own)
    return {
        "asked for": asked,
        "grammar": setting,
        "n": n,
        "parsed": f"{outcome.parsed / n:.4f}",
        "cut": outcome.cut,
        "cut, parsed": outcome.cut_parsed,
        "ungrounded": outcome.dropped.get("ungrounded_entity", 0),
        "not requested": sum(outcome.dropped.get(f"unrequested_{what}_type", 0) for what in ("entity", "relation")),
        "dangling": outcome.dropped.get("dangling_relation", 0),
        "entity F1": f"{_f1(own[:, 3:].sum(0)):.4f}",
        "relation F1": f"{f1:.4f}",
        "change": f"{f1 - before:+.4f} [{low:+.4f}, {high:+.4f}]",
        "tokens": outcome.tokens,
        "tokens/s": round(outcome.tokens / outcome.wall),
        "tokens/CPU s": round(outcome.tokens / outcome.cpu),
        "CPU s": f"{outcome.cpu / free.cpu - 1:+.1%}",
    }


if __name__ == "__main__":
    main()
