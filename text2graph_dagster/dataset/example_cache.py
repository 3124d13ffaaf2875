"""Cache examples on disk, by the hash of the row from which each was built."""

import json
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from text2graph_dagster import identity
from text2graph_dagster.contracts import frame_of
from text2graph_dagster.corpus.sorted_keys import Array, contains
from text2graph_dagster.dataset.example_builder import ExampleBuilder
from text2graph_dagster.dataset.selection import LEFT_OUT_COLUMNS, SELECTION_COLUMNS
from text2graph_dagster.files import write_parquet_atomically

BATCH_ROWS = 20_000
_EXAMPLES, _CANDIDATES = ".examples.parquet", ".light.parquet"
_MIN_USED_SHARE = 0.5


@dataclass
class ExampleCache:
    """Builds each example of one corpus only once.

    A part consists of `<n>.examples.parquet` and `<n>.light.parquet`. The latter is written last and has the selection
    columns and the hash of each example's row. Parts are in a folder of `root` that is named by a digest of everything
    else that the examples depend on: settings, ontology, source code, and confused types. Parts may be deleted at any
    time.
    """

    root: Path
    builder: ExampleBuilder
    _folder: Path = field(init=False)
    _known: Array = field(init=False)
    _requested: list[Array] = field(default_factory=list)
    _pending: list[pl.DataFrame] = field(default_factory=list)
    _left_out: list[pl.DataFrame] = field(default_factory=list)

    def __post_init__(self) -> None:
        version = _compute_version(self.builder)
        self._folder = self.root / version
        self._folder.mkdir(parents=True, exist_ok=True)
        for other in self.root.iterdir():
            if other.name != version:
                shutil.rmtree(other)
        for name in json.loads(self._stale.read_text()) if self._stale.exists() else []:
            for suffix in (_CANDIDATES, _EXAMPLES):
                (self._folder / f"{name}{suffix}").unlink(missing_ok=True)
        hashes = [self._row_hashes(name) for name in self._parts()]
        self._known = np.sort(np.concatenate([np.empty(0, np.uint64), *hashes]))

    @property
    def _stale(self) -> Path:
        return self._folder / "stale.json"

    def add(self, rows: pl.DataFrame) -> None:
        """Request the examples of these rows (as `ExampleBuilder.build` takes them); missing ones are built."""
        hashes = rows.hash_rows(seed=0)
        self._requested.append(hashes.to_numpy())
        new = rows.with_columns(row=hashes).filter(~contains(self._known, hashes.to_numpy()))
        if new.height:
            self._pending.append(new)
        if sum(frame.height for frame in self._pending) >= BATCH_ROWS:
            self._build()

    def finish(self) -> tuple[list[Path], pl.DataFrame, pl.DataFrame]:
        """Return (files, selection columns of the requested examples and their `file`, passages without an example).

        The files contain the examples of all requested rows, and perhaps others. The same example may be in another
        file too, with other confidences; the one to use is in the file named `file`.
        """
        if self._pending:
            self._build()
        requested = np.sort(np.concatenate([np.empty(0, np.uint64), *self._requested]))
        files, candidates, stale = [], [frame_of([], {**SELECTION_COLUMNS, "file": pl.String()})], []
        for name in self._parts():
            frame = pl.read_parquet(self._folder / f"{name}{_CANDIDATES}")
            used = frame.filter(contains(requested, frame["row"].to_numpy()))
            if used.height:
                files.append(self._folder / f"{name}{_EXAMPLES}")
                candidates.append(used.drop("row").with_columns(file=pl.lit(files[-1].name)))
            if used.height < _MIN_USED_SHARE * frame.height:
                stale.append(name)
        # Mostly unused parts are deleted in the next run, because this run still needs their used rows.
        self._stale.write_text(json.dumps(stale))
        return files, pl.concat(candidates), pl.concat([frame_of([], LEFT_OUT_COLUMNS), *self._left_out])

    def _build(self) -> None:
        rows, self._pending = pl.concat(self._pending), []
        built = self.builder.build(rows.drop("row").to_arrow().to_pylist())
        self._left_out.append(built.left_out)
        candidates = built.candidates.join(rows.select("passage_id", "row"), on="passage_id", maintain_order="left")
        name = f"{max(map(int, self._parts()), default=-1) + 1:08d}"
        for frame, suffix in ((built.examples, _EXAMPLES), (candidates, _CANDIDATES)):
            write_parquet_atomically(frame, self._folder / f"{name}{suffix}", compression_level=1)

    def _parts(self) -> list[str]:
        return sorted(path.name.removesuffix(_CANDIDATES) for path in self._folder.glob(f"*{_CANDIDATES}"))

    def _row_hashes(self, part: str) -> Array:
        rows: Array = pl.read_parquet(self._folder / f"{part}{_CANDIDATES}", columns=["row"])["row"].to_numpy()
        return rows


def _compute_version(builder: ExampleBuilder) -> str:
    """Return a digest of all that an example depends on besides its row; row hashes depend on polars' version."""
    package = Path(identity.__file__).parent
    programs = identity.digest_programs([*package.rglob("*.py"), *package.rglob("*.jinja")])
    confusions = json.dumps(asdict(builder.sampler.confusions))
    settings = builder.settings.model_dump_json()
    return identity.digest(pl.__version__, builder.ontology.digest, settings, str(builder.seed), confusions, programs)
