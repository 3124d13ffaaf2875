"""Measure how fast a pretrained model decodes on this CPU, compared with Transformers' `generate`.

`python -m benchmarks.cpu_decoding CORPUS` reads the texts of a corpus folder with `gold.jsonl` and `ontology.yaml`
(`python -m examples.gazette.generate --out corpora/gazette` makes one) and requests all types of the ontology, as the
evaluation does. All arms continue the same prompts greedily by exactly `--new` tokens, without a grammar, and take
turns, so that other load on the machine hits all of them. Tokens per second are written tokens per second of wall-clock
time, reading the prompts included. `ratio` is the median over the turns, with the smallest and the largest; `equal` and
`generate equal` are the shares of answers that equal those of `generate` in float32, token for token.
"""

import json
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean, median
from typing import Any

from benchmarks.support.table import show, switches
from text2graph_dagster.inference.base_models import resolve_base_model
from text2graph_dagster.ontology import load_ontology
from text2graph_dagster.prompts.rendering import render_prompt
from text2graph_dagster.runtime.program import prepare_environment, set_threads, work_offline
from text2graph_dagster.settings import Settings

BATCHES, TURNS = (1, 16, 64), 3
_MAX_CHARACTERS = 500
Answers = list[list[int]]
Decode = Callable[[list[list[int]]], Answers]
# Our arm, and the arm of `generate` that it is compared with.
_REFERENCE = ("generate", "float32")
_COMPARED = (("float32", "float32"), ("bfloat16", "float32"), ("bfloat16", "bfloat16"))


def main() -> None:
    """Print the table: a line per batch size and pair of precisions."""
    parser = switches(str(__doc__))
    parser.add_argument("corpus", type=Path, help="folder with gold.jsonl and ontology.yaml")
    parser.add_argument("--model", default="smollm2", help="as student.base_model")
    parser.add_argument("--new", type=int, default=40, help="tokens per answer")
    parser.add_argument("--threads", type=int, default=0, help="processor cores; 0: all")
    arguments = parser.parse_args()
    prepare_environment()
    set_threads(arguments.threads)
    model = resolve_base_model(arguments.model)
    work_offline(model)
    tokenizer, arms = make_arms(model, arguments.new)
    prompts = read_prompts(arguments.corpus, tokenizer, max(BATCHES))
    rows: list[dict[str, Any]] = []
    for size in BATCHES[:2] if arguments.quick else BATCHES:
        rows += measure(arms, prompts[:size], arguments.new, 1 if arguments.quick else TURNS)
    show(rows, as_json=arguments.json)


def read_prompts(corpus: Path, tokenizer: Any, count: int) -> list[list[int]]:
    """Return prompts (token ids) for random short texts of the corpus."""
    from text2graph_dagster.inference.chat_template import render_prompts

    ontology, template = load_ontology(corpus / "ontology.yaml"), Settings().dataset.template
    with (corpus / "gold.jsonl").open(encoding="utf-8") as lines:
        texts = [json.loads(line)["text"] for line in lines]
    texts = [text for text in texts if len(text) <= _MAX_CHARACTERS]
    entities, relations = ([each.name for each in named] for named in (ontology.entity_types, ontology.relation_types))
    requests = (
        render_prompt(text, entities, relations, ontology, template, ontology.language)
        for text in random.Random(0).sample(texts, count)
    )
    messages = [[{"role": "user", "content": request}] for request in requests]
    ids: list[list[int]] = tokenizer(render_prompts(messages, tokenizer), add_special_tokens=False)["input_ids"]
    return ids


def make_arms(directory: str, new: int) -> tuple[Any, dict[tuple[str, str], Decode]]:
    """Return the tokenizer, and the function that decodes a batch, by program and precision."""
    import torch
    from transformers import AutoModelForCausalLM

    from text2graph_dagster.inference.decoder_weights import read_weights
    from text2graph_dagster.inference.fast_decoder import decode_batch
    from text2graph_dagster.inference.loading import load_student

    model, tokenizer = load_student(directory)
    rounded = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.bfloat16).eval()
    arms: dict[tuple[str, str], Decode] = {
        ("generate", "float32"): lambda prompts: generate(model.eval(), tokenizer, prompts, new),
        ("generate", "bfloat16"): lambda prompts: generate(rounded, tokenizer, prompts, new),
    }
    for precision in ("float32", "bfloat16"):
        weights = read_weights(model, precision)
        arms["ours", precision] = lambda prompts, weights=weights: (  # type: ignore[misc]
            decode_batch(weights, prompts, end_tokens=[-1], max_new_tokens=new).tokens
        )
    return tokenizer, arms


def generate(model: Any, tokenizer: Any, prompts: Sequence[list[int]], new: int) -> Answers:
    """Continue the prompts by Transformers' `generate`, which pads them on the left."""
    import torch

    from text2graph_dagster.inference.loading import greedy_generation_config

    config = greedy_generation_config(tokenizer)
    config.max_new_tokens, config.eos_token_id = new, model.config.vocab_size  # no token, so no answer ends early
    longest = max(map(len, prompts))
    ids = torch.tensor([[tokenizer.pad_token_id] * (longest - len(prompt)) + prompt for prompt in prompts])
    mask = torch.tensor([[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts])
    written: Answers = model.generate(input_ids=ids, attention_mask=mask, generation_config=config)[
        :, longest:
    ].tolist()
    return written


def measure(
    arms: dict[tuple[str, str], Decode], prompts: list[list[int]], new: int, turns: int
) -> list[dict[str, Any]]:
    """Let the arms continue the prompts in turns; return a row of the table per pair of arms."""
    speeds: dict[tuple[str, str], list[float]] = {name: [] for name in arms}
    answers: dict[tuple[str, str], Answers] = {}
    for name, decode in arms.items():
        decode(prompts[:1])  # the first call prepares the operators
        assert all(len(answer) == new for answer in decode(prompts[:1])), name
    for _ in range(turns):
        for name, decode in arms.items():
            begun = time.perf_counter()
            answers[name] = decode(prompts)
            speeds[name].append(len(prompts) * new / (time.perf_counter() - begun))
    rows = []
    for ours, theirs in _COMPARED:
        ratios = [a / b for a, b in zip(speeds["ours", ours], speeds["generate", theirs], strict=True)]
        rows.append(
            {
                "batch": len(prompts),
                "prompt tokens": round(fmean(map(len, prompts))),
                "ours": ours,
                "generate": theirs,
                "ours, tokens/s": median(speeds["ours", ours]),
                "generate, tokens/s": median(speeds["generate", theirs]),
                "ratio": median(ratios),
                "smallest": min(ratios),
                "largest": max(ratios),
                "equal": _share_equal(answers["ours", ours], answers[_REFERENCE]),
                "generate equal": _share_equal(answers["generate", theirs], answers[_REFERENCE]),
            }
        )
    return rows


def _share_equal(answers: Answers, others: Answers) -> float:
    return fmean(one == other for one, other in zip(answers, others, strict=True))


if __name__ == "__main__":
    main()
