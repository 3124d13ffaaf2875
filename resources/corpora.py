"""Corpora on disk and their names in Dagster: the two are kept in step here."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import polars as pl

from resources.home import Home
from resources.warehouse import Replace, Warehouse
from text2graph_dagster.contracts import CONTRACTS
from text2graph_dagster.corpus.folder import check_name, open_corpus
from text2graph_dagster.errors import UserError

PARTITIONS = "corpora"
_CORPUS_TABLES = ("raw_corpus", "gold_graphs", "quarantine", "accounting", "teacher_graphs", "cot_traces", "gates")


@contextmanager
def dagster_instance() -> Iterator[dg.DagsterInstance]:
    """Open the instance that DAGSTER_HOME names.

    Raises:
        UserError: DAGSTER_HOME is not set: without it, what is registered here would be unknown to the next command.
    """
    folder = os.environ.get("DAGSTER_HOME")
    if not folder:
        raise UserError('DAGSTER_HOME is not set; run: export DAGSTER_HOME="$PWD/home/dagster"')
    Path(folder).mkdir(parents=True, exist_ok=True)
    with dg.DagsterInstance.get() as instance:
        yield instance


def add(source: Path, name: str | None, home: Home, instance: dg.DagsterInstance, *, link: bool, replace: bool) -> str:
    """Check the folder, copy or link it into the home folder, and register its name; return the name.

    Raises:
        UserError: the folder is no corpus, its name is not usable, or it is there already and `replace` is not set.
    """
    source = source.expanduser().resolve()
    key = check_name(name or source.name)
    open_corpus(source)
    target = home.corpora / key
    if target.resolve() != source:
        if (target.exists() or target.is_symlink()) and not replace:
            raise UserError(f"there is a corpus {key!r} already; pass --replace to put this one in its place.")
        _put(source, target, link=link)
    instance.add_dynamic_partitions(PARTITIONS, [key])
    return key


def _put(source: Path, target: Path, *, link: bool) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name(f".{target.name}.new")
    _delete(fresh)
    if link:
        fresh.symlink_to(source, target_is_directory=True)
    else:
        shutil.copytree(source, fresh, symlinks=True)
    _delete(target)
    fresh.rename(target)


def _delete(folder: Path) -> None:
    if folder.is_symlink():
        folder.unlink()
    elif folder.exists():
        shutil.rmtree(folder)


def remove(name: str, home: Home, warehouse: Warehouse, instance: dg.DagsterInstance) -> None:
    """Forget a corpus: its folder here (or the link to it), its rows, its name. The ledger keeps its calls.

    Raises:
        UserError: there is no such corpus.
    """
    target = home.corpora / check_name(name)
    if not (target.exists() or target.is_symlink()) and name not in registered(instance):
        raise UserError(f"there is no corpus {name!r}; `text2graph corpora list` shows which there are.")
    empty = {table: CONTRACTS[table].empty() for table in _CORPUS_TABLES}
    warehouse.commit(*(Replace(table, rows, {"corpus": name}) for table, rows in empty.items()))
    _delete(target)
    if name in registered(instance):
        instance.delete_dynamic_partition(PARTITIONS, name)


def registered(instance: dg.DagsterInstance) -> list[str]:
    """Return the registered names."""
    return sorted(instance.get_dynamic_partitions(PARTITIONS))


def overview(home: Home, warehouse: Warehouse, instance: dg.DagsterInstance) -> pl.DataFrame:
    """Return one row per corpus: name, whether registered, and its counts in the warehouse."""
    folders = [p.name for p in home.corpora.iterdir() if not p.name.startswith(".")] if home.corpora.is_dir() else []
    names = sorted({*folders, *registered(instance)})
    known = set(registered(instance))
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
