"""Examples that were built before, found again by a hash of the row that they were built of."""

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
from text2graph_dagster.dataset.selection import LEFT_OUT, LIGHT
from text2graph_dagster.files import write_whole

BATCH_ROWS = 20_000
_EXAMPLES, _LIGHT = ".examples.parquet", ".light.parquet"
_LEAST_ALIVE = 0.5


@dataclass
class KeptExamples:
    """Builds the examples of one corpus, each once.

    A part is `<n>.examples.parquet` and, written last, `<n>.light.parquet`: what their choice needs to know, and the
    hash of each one's row. Parts lie in `root` in a folder named after all else that the examples depend on: settings,
    ontology, programs, and which types the corpus confuses. They may be deleted at any time.
    """

    root: Path
    builder: ExampleBuilder
    _folder: Path = field(init=False)
    _known: Array = field(init=False)
    _asked: list[Array] = field(default_factory=list)
    _waiting: list[pl.DataFrame] = field(default_factory=list)
    _left_out: list[pl.DataFrame] = field(default_factory=list)

    def __post_init__(self) -> None:
        version = _version(self.builder)
        self._folder = self.root / version
        self._folder.mkdir(parents=True, exist_ok=True)
        for other in self.root.iterdir():
            if other.name != version:
                shutil.rmtree(other)
        for name in json.loads(self._stale.read_text()) if self._stale.exists() else []:
            for suffix in (_LIGHT, _EXAMPLES):
                (self._folder / f"{name}{suffix}").unlink(missing_ok=True)
        rows = [self._rows(name) for name in self._parts()]
        self._known = np.sort(np.concatenate([np.empty(0, np.uint64), *rows]))

    @property
    def _stale(self) -> Path:
        return self._folder / "stale.json"

    def add(self, rows: pl.DataFrame) -> None:
        """Take rows as `ExampleBuilder.build` does, and build the examples of those that were never built."""
        hashes = rows.hash_rows(seed=0)
        self._asked.append(hashes.to_numpy())
        new = rows.with_columns(row=hashes).filter(~contains(self._known, hashes.to_numpy()))
        if new.height:
            self._waiting.append(new)
        if sum(frame.height for frame in self._waiting) >= BATCH_ROWS:
            self._build()

    def finish(self) -> tuple[list[Path], pl.DataFrame, pl.DataFrame]:
        """Return the files that hold the examples of all rows, the light columns of these, and passages without one.

        The files may hold other examples too.
        """
        if self._waiting:
            self._build()
        asked = np.sort(np.concatenate([np.empty(0, np.uint64), *self._asked]))
        files, light, stale = [], [frame_of([], LIGHT)], []
        for name in self._parts():
            frame = pl.read_parquet(self._folder / f"{name}{_LIGHT}")
            alive = frame.filter(contains(asked, frame["row"].to_numpy()))
            if alive.height:
                files.append(self._folder / f"{name}{_EXAMPLES}")
                light.append(alive.drop("row"))
            if alive.height < _LEAST_ALIVE * frame.height:
                stale.append(name)
        # What is mostly dead goes next time: this time its living rows are still needed.
        self._stale.write_text(json.dumps(stale))
        return files, pl.concat(light), pl.concat([frame_of([], LEFT_OUT), *self._left_out])

    def _build(self) -> None:
        rows, self._waiting = pl.concat(self._waiting), []
        built = self.builder.build(rows.drop("row").to_arrow().to_pylist())
        self._left_out.append(built.left_out)
        light = built.light.join(rows.select("passage_id", "row"), on="passage_id", maintain_order="left")
        name = f"{max(map(int, self._parts()), default=-1) + 1:08d}"
        for frame, suffix in ((built.examples, _EXAMPLES), (light, _LIGHT)):
            write_whole(frame, self._folder / f"{name}{suffix}", compression_level=1)

    def _parts(self) -> list[str]:
        return sorted(path.name.removesuffix(_LIGHT) for path in self._folder.glob(f"*{_LIGHT}"))

    def _rows(self, part: str) -> Array:
        rows: Array = pl.read_parquet(self._folder / f"{part}{_LIGHT}", columns=["row"])["row"].to_numpy()
        return rows


def _version(builder: ExampleBuilder) -> str:
    """Return a digest of all that an example depends on beside its row; polars' is that of the rows' hashes."""
    package = Path(identity.__file__).parent
    programs = identity.programs_digest([*package.rglob("*.py"), *package.rglob("*.jinja")])
    confusions = json.dumps(asdict(builder.asking.confusions))
    settings = builder.settings.model_dump_json()
    return identity.digest(pl.__version__, builder.ontology.digest, settings, str(builder.seed), confusions, programs)
