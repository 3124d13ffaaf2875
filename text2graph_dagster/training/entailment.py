"""Natural language inference (NLI): `python -m text2graph_dagster.training.entailment --config run.json`.

Reads a parquet file of pairs (premise, hypothesis) and atomically writes a parquet file of entailment probabilities.
The model is any sequence classifier with a label for entailment; code in the model's repository is never executed.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import Field

from text2graph_dagster.errors import UserError
from text2graph_dagster.files import write_parquet_atomically
from text2graph_dagster.runtime.config import ProgramConfig, read_config
from text2graph_dagster.runtime.program import Stopwatch, as_user_error, run_program, set_threads, work_offline
from text2graph_dagster.runtime.reporting import Reporter

_MAX_TOKENS = 512  # if neither the tokenizer nor the model states a maximum length


class EntailmentConfig(ProgramConfig):
    """The configuration of `python -m text2graph_dagster.training.entailment`."""

    model: str = Field(description="a model directory or a hub name")
    pairs: Path = Field(description="parquet with the columns premise and hypothesis")
    output: Path = Field(description="the parquet file to write: entailment, in the order of the pairs")
    batch_size: int = Field(32, ge=1)
    threads: int = Field(0, ge=0)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program."""
    return run_program(_run, arguments, "Compute entailment probabilities with an NLI model.")


def _run(path: Path, reporter: Reporter) -> None:
    config = read_config(EntailmentConfig, path)
    work_offline(config.model)
    set_threads(config.threads)
    stopwatch = Stopwatch()
    pairs = pl.read_parquet(config.pairs).select("premise", "hypothesis").rows()
    model, tokenizer = load_classifier(config.model)
    values = score_entailment(
        model, tokenizer, pairs, config.batch_size, lambda done: reporter.log_progress("statements", done, len(pairs))
    )
    write_parquet_atomically(pl.DataFrame({"entailment": values}, schema={"entailment": pl.Float64}), config.output)
    reporter.send({"type": "result", "path": str(config.output), "pairs": len(pairs), **stopwatch.read()})


def load_classifier(name: str) -> tuple[Any, Any]:
    """Load a sequence classifier and its tokenizer from a directory or the hub, onto the GPU if there is one.

    Raises:
        UserError: the model does not exist, has no safetensors, or does not have exactly one entailment label.
    """
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    with as_user_error(f"denoise.nli_model: the model {name!r} cannot be loaded"):
        tokenizer = AutoTokenizer.from_pretrained(name, trust_remote_code=False)
        model = AutoModelForSequenceClassification.from_pretrained(
            name, dtype=torch.float32, trust_remote_code=False, use_safetensors=True
        )
    find_entailment_label(model.config.id2label)
    return model.to("cuda" if torch.cuda.is_available() else "cpu").eval(), tokenizer


def find_entailment_label(labels: dict[int, str]) -> int:
    """Return the index of the label for entailment: "entailment" or "ENTAILS", not "not_entailment".

    Raises:
        UserError: no label is for entailment, or several are.
    """
    found = [number for number, label in labels.items() if label.casefold().startswith("entail")]
    if len(found) != 1:
        named = ", ".join(map(repr, labels.values()))
        raise UserError(
            f"denoise.nli_model: of the model's labels ({named}), exactly one must be called entailment. "
            "Use a model for natural language inference, or name the labels in its config.json."
        )
    return found[0]


def score_entailment(
    model: Any,
    tokenizer: Any,
    pairs: Sequence[tuple[str, str]],
    batch_size: int,
    progress: Callable[[int], None] = lambda done: None,
) -> list[float]:
    """Return the entailment probability of every (premise, hypothesis); a long premise is truncated at its end."""
    import torch

    label = find_entailment_label(model.config.id2label)
    max_length = min(tokenizer.model_max_length, getattr(model.config, "max_position_embeddings", _MAX_TOKENS))
    order = sorted(range(len(pairs)), key=lambda i: len(pairs[i][0]) + len(pairs[i][1]))  # minimises padding
    probabilities = [0.0] * len(pairs)
    for start in range(0, len(order), batch_size):
        batch = order[start : start + batch_size]
        premises, hypotheses = zip(*(pairs[i] for i in batch), strict=True)
        texts = tokenizer(
            list(premises),
            list(hypotheses),
            truncation="only_first",
            max_length=max_length,
            padding=True,
            return_tensors="pt",
        )
        with torch.inference_mode():
            outputs = model(**texts.to(model.device)).logits.softmax(dim=-1)[:, label].tolist()
        for i, probability in zip(batch, outputs, strict=True):
            probabilities[i] = probability
        progress(start + len(batch))
    return probabilities


if __name__ == "__main__":
    sys.exit(main())
