"""Add, list and remove corpora: this keeps their folders and their Dagster partitions consistent."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import dagster as dg
import polars as pl
from sqlalchemy.exc import SQLAlchemyError

from resources.home import Home
from resources.warehouse import Replace, Warehouse
from text2graph_dagster.contracts import CONTRACTS
from text2graph_dagster.corpus.folder import ONTOLOGY, CorpusFolder, check_name, format_relative_path, open_corpus
from text2graph_dagster.corpus.gold import require_training_documents
from text2graph_dagster.errors import UserError

PARTITIONS = "corpora"
INSTANCE_CONFIGURATION = Path(__file__).parents[1] / "deploy" / "dagster.yaml"
# The tables that have a column `corpus`.
_CORPUS_TABLES = tuple(name for name, contract in CONTRACTS.items() if "corpus" in contract.dtypes)


@contextmanager
def open_dagster_instance() -> Iterator[dg.DagsterInstance]:
    """Open the Dagster instance in the folder DAGSTER_HOME.

    Raises:
        UserError: DAGSTER_HOME is not set, is not an absolute path, or cannot be used. (Without DAGSTER_HOME, Dagster
            uses a temporary instance, so later commands would not see the registered corpora.)
    """
    folder = os.environ.get("DAGSTER_HOME")
    if not folder:
        raise UserError('DAGSTER_HOME is not set; run: export DAGSTER_HOME="$PWD/home/dagster"')
    if not Path(folder).is_absolute():
        raise UserError(f'DAGSTER_HOME is not an absolute path; run: export DAGSTER_HOME="$PWD/{folder}"')
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        _copy_configuration(Path(folder))
        instance = dg.DagsterInstance.get()
    except (OSError, SQLAlchemyError, dg.DagsterError) as error:
        raise UserError(
            f"DAGSTER_HOME={folder} cannot be used ({_first_line(error)}): fix it, or choose another folder."
        ) from None
    with instance:
        yield instance


def _copy_configuration(folder: Path) -> None:
    """Copy the project's dagster.yaml if DAGSTER_HOME has none, because Dagster would warn at every call."""
    if INSTANCE_CONFIGURATION.is_file() and not (folder / INSTANCE_CONFIGURATION.name).exists():
        shutil.copyfile(INSTANCE_CONFIGURATION, folder / INSTANCE_CONFIGURATION.name)


def _first_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return (str(error).splitlines() or [type(error).__name__])[0]


def add_corpus(
    source: Path, name: str | None, home: Home, instance: dg.DagsterInstance, *, link: bool, replace: bool
) -> tuple[str, list[str]]:
    """Check the folder, copy or link it into the home folder, and register its name.

    Returns:
        (name, documents that could not be copied). Unreadable documents become broken links in the copy, so that
        raw_corpus counts and quarantines them.

    Raises:
        UserError: the folder is not a corpus, has nothing to train on, contains the home folder, or cannot be copied;
            or the name is invalid, or is in use and `replace` is not set.
    """
    source = source.expanduser().resolve()
    key = check_name(name or source.name)
    if home.root_path.resolve().is_relative_to(source):
        raise UserError(
            f"the home folder {home.root_path} is inside {source} and would become part of the corpus: set "
            "TEXT2GRAPH_HOME to a folder outside it."
        )
    folder = open_corpus(source)
    require_training_documents(folder)
    target = home.corpora / key
    unreadable: list[str] = []
    if target.resolve() != source:
        if (target.exists() or target.is_symlink()) and not replace:
            raise UserError(f"there is a corpus {key!r} already: pass --replace to replace it.")
        unreadable = _put(folder, target, link=link)
    instance.add_dynamic_partitions(PARTITIONS, [key])
    return key, unreadable


def _put(folder: CorpusFolder, target: Path, *, link: bool) -> list[str]:
    """Copy or link the corpus to `target`, completely or not at all; return the documents that could not be read."""
    fresh = target.with_name(f".{target.name}.new")
    unreadable: list[str] = []
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _delete(fresh)
        if link:
            fresh.symlink_to(folder.path, target_is_directory=True)
        else:
            unreadable = _copy(folder, fresh)
        _delete(target)
        fresh.rename(target)
    except OSError as error:
        with suppress(OSError):
            _delete(fresh)
        raise UserError(f"the corpus cannot be put at {target}: {error.filename}: {_first_line(error)}.") from None
    return unreadable


def _copy(folder: CorpusFolder, fresh: Path) -> list[str]:
    """Copy the files that the lineage reads; return the documents that could not be read."""
    unreadable: list[str] = []
    special = [folder.path / ONTOLOGY, *(path for path in (folder.knowledge_base, folder.gold) if path)]
    for file in [*special, *folder.documents]:
        copy = fresh / file.relative_to(folder.path)
        copy.parent.mkdir(parents=True, exist_ok=True)
        if file.is_symlink():
            copy.symlink_to(file.readlink())
        elif file in special or (file.is_file() and os.access(file, os.R_OK)):
            shutil.copy2(file, copy)
        else:
            unreadable.append(format_relative_path(folder.path, file))
            copy.symlink_to(f"{copy.name}.unread")  # a broken link, so that raw_corpus quarantines it
    return unreadable


def _delete(folder: Path) -> None:
    if folder.is_symlink():
        folder.unlink()
    elif folder.exists():
        shutil.rmtree(folder)


def remove_corpus(name: str, home: Home, warehouse: Warehouse, instance: dg.DagsterInstance) -> list[Path]:
    """Remove a corpus: its folder (or link) in the home folder, its rows, caches and partition. Ledger calls are kept.

    Reports that covered the corpus are removed from report_runs. Their scores on other corpora are kept, to be compared
    with later reports.

    Returns:
        Paths that still contain its text or models trained on it: report pages, checkpoints and predictions.

    Raises:
        UserError: there is no such corpus.
    """
    target = home.corpora / check_name(name)
    if not (target.exists() or target.is_symlink()) and name not in list_registered(instance):
        raise UserError(f"there is no corpus {name!r}: `text2graph corpora list` shows the corpora.")
    reports = warehouse.read(
        "SELECT run, path FROM report_runs WHERE run IN (SELECT run FROM eval_report WHERE corpus = ?) ORDER BY run",
        [name],
    )
    remains = _find_remains(name, home, [Path(path) for path in reports["path"]])
    changes = [Replace(table, CONTRACTS[table].empty(), {"corpus": name}) for table in _CORPUS_TABLES]
    changes += [Replace("report_runs", CONTRACTS["report_runs"].empty(), {"run": run}) for run in reports["run"]]
    warehouse.commit(*changes)
    for folder in (target, *(made / name for made in (home.staged, home.examples, home.verdicts))):
        _delete(folder)
    if name in list_registered(instance):
        instance.delete_dynamic_partition(PARTITIONS, name)
    return remains


def _find_remains(name: str, home: Home, pages: list[Path]) -> list[Path]:
    """Return the existing pages, the folders of checkpoints trained on the corpus, and the folder of predictions."""
    found = [page for page in pages if page.is_file()]
    for inputs in sorted(home.checkpoints.glob("*.inputs")):
        tables = sorted(inputs.glob("*.parquet"))
        if any(name in pl.read_parquet(table, columns=["corpus"])["corpus"] for table in tables):
            found += [path for path in (inputs, inputs.with_suffix("")) if path.is_dir()]
    answers = home.root_path / "predictions"
    return found + ([answers] if answers.is_dir() else [])


def list_registered(instance: dg.DagsterInstance) -> list[str]:
    """Return the names of the registered corpora."""
    return sorted(instance.get_dynamic_partitions(PARTITIONS))


def summarise_corpora(home: Home, warehouse: Warehouse, instance: dg.DagsterInstance) -> pl.DataFrame:
    """Return one row per corpus: name, whether it is registered, and its numbers of rows in the warehouse."""
    folders = [p.name for p in home.corpora.iterdir() if not p.name.startswith(".")] if home.corpora.is_dir() else []
    names = sorted({*folders, *list_registered(instance)})
    known = set(list_registered(instance))
    rows = [
        {
            "corpus": name,
            "registered": name in known,
            "passages": warehouse.count("raw_corpus", name),
            "gold": warehouse.count("gold_graphs", name),
            "graphs": warehouse.count("teacher_graphs", name),
            "examples": warehouse.count("filtered_dataset", name),
            "quarantined": warehouse.count("quarantine", name),
        }
        for name in names
    ]
    schema = {"corpus": pl.String, "registered": pl.Boolean}
    return pl.DataFrame(rows) if rows else pl.DataFrame(schema=schema)
