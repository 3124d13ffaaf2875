"""The command line: `text2graph corpora add|list|remove`, `report`, `export`, `extract`."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import polars as pl
import typer
from sqlalchemy.exc import SQLAlchemyError

from resources import corpora as corpora_on_disk
from resources.home import Home
from resources.profiles import home_folder, warehouse
from text2graph_dagster.errors import UserError
from text2graph_dagster.evaluation.headline import figures_to_json, format_headline
from text2graph_dagster.exports import FORMATS, PassageGraph
from text2graph_dagster.extraction.command import extract_command
from text2graph_dagster.graph.rows import from_rows

app = typer.Typer(help="Turn your documents and your ontology into a small model of your own.", no_args_is_help=True)
corpora = typer.Typer(help="The corpora that the lineage knows.", no_args_is_help=True)
app.add_typer(corpora, name="corpora")
app.command("extract")(extract_command)

USER_ERROR = 2

GRAPHS = """
SELECT g.passage_id, any_value(p.text) AS text, min(p.doc_id) AS doc_id,
       any_value(g.entities) AS entities, any_value(g.relations) AS relations
FROM teacher_graphs g JOIN raw_corpus p USING (corpus, passage_id)
WHERE g.corpus = ? AND g.sample = 0 GROUP BY g.passage_id ORDER BY g.passage_id
"""


class ExportFormat(StrEnum):
    """What a graph can be written as."""

    CYPHER = "cypher"
    CSV = "csv"
    GRAPHML = "graphml"
    JSONLD = "jsonld"


@corpora.command("add")
def add(
    path: Annotated[Path, typer.Argument(help="folder with documents and an ontology.yaml")],
    name: Annotated[str | None, typer.Option(help="name of the corpus; the folder's name if not given")] = None,
    link: Annotated[bool, typer.Option("--link", help="link the folder instead of copying it")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="put it in the place of one with the same name")] = False,
) -> None:
    """Check a folder, bring it in, and register it as a partition."""
    with corpora_on_disk.dagster_instance() as instance:
        key, unread = corpora_on_disk.add(
            path, name, Home(root=str(home_folder())), instance, link=link, replace=replace
        )
    if unread:
        shown = ", ".join(unread[:10]) + (", …" if len(unread) > 10 else "")
        typer.echo(f"documents that cannot be read, and will stand in quarantine: {len(unread)} ({shown})", err=True)
    typer.echo(f"corpus {key!r} is registered; run it with: dagster asset materialize --select '*' --partition {key}")


@corpora.command("list")
def list_() -> None:
    """Show every corpus with its counts."""
    with corpora_on_disk.dagster_instance() as instance:
        table = corpora_on_disk.overview(Home(root=str(home_folder())), warehouse(), instance)
    with pl.Config(tbl_rows=-1, tbl_cols=-1, tbl_hide_dataframe_shape=True, tbl_hide_column_data_types=True):
        typer.echo(table if table.height else "no corpus yet; add one with: text2graph corpora add PATH")


@corpora.command("remove")
def remove(name: Annotated[str, typer.Argument(help="name of the corpus")]) -> None:
    """Forget a corpus and its rows; the ledger of teacher calls stays, and what was trained on it is named."""
    with corpora_on_disk.dagster_instance() as instance:
        remains = corpora_on_disk.remove(name, Home(root=str(home_folder())), warehouse(), instance)
    typer.echo(f"corpus {name!r} is removed; the ledger keeps its teacher calls, so that they need not be paid again")
    if remains:
        typer.echo("its text, or a model that was taught it, remains in (delete these, and materialise again):")
        for path in remains:
            typer.echo(f"  {path}")


@app.command("report")
def report(
    as_json: Annotated[bool, typer.Option("--json", help="every figure with its interval and its n")] = False,
) -> None:
    """Print the headline of the last report, where its page lies, and where the model that it is about."""
    tables = warehouse()
    last = tables.read("SELECT * FROM report_runs ORDER BY made_at DESC LIMIT 1").to_dicts()
    if not last:
        raise UserError("there is no report yet; materialise eval_report, or run: make demo")
    rows = tables.read("SELECT * FROM eval_report WHERE run = ?", [last[0]["run"]]).to_dicts()
    if as_json:
        typer.echo(figures_to_json(rows))
        return
    model = tables.value("SELECT path FROM checkpoints WHERE stage = 'grpo' AND current")
    typer.echo(f"{format_headline(rows)}\n\nmodel: {model}\nreport: {last[0]['path']}")


@app.command("export")
def export(
    corpus: Annotated[str, typer.Argument(help="name of the corpus")],
    format_: Annotated[ExportFormat, typer.Option("--format", help="what to write")],
    out: Annotated[Path, typer.Option("--out", help="the file to write; for csv, the folder")],
) -> None:
    """Write the teacher's graphs of a corpus, each fact with the words that state it."""
    rows = warehouse().read(GRAPHS, [corpus])
    if rows.is_empty():
        raise UserError(f"there are no graphs of a corpus {corpus!r}; `text2graph corpora list` shows what there is.")
    passages = [
        PassageGraph(r["passage_id"], r["text"], from_rows(r["entities"], r["relations"]), corpus, r["doc_id"])
        for r in rows.iter_rows(named=True)
    ]
    for path in FORMATS[format_.value](passages, out):
        typer.echo(path)


def main() -> None:
    """Run the command line; what the user or the machine did wrong is one sentence on standard error, exit code 2."""
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
