"""`text2graph extract`: files, folders or standard input in, graphs out.

Exit code 0: every document was read and every passage asked about; 1: some were not, and the output says which;
2: nothing could be done, and one sentence says why.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import chain, islice
from pathlib import Path
from typing import Annotated

import typer

from text2graph_dagster.corpus.readers.documents import Rejection
from text2graph_dagster.corpus.readers.registry import decode_text
from text2graph_dagster.errors import UserError
from text2graph_dagster.exports import FORMATS, PassageGraph
from text2graph_dagster.extraction.extractor import Extractor
from text2graph_dagster.extraction.results import Extraction
from text2graph_dagster.progress import log_progress

STANDARD_STREAM = "-"
INCOMPLETE = 1
_NOT_ASKED = ("failed", "refused", "too_long")  # problems that are no fault of the answer's


class OutputFormat(StrEnum):
    """What graphs are written as."""

    JSONL = "jsonl"
    CYPHER = "cypher"
    CSV = "csv"
    GRAPHML = "graphml"
    JSONLD = "jsonld"


def extract_command(
    paths: Annotated[list[str] | None, typer.Argument(help="files and folders; - or nothing: standard input")] = None,
    checkpoint: Annotated[str | None, typer.Option(help="the student: a checkpoint, or any model directory")] = None,
    corpus: Annotated[str | None, typer.Option(help="which corpus's types, where it was taught several")] = None,
    ontology: Annotated[Path | None, typer.Option(help="an ontology.yaml with other types")] = None,
    server: Annotated[str | None, typer.Option(help="address of a server that serves it; else it runs here")] = None,
    model: Annotated[str, typer.Option(help="its name at the server, where that serves several")] = "",
    out: Annotated[
        str, typer.Option(help="the file to write; for csv, the folder; -: standard output")
    ] = STANDARD_STREAM,
    format_: Annotated[OutputFormat, typer.Option("--format", help="what to write")] = OutputFormat.JSONL,
    text: Annotated[bool, typer.Option(help="repeat each document's text beside its graph (jsonl)")] = True,
    text_field: Annotated[str, typer.Option(help="the field or column that holds a row's text")] = "text",
    batch_size: Annotated[int, typer.Option(min=1, help="passages answered together")] = 64,
    threads: Annotated[int, typer.Option(min=0, help="processor cores; 0: all")] = 0,
) -> None:
    """Extract graphs from documents with a trained student: one JSON object per document and line."""
    check_out(out, format_, paths or [])
    extractor = Extractor(
        _prepared(checkpoint),
        corpus=corpus,
        ontology=ontology,
        server=server,
        model=model,
        batch_size=batch_size,
        threads=threads,
        text_field=text_field,
    )
    if extractor.recipe.outdated:
        typer.echo(
            "the prompt has changed since this student was taught: it may do worse than it was measured", err=True
        )
    tally = RunSummary()
    found = tally.watch(_extractions(extractor, paths or [STANDARD_STREAM]))
    try:
        if format_ is OutputFormat.JSONL:
            write_lines(found, out, with_text=text)
        else:
            for path in FORMATS[format_.value](_graphs(found, corpus or extractor.ontology.name), Path(out)):
                typer.echo(path)
    finally:  # also after Ctrl-C: what is written is whole
        if tally.counts:
            typer.echo(tally, err=True)
    if tally.incomplete:
        raise typer.Exit(INCOMPLETE)


def check_out(out: str, format_: OutputFormat, paths: Iterable[str]) -> None:
    """Look at the place of the output before anything is asked.

    Raises:
        UserError: it cannot be written there, or lies among the documents, where it would be read as one.
    """
    if out == STANDARD_STREAM:
        if format_ is not OutputFormat.JSONL:
            raise UserError(f"{format_.value} is written to a file: name it with --out.")
        return
    path, is_folder = Path(out), format_ is OutputFormat.CSV
    if not path.parent.is_dir():
        raise UserError(f"{out} cannot be used: make the folder {path.parent} first, or name another with --out.")
    if path.is_file() if is_folder else path.is_dir():
        kinds = ("a file", "a folder") if is_folder else ("a folder", "a file")
        raise UserError(f"{out} is {kinds[0]}, and {format_.value} is written to {kinds[1]}: name another with --out.")
    for read in (Path(read).resolve() for read in paths if read != STANDARD_STREAM):
        if path.resolve().is_relative_to(read):
            raise UserError(f"{out} lies among the documents, and would be read as one: name another place with --out.")


def _prepared(checkpoint: str | None) -> str | None:
    """Return the checkpoint, with the environment set for programs that run models."""
    if checkpoint is not None:
        from text2graph_dagster.runtime.program import prepare_environment, work_offline

        prepare_environment()
        work_offline(checkpoint)
    return checkpoint


def _extractions(extractor: Extractor, paths: list[str]) -> Iterator[Extraction]:
    progress = log_progress(lambda line: typer.echo(line, err=True))
    if STANDARD_STREAM not in paths:
        return extractor.extract_documents(paths, progress)
    if len(paths) > 1:
        raise UserError("Standard input (-) goes alone: leave out the files, or the dash.")
    if sys.stdin is None or sys.stdin.isatty():
        raise UserError("There is nothing to read: name files or folders, or pipe a text in.")
    read, _ = decode_text(sys.stdin.buffer.read())
    if isinstance(read, Rejection):
        return iter([Extraction(STANDARD_STREAM, error=read.reason, detail=read.detail)])
    return (replace(extraction, doc_id=STANDARD_STREAM) for extraction in extractor.extract([read], progress))


def _graphs(extractions: Iterable[Extraction], corpus: str) -> Iterator[PassageGraph]:
    """Yield the graphs for the exporters; a document that could not be read is told of."""
    for found in extractions:
        if found.error:
            typer.echo(f"{found.doc_id}: {found.error}: {found.detail}", err=True)
        else:
            yield PassageGraph(found.doc_id, found.text, found.graph, corpus, found.doc_id)


def write_lines(extractions: Iterable[Extraction], out: str, *, with_text: bool) -> None:
    """Write one JSON object per line as it comes, to a file or to standard output.

    A file is opened when there is something to write: what stood in it outlives a student that cannot be asked.
    """
    source = iter(extractions)
    first = list(islice(source, 1))
    with nullcontext(sys.stdout.buffer) if out == STANDARD_STREAM else Path(out).open("wb") as file:
        for extraction in chain(first, source):
            row = extraction.as_row(with_text=with_text)
            try:
                line = json.dumps(row, ensure_ascii=False).encode()
            except UnicodeEncodeError:  # half a character, from a JSON escape
                line = json.dumps(row).encode()
            file.write(line + b"\n")
            file.flush()


@dataclass
class RunSummary:
    """What all documents came to, in a sentence or two."""

    counts: Counter[str] = field(default_factory=Counter)
    unread: Counter[str] = field(default_factory=Counter)
    unanswered: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)

    def watch(self, extractions: Iterable[Extraction]) -> Iterator[Extraction]:
        """Count what passes by."""
        for found in extractions:
            self.unread.update([found.error] if found.error else [])
            self.counts.update(documents=not found.error, passages=len(found.passages))
            self.counts.update(entities=len(found.graph.entities), relations=len(found.graph.relations))
            self.unanswered.update(found.unanswered)
            self.left_out.update(reason for reason, _ in found.left_out)
            self.dropped.update(found.dropped)
            yield found

    @property
    def incomplete(self) -> bool:
        """Tell whether a document could not be read, or a passage not be asked about."""
        return bool(self.unread) or any(problem in self.unanswered for problem in _NOT_ASKED)

    def __str__(self) -> str:
        """Return the counts, and whatever there is none of left out."""
        parts = [", ".join(f"{name} {count:,}" for name, count in self.counts.items())]
        told = {
            "documents not read": self.unread,
            "stretches left out": self.left_out,
            "passages without an answer": self.unanswered,
            "illegal items dropped": self.dropped,
        }
        parts += [f"{what}: {_listed(counts)}" for what, counts in told.items() if counts]
        return "; ".join(parts)


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{count:,} {reason}" for reason, count in sorted(counts.items()))
