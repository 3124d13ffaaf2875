"""`text2graph extract`: extract graphs from files, folders or standard input.

Exit codes: 0: every document was read and every passage was answered; 1: some documents were not read or some passages
not answered (the output says which ones); 2: nothing could be done (the error message says why).
"""

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from pathlib import Path
from typing import Annotated, Literal

import typer

from text2graph_dagster.corpus.readers.documents import Rejection
from text2graph_dagster.corpus.readers.plain_text import decode_text
from text2graph_dagster.errors import UserError
from text2graph_dagster.exports import FORMATS, ExportFormat, PassageGraph
from text2graph_dagster.extraction.extractor import Extractor
from text2graph_dagster.extraction.results import Extraction
from text2graph_dagster.progress import log_progress

STDIO = "-"
INCOMPLETE = 1
_UNANSWERED = ("failed", "refused", "too_long")  # problems of passages that the student did not answer at all
_OUTDATED = "the prompt template has changed since this student was trained: it may do worse than its measured scores"

OutputFormat = Literal["jsonl", ExportFormat]


def extract_command(
    paths: Annotated[list[str] | None, typer.Argument(help="files and folders; - or none: standard input")] = None,
    checkpoint: Annotated[str | None, typer.Option(help="the student: a checkpoint or any model directory")] = None,
    corpus: Annotated[str | None, typer.Option(help="the training corpus whose types to extract, if several")] = None,
    ontology: Annotated[Path | None, typer.Option(help="an ontology.yaml with other types")] = None,
    server: Annotated[str | None, typer.Option(help="URL of the student's server; else it runs locally")] = None,
    model: Annotated[str, typer.Option(help="the student's name, if a server has several models")] = "",
    out: Annotated[str, typer.Option(help="output file (csv: folder); -: standard output")] = STDIO,
    format_: Annotated[OutputFormat, typer.Option("--format", help="the output format")] = "jsonl",
    text: Annotated[bool, typer.Option(help="include each document's text (jsonl)")] = True,
    text_field: Annotated[str, typer.Option(help="the field or column with a row's text")] = "text",
    batch_size: Annotated[int, typer.Option(min=1, help="passages answered together")] = 64,
    threads: Annotated[int, typer.Option(min=0, help="processor cores; 0: all")] = 0,
) -> None:
    """Extract graphs from documents with a trained student: one JSON object per document and line."""
    check_out(out, format_, paths or [])
    _prepare(checkpoint)
    extractor = Extractor(
        checkpoint,
        corpus=corpus,
        ontology=ontology,
        server=server,
        model=model,
        batch_size=batch_size,
        threads=threads,
        text_field=text_field,
    )
    if extractor.recipe.outdated:
        typer.echo(_OUTDATED, err=True)
    summary = RunSummary()
    extractions = summary.count(_extract_all(extractor, paths or [STDIO]))
    try:
        _write(extractions, out, format_, corpus or extractor.ontology.name, with_text=text)
    finally:  # also after Ctrl-C: the lines written so far are complete
        if summary.counts:
            typer.echo(summary, err=True)
    if summary.incomplete:
        raise typer.Exit(INCOMPLETE)


def check_out(out: str, format_: OutputFormat, paths: Iterable[str]) -> None:
    """Check the output path before any passage is sent to the student.

    Raises:
        UserError: the path cannot be written, or it is inside a folder that is read, so it would be read as a document.
    """
    if out == STDIO:
        if format_ != "jsonl":
            raise UserError(f"{format_} is written to a file: pass its path with --out.")
        return
    path, is_folder = Path(out), format_ == "csv"
    if not path.parent.is_dir():
        raise UserError(
            f"{out} cannot be written: create the folder {path.parent} first, or pass another path with --out."
        )
    if path.is_file() if is_folder else path.is_dir():
        kinds = ("a file", "a folder") if is_folder else ("a folder", "a file")
        raise UserError(f"{out} is {kinds[0]}, but {format_} is written to {kinds[1]}: pass another path with --out.")
    for read in (Path(read).resolve() for read in paths if read != STDIO):
        if path.resolve().is_relative_to(read):
            raise UserError(f"{out} is among the documents and would be read as one: pass another path with --out.")


def _prepare(checkpoint: str | None) -> None:
    """Set the environment variables for a process that may run a model."""
    if checkpoint is not None:
        from text2graph_dagster.runtime.program import prepare_environment, work_offline

        prepare_environment()
        work_offline(checkpoint)


def _extract_all(extractor: Extractor, paths: list[str]) -> Iterator[Extraction]:
    progress = log_progress(lambda line: typer.echo(line, err=True))
    if STDIO not in paths:
        return extractor.extract_documents(paths, progress)
    if len(paths) > 1:
        raise UserError("Standard input (-) cannot be combined with files: leave out one of them.")
    if sys.stdin is None or sys.stdin.isatty():
        raise UserError("There is nothing to read: pass files or folders, or pipe a text in.")
    read = decode_text(sys.stdin.buffer.read())
    if isinstance(read, Rejection):
        return iter([Extraction(STDIO, error=read.reason, detail=read.detail)])
    return (replace(extraction, doc_id=STDIO) for extraction in extractor.extract([read.text], progress))


def _graphs(extractions: Iterable[Extraction], corpus: str) -> Iterator[PassageGraph]:
    """Yield the graphs for the exporters; print the documents that could not be read."""
    for extraction in extractions:
        if extraction.error:
            typer.echo(f"{extraction.doc_id}: {extraction.error}: {extraction.detail}", err=True)
        else:
            yield PassageGraph(extraction.doc_id, extraction.text, extraction.graph, corpus, extraction.doc_id)


def _write(extractions: Iterable[Extraction], out: str, format_: OutputFormat, corpus: str, *, with_text: bool) -> None:
    """Write all extractions; unless the format is JSON lines, print the paths of the files written."""
    if format_ == "jsonl":
        write_lines(extractions, out, with_text=with_text)
        return
    for path in FORMATS[format_](_graphs(extractions, corpus), Path(out)):
        typer.echo(path)


def write_lines(extractions: Iterable[Extraction], out: str, *, with_text: bool) -> None:
    """Write one JSON object per line to a file or to standard output, each as soon as it is available.

    The file is opened when the first result arrives, so an existing file is kept if the student cannot be reached.
    """
    source = iter(extractions)
    first = list(islice(source, 1))
    with nullcontext(sys.stdout.buffer) if out == STDIO else Path(out).open("wb") as file:
        for extraction in chain(first, source):
            row = extraction.as_row(with_text=with_text)
            try:
                line = json.dumps(row, ensure_ascii=False).encode()
            except UnicodeEncodeError:  # a lone surrogate, from a JSON escape
                line = json.dumps(row).encode()
            file.write(line + b"\n")
            file.flush()


@dataclass
class RunSummary:
    """The counts of all documents of a run."""

    counts: Counter[str] = field(default_factory=Counter)
    unreadable: Counter[str] = field(default_factory=Counter)
    unanswered: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    repaired: int = 0

    def count(self, extractions: Iterable[Extraction]) -> Iterator[Extraction]:
        """Count the extractions while passing them on."""
        for found in extractions:
            self.unreadable.update([found.error] if found.error else [])
            self.counts.update(documents=not found.error, passages=len(found.passages))
            self.counts.update(entities=len(found.graph.entities), relations=len(found.graph.relations))
            self.unanswered.update(found.unanswered)
            self.left_out.update(reason for reason, _ in found.left_out)
            self.dropped.update(found.dropped)
            self.repaired += found.repaired
            yield found

    @property
    def incomplete(self) -> bool:
        """Whether a document could not be read, or a passage was not answered at all."""
        return bool(self.unreadable) or any(problem in self.unanswered for problem in _UNANSWERED)

    def __str__(self) -> str:
        """Return the counts; categories with no items are left out."""
        parts = [", ".join(f"{name} {count:,}" for name, count in self.counts.items())]
        by_reason = {
            "documents not read": self.unreadable,
            "parts left out": self.left_out,
            "passages without an answer": self.unanswered,
            "illegal items dropped": self.dropped,
        }
        parts += [f"{what}: {_join(counts)}" for what, counts in by_reason.items() if counts]
        parts += [f"relations repaired: {self.repaired:,}"] if self.repaired else []
        return "; ".join(parts)


def _join(counts: Counter[str]) -> str:
    return ", ".join(f"{count:,} {reason}" for reason, count in sorted(counts.items()))
