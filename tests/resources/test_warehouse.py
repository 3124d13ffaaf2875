"""The warehouse on a real DuckDB file, with concurrent processes."""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resources.warehouse import Replace, Warehouse
from text2graph_dagster.contracts import CONTRACTS
from text2graph_dagster.errors import UserError


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(path=str(tmp_path / "w.duckdb"))


def graphs(corpus: str, n: int, type_: str = "x") -> pl.DataFrame:
    entity = {"id": 0, "text": "A", "type": type_, "mentions": [{"start": 0, "end": 1}]}
    rows = [
        {
            "corpus": corpus,
            "passage_id": f"{i:032d}",
            "sample": 0,
            "teacher": "t",
            "entities": [entity],
            "relations": [],
            "call_key": "k",
        }
        for i in range(n)
    ]
    return pl.DataFrame(rows, schema=CONTRACTS["teacher_graphs"].dtypes)


def test_replacing_a_partition_does_not_change_other_partitions(warehouse: Warehouse) -> None:
    warehouse.commit(Replace("teacher_graphs", graphs("a", 3), {"corpus": "a"}))
    warehouse.commit(Replace("teacher_graphs", graphs("b", 2), {"corpus": "b"}))
    warehouse.commit(Replace("teacher_graphs", graphs("a", 1), {"corpus": "a"}))
    assert warehouse.count("teacher_graphs", "a") == 1
    assert warehouse.count("teacher_graphs") == 3


def test_the_version_depends_only_on_the_content(warehouse: Warehouse) -> None:
    def version(rows: pl.DataFrame) -> str:
        warehouse.commit(Replace("teacher_graphs", rows, {"corpus": "a"}))
        return warehouse.version("teacher_graphs", "a")

    one = version(graphs("a", 3))
    assert version(graphs("a", 3).reverse()) == one
    assert version(graphs("a", 2)) != one
    assert version(graphs("a", 3, "y")) != one
    assert version(graphs("a", 3)) == one


def test_unchanged_rows_are_not_rewritten(warehouse: Warehouse) -> None:
    """Existing rows keep their position before rows that are inserted later."""
    warehouse.commit(Replace("teacher_graphs", graphs("a", 5), {"corpus": "a"}))
    changed = pl.concat([graphs("a", 2, "y"), graphs("a", 7)[2:]])
    warehouse.commit(Replace("teacher_graphs", changed.reverse().iter_slices(2), {"corpus": "a"}))
    sql = "SELECT passage_id, entities[1].type AS type FROM teacher_graphs ORDER BY rowid"
    rows = [(int(passage), type_) for passage, type_ in warehouse.read(sql).iter_rows()]
    assert rows == [(2, "x"), (3, "x"), (4, "x"), (6, "x"), (5, "x"), (1, "y"), (0, "y")]


@given(
    st.lists(st.integers(0, 4), max_size=8),
    st.lists(st.lists(st.integers(0, 6), max_size=5), max_size=4),
)
@settings(max_examples=12, deadline=None)
def test_a_replaced_table_has_exactly_the_new_rows(there: list[int], parts: list[list[int]]) -> None:
    """This includes repeated equal rows, which a table may have."""

    def rows(numbers: list[int]) -> pl.DataFrame:
        return pl.concat([graphs("a", 0), *(graphs("a", n + 1)[n:] for n in numbers)])

    with TemporaryDirectory() as folder:
        warehouse = Warehouse(path=f"{folder}/w.duckdb")
        warehouse.commit(Replace("teacher_graphs", rows(there), {}), Replace("teacher_graphs", rows([1, 2]), {}))
        warehouse.commit(Replace("teacher_graphs", rows(there), {}))
        warehouse.commit(Replace("teacher_graphs", [rows(part) for part in parts], {"corpus": "a"}))
        found = warehouse.read("SELECT passage_id FROM teacher_graphs")["passage_id"].to_list()
    assert sorted(map(int, found)) == sorted(n for part in parts for n in part)


def test_a_failed_commit_changes_nothing(warehouse: Warehouse) -> None:
    warehouse.commit(Replace("teacher_graphs", graphs("a", 3), {"corpus": "a"}))
    bad = graphs("a", 1).drop("entities")
    with pytest.raises(ValueError, match="missing"):
        warehouse.commit(Replace("teacher_graphs", graphs("a", 1), {"corpus": "a"}), Replace("teacher_graphs", bad, {}))
    assert warehouse.count("teacher_graphs") == 3


def test_staged_parts_are_inserted_in_one_transaction(warehouse: Warehouse, tmp_path: Path) -> None:
    rows = graphs("a", 7)
    parts = [tmp_path / f"{start}.parquet" for start in (0, 3, 6)]
    for start, part in zip((0, 3, 6), parts, strict=True):
        rows.slice(start, 3).write_parquet(part)
    warehouse.commit(Replace("teacher_graphs", parts, {"corpus": "a"}))
    assert warehouse.count("teacher_graphs") == 7
    staged = warehouse.version("teacher_graphs", "a")
    warehouse.commit(Replace("teacher_graphs", rows, {"corpus": "a"}))
    assert warehouse.version("teacher_graphs", "a") == staged
    rows.drop("entities").write_parquet(parts[-1])
    with pytest.raises(ValueError, match="missing"):
        warehouse.commit(Replace("teacher_graphs", parts, {"corpus": "a"}))
    assert warehouse.version("teacher_graphs", "a") == staged
    warehouse.commit(Replace("teacher_graphs", [], {"corpus": "a"}))
    assert warehouse.count("teacher_graphs") == 0


@pytest.mark.parametrize("rows", [1, 2, 3, 5, 100])
def test_slices_do_not_split_passages_and_are_sorted(warehouse: Warehouse, rows: int) -> None:
    samples = [graphs("a", 5).with_columns(sample=pl.lit(n)) for n in range(2)]
    warehouse.commit(Replace("teacher_graphs", pl.concat(samples), {"corpus": "a"}))
    sql = "SELECT passage_id, sample, entities FROM teacher_graphs WHERE corpus = ?"
    frames = list(warehouse.slices(sql, ["a"], rows, ("passage_id", "sample")))
    whole = warehouse.read(f"{sql} ORDER BY passage_id, sample", ["a"])
    assert pl.concat(frames).equals(whole)
    assert sum(frame["passage_id"].n_unique() for frame in frames) == 5
    assert all(frame.height <= rows + 3 for frame in frames)
    assert list(warehouse.slices(sql, ["b"])) == []


def test_the_warehouse_is_not_locked_between_slices(warehouse: Warehouse) -> None:
    warehouse.commit(Replace("teacher_graphs", graphs("a", 4), {"corpus": "a"}))
    seen = 0
    for frame in warehouse.slices("SELECT * FROM teacher_graphs", rows=1):
        warehouse.commit(Replace("teacher_graphs", graphs("a", 9), {"corpus": "a"}))
        seen += frame.height
    assert seen == 4


def test_the_ledger_records_a_key_once(warehouse: Warehouse) -> None:
    def call(key: str) -> dict[str, object]:
        dtypes = CONTRACTS["teacher_calls"].dtypes
        row: dict[str, object] = {name: "x" if dtype == pl.String else 0 for name, dtype in dtypes.items()}
        return {**row, "call_key": key}

    warehouse.record("teacher_calls", pl.DataFrame([call("a"), call("a"), call("b")]))
    warehouse.record("teacher_calls", pl.DataFrame([call("b"), call("c")]))
    assert warehouse.count("teacher_calls") == 3


def test_values_are_passed_as_parameters(warehouse: Warehouse) -> None:
    evil = "a' OR '1'='1"
    warehouse.commit(Replace("teacher_graphs", graphs(evil, 1), {"corpus": evil}))
    warehouse.commit(Replace("teacher_graphs", graphs("b", 1), {"corpus": "b"}))
    assert warehouse.count("teacher_graphs", evil) == 1
    with pytest.raises(KeyError):
        warehouse.version('gates"; DROP TABLE gates; --')


def test_concurrent_processes_can_write_without_errors(warehouse: Warehouse) -> None:
    program = (
        "import sys; from tests.resources.test_warehouse import graphs; from resources.warehouse import *\n"
        "w = Warehouse(path=sys.argv[1])\n"
        "for i in range(5): w.commit(Replace('teacher_graphs', graphs(sys.argv[2], i + 1), {'corpus': sys.argv[2]}))"
    )
    processes = [subprocess.Popen([sys.executable, "-c", program, warehouse.path, str(i)]) for i in range(3)]
    assert [p.wait(120) for p in processes] == [0, 0, 0]
    assert warehouse.count("teacher_graphs") == 15


def test_a_folder_that_cannot_be_created_is_a_user_error() -> None:
    with pytest.raises(UserError) as caught:
        Warehouse(path="/proc/nowhere/w.duckdb").count("gates")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_a_database_is_a_user_error(tmp_path: Path) -> None:
    file = tmp_path / "w.duckdb"
    file.write_bytes(b"not a database" * 1000)
    with pytest.raises(UserError, match="cannot be used"):
        Warehouse(path=str(file)).count("gates")


def test_every_contract_creates_its_table_and_accepts_no_rows(warehouse: Warehouse) -> None:
    for name, contract in CONTRACTS.items():
        warehouse.commit(Replace(name, contract.empty(), {}))
        assert contract.schema.validate(warehouse.read(f"SELECT * FROM {name}"), lazy=True).height == 0


def test_a_warehouse_of_another_version_is_a_user_error(warehouse: Warehouse) -> None:
    warehouse.commit(Replace("teacher_graphs", graphs("a", 1), {}))
    with duckdb.connect(warehouse.path) as connection:
        connection.execute("ALTER TABLE teacher_graphs DROP COLUMN call_key")
    with pytest.raises(UserError, match=r"another version \(its table teacher_graphs"):
        warehouse.commit(Replace("teacher_graphs", graphs("a", 1), {}))
    with pytest.raises(duckdb.Error):  # an invalid query is not reported as a warehouse of another version
        Warehouse(path=str(Path(warehouse.path).with_name("new.duckdb"))).read("SELECT nonsense")


def test_a_full_disk_is_a_user_error(tmp_path: Path) -> None:
    """A file size limit simulates a full disk: the commit fails, not the statement."""
    program = (
        "import resource, sys; from tests.resources.test_warehouse import graphs; from resources.warehouse import *\n"
        "w = Warehouse(path=sys.argv[1]); w.count('gates')\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))\n"
        "try: w.commit(Replace('teacher_graphs', graphs('a', 2000), {}))\n"
        "except UserError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "w.duckdb")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert len(done.stdout.splitlines()) == 1
