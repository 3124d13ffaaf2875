"""Answer many prompts with a student: `python -m text2graph_dagster.evaluation.predict --config run.json`.

Reads a parquet file of prompts (id, messages) and atomically writes a parquet file of answers (id, raw_output, tokens,
stopped). Answers are saved in parts during the run, so that a resumed run answers only the remaining prompts.
"""

import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import Field

from text2graph_dagster.errors import UserError
from text2graph_dagster.files import write_parquet_atomically
from text2graph_dagster.grammar import make_forms
from text2graph_dagster.graph.wire import WireForm
from text2graph_dagster.identity import digest_json, sha256_file
from text2graph_dagster.runtime.config import ProgramConfig, read_config
from text2graph_dagster.runtime.program import Stopwatch, run_program, set_threads, work_offline
from text2graph_dagster.runtime.reporting import Reporter
from text2graph_dagster.settings import UNCONSTRAINED, DecodingSettings

_SCHEMA = {"id": pl.String, "raw_output": pl.String, "tokens": pl.Int64, "stopped": pl.Boolean}
_PART = 512  # prompts per part


class PredictionConfig(ProgramConfig):
    """The configuration of `python -m text2graph_dagster.evaluation.predict`."""

    model: Path = Field(description="a model directory")
    prompts: Path = Field(
        description="parquet with the columns id and messages (the prompt: all but assistant turns); with a grammar "
        "also text, entity_types and relation_types"
    )
    output: Path = Field(description="the parquet file to write: id, raw_output, tokens, stopped")
    batch_size: int = Field(64, ge=1)
    max_new_tokens: int = Field(256, ge=1)
    decoding: DecodingSettings = Field(UNCONSTRAINED, description="the grammar that constrains the answers")
    wire: WireForm = Field("public", description="the JSON that the grammar expects")
    thinking: bool = Field(False, description="whether a rationale may precede the JSON")
    threads: int = Field(0, ge=0)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program."""
    return run_program(_predict, arguments, "Answer prompts with a student.")


def _predict(path: Path, reporter: Reporter) -> None:
    config = read_config(PredictionConfig, path)
    work_offline(config.model)
    prompts = read_prompts(config.prompts, constrained=config.decoding.grammar != "none")
    watch = Stopwatch()
    parts = _open_parts(config)
    if not all((parts / f"{number}.parquet").is_file() for number, _ in _parts(prompts)):
        _answer(config, prompts, parts, reporter)
    frames = [pl.read_parquet(parts / f"{number}.parquet") for number, _ in _parts(prompts)]
    answers = pl.concat(frames) if frames else pl.DataFrame(schema=_SCHEMA)
    whole = parts / "whole"
    answers.write_parquet(whole)
    whole.replace(config.output)
    shutil.rmtree(parts)
    reporter.send({"type": "result", "path": str(config.output), "prompts": len(prompts), **watch.read()})


@dataclass(frozen=True)
class Prompt:
    """A prompt; text and types are only needed for constrained decoding."""

    id: str
    messages: list[dict[str, str]]
    text: str = ""
    entity_types: tuple[str, ...] = ()
    relation_types: tuple[str, ...] = ()


def read_prompts(path: Path, constrained: bool = False) -> list[Prompt]:
    """Read the prompts without assistant turns; if `constrained`, with the text and types for the grammar.

    Raises:
        UserError: the file is missing or lacks a column.
    """
    if not path.is_file():
        raise UserError(f"{path} does not exist: set `prompts` in the configuration to the parquet file of prompts.")
    frame = pl.read_parquet(path)
    wanted = ("id", "messages", *(("text", "entity_types", "relation_types") if constrained else ()))
    if missing := set(wanted) - set(frame.columns):
        named = ", ".join(wanted)
        raise UserError(f"{path} has no column {sorted(missing)[0]!r}: prompts need the columns {named}.")
    return [
        Prompt(
            row["id"],
            [dict(m) for m in row["messages"] if m["role"] != "assistant"],
            row.get("text") or "",
            *(tuple(row.get(column) or ()) for column in ("entity_types", "relation_types")),
        )
        for row in frame.select(wanted).iter_rows(named=True)
    ]


def _open_parts(config: PredictionConfig) -> Path:
    """Return the directory of the parts; empty it first if model, prompts or settings have changed."""
    weights = {p.name: sha256_file(p) for p in sorted(config.model.glob("*.safetensors"))}
    inputs = {"settings": config.model_dump(mode="json"), "weights": weights, "prompts": sha256_file(config.prompts)}
    identity, parts = digest_json(inputs), config.output.with_name(config.output.name + ".parts")
    mark = parts / "identity"
    if not (mark.is_file() and mark.read_text(encoding="utf-8") == identity):
        shutil.rmtree(parts, ignore_errors=True)
        parts.mkdir(parents=True)
        mark.write_text(identity, encoding="utf-8")
    return parts


def _parts(prompts: Sequence[Prompt]) -> Iterator[tuple[int, Sequence[Prompt]]]:
    for number, start in enumerate(range(0, len(prompts), _PART)):
        yield number, prompts[start : start + _PART]


def _answer(config: PredictionConfig, prompts: Sequence[Prompt], parts: Path, reporter: Reporter) -> None:
    """Write all missing parts."""
    from text2graph_dagster.inference.batch_generation import answer_prompts
    from text2graph_dagster.inference.chat_template import render_prompts
    from text2graph_dagster.inference.loading import load_student

    set_threads(config.threads)
    model, tokenizer = load_student(config.model)
    for number, part in _parts(prompts):
        target = parts / f"{number}.parquet"
        if target.is_file():
            continue
        before = number * _PART

        def report(done: int, before: int = before) -> None:
            reporter.log_progress("passages", before + done, len(prompts))

        answers = answer_prompts(
            model,
            tokenizer,
            render_prompts([prompt.messages for prompt in part], tokenizer),
            max_new_tokens=config.max_new_tokens,
            batch_size=config.batch_size,
            progress=report,
            forms=make_forms(part, config.decoding, config.wire, config.thinking),
            precision=config.decoding.precision,
        )
        rows = ((p.id, a.text, a.tokens, a.stopped) for p, a in zip(part, answers, strict=True))
        _write(rows, target)


def _write(rows: Iterable[tuple[Any, ...]], target: Path) -> None:
    write_parquet_atomically(pl.DataFrame(list(rows), schema=_SCHEMA, orient="row"), target)


if __name__ == "__main__":
    sys.exit(main())
