"""The command line: `text2graph corpora add|list|remove`, `models fetch|list`, `report`, `export`, `extract`."""

import sys
from pathlib import Path
from typing import Annotated

import polars as pl
import typer
from sqlalchemy.exc import SQLAlchemyError

from resources import corpora as corpora_on_disk
from resources.home import Home
from resources.profiles import build_warehouse
from text2graph_dagster.errors import UserError
from text2graph_dagster.evaluation.headline import figures_to_json, format_headline
from text2graph_dagster.exports import FORMATS, ExportFormat, PassageGraph
from text2graph_dagster.extraction.command import extract_command
from text2graph_dagster.graph.rows import from_rows
from text2graph_dagster.inference.base_models import list_base_models, resolve_base_model
from text2graph_dagster.inference.known_models import KNOWN_MODELS
from text2graph_dagster.runtime.home_folder import find_home_folder

app = typer.Typer(help="Turn your documents and your ontology into a small model of your own.", no_args_is_help=True)
corpora = typer.Typer(help="Add, list and remove corpora.", no_args_is_help=True)
app.add_typer(corpora, name="corpora")
models = typer.Typer(help="Fetch and list base models.", no_args_is_help=True)
app.add_typer(models, name="models")
app.command("extract")(extract_command)

USER_ERROR = 2

GRAPHS = """
SELECT g.passage_id, any_value(p.text) AS text, min(p.doc_id) AS doc_id,
       any_value(g.entities) AS entities, any_value(g.relations) AS relations
FROM teacher_graphs g JOIN raw_corpus p USING (corpus, passage_id)
WHERE g.corpus = ? AND g.sample = 0 GROUP BY g.passage_id ORDER BY g.passage_id
"""


@corpora.command("add")
def add(
    path: Annotated[Path, typer.Argument(help="folder with documents and an ontology.yaml")],
    name: Annotated[str | None, typer.Option(help="name of the corpus (default: the folder's name)")] = None,
    link: Annotated[bool, typer.Option("--link", help="link the folder instead of copying it")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="replace a corpus of the same name")] = False,
) -> None:
    """Check a folder, copy or link it into the home folder, and register it as a partition."""
    with corpora_on_disk.open_dagster_instance() as instance:
        key, unreadable = corpora_on_disk.add_corpus(
            path, name, Home(root=str(find_home_folder())), instance, link=link, replace=replace
        )
    if unreadable:
        shown = ", ".join(unreadable[:10]) + (", …" if len(unreadable) > 10 else "")
        typer.echo(f"documents that cannot be read and will be quarantined: {len(unreadable)} ({shown})", err=True)
    typer.echo(f"corpus {key!r} is registered; run it with: dagster asset materialize --select '*' --partition {key}")


@corpora.command("list")
def list_() -> None:
    """List every corpus with its counts."""
    with corpora_on_disk.open_dagster_instance() as instance:
        table = corpora_on_disk.summarise_corpora(Home(root=str(find_home_folder())), build_warehouse(), instance)
    _print_table(table, "no corpus yet; add one with: text2graph corpora add PATH")


@corpora.command("remove")
def remove(name: Annotated[str, typer.Argument(help="name of the corpus")]) -> None:
    """Remove a corpus and its rows, and list the models trained on it; recorded teacher calls are kept."""
    with corpora_on_disk.open_dagster_instance() as instance:
        remains = corpora_on_disk.remove_corpus(name, Home(root=str(find_home_folder())), build_warehouse(), instance)
    typer.echo(f"corpus {name!r} is removed; the ledger keeps its teacher calls, so that they are not paid for again")
    if remains:
        typer.echo("these paths contain its text or models trained on it; delete them, then materialise again:")
        for path in remains:
            typer.echo(f"  {path}")


@models.command("fetch")
def fetch(
    name: Annotated[str, typer.Argument(help="a name that `text2graph models list` shows, or a .gguf file")],
) -> None:
    """Fetch a base model into the home folder, or convert a .gguf file; print its directory."""
    directory = resolve_base_model(name, lambda line: typer.echo(line, err=True))
    if directory == name and not Path(name).is_dir():
        known = ", ".join(KNOWN_MODELS)
        raise UserError(f"there is no model {name!r} to fetch: choose one of {known}, or name a .gguf file.")
    typer.echo(directory)


@models.command("list")
def list_models() -> None:
    """List the base models that can be fetched by name and those that are there, each with its licence."""
    _print_table(pl.DataFrame(list_base_models()))


@app.command("report")
def report(
    as_json: Annotated[bool, typer.Option("--json", help="print every metric with its interval and n as JSON")] = False,
) -> None:
    """Print the main metrics of the latest report, and the paths of the model and of the report page."""
    tables = build_warehouse()
    last = tables.read("SELECT * FROM report_runs ORDER BY made_at DESC LIMIT 1").to_dicts()
    if not last:
        raise UserError("there is no report yet: materialise eval_report, or run: make demo")
    rows = tables.read("SELECT * FROM eval_report WHERE run = ?", [last[0]["run"]]).to_dicts()
    if as_json:
        typer.echo(figures_to_json(rows))
        return
    model = tables.value("SELECT path FROM checkpoints WHERE stage = 'grpo' AND current")
    typer.echo(f"{format_headline(rows)}\n\nmodel: {model}\nreport: {last[0]['path']}")


@app.command("export")
def export(
    corpus: Annotated[str, typer.Argument(help="name of the corpus")],
    format_: Annotated[ExportFormat, typer.Option("--format", help="file format")],
    out: Annotated[Path, typer.Option("--out", help="file to write (for csv: a folder)")],
) -> None:
    """Export the teacher's graphs of a corpus, each fact with its evidence text."""
    rows = build_warehouse().read(GRAPHS, [corpus])
    if rows.is_empty():
        raise UserError(f"there are no graphs of a corpus {corpus!r}: `text2graph corpora list` shows the corpora.")
    passages = [
        PassageGraph(r["passage_id"], r["text"], from_rows(r["entities"], r["relations"]), corpus, r["doc_id"])
        for r in rows.iter_rows(named=True)
    ]
    for path in FORMATS[format_](passages, out):
        typer.echo(path)


def _print_table(table: pl.DataFrame, if_empty: str = "") -> None:
    with pl.Config(
        tbl_rows=-1,
        tbl_cols=-1,
        tbl_width_chars=-1,
        fmt_str_lengths=200,
        tbl_hide_dataframe_shape=True,
        tbl_hide_column_data_types=True,
    ):
        typer.echo(table if table.height else if_empty)


def main() -> None:
    """Run the command line. User errors and system errors print one sentence on standard error; exit code 2."""
    try:
        app()
    except UserError as error:
        typer.echo(f"text2graph: {error}", err=True)
        sys.exit(USER_ERROR)
    except OSError as error:
        typer.echo(f"text2graph: {error.filename or 'the output'} cannot be used ({error.strerror}).", err=True)
        sys.exit(USER_ERROR)
    except SQLAlchemyError as error:
        typer.echo(f"text2graph: Dagster's own storage cannot be used ({str(error).splitlines()[0]}).", err=True)
        sys.exit(USER_ERROR)
