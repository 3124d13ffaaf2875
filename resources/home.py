"""The home folder, where the pipeline stores all its outputs."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from resources.run_locks import fail_dead_runs, hold_run_lock


class Home(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The folder of corpora, checkpoints, reports and the warehouse."""

    root: str

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["Home"]:
        """Hold this run's lock file while it runs; first fail dead runs, so that no step waits for their pool slots."""
        if context.instance is None or context.run_id is None:
            yield self
            return
        with hold_run_lock(self.runs, context.run_id):
            fail_dead_runs(context.instance, self.runs)
            yield self

    @property
    def root_path(self) -> Path:
        """The home folder as a path."""
        return Path(self.root)

    @property
    def corpora(self) -> Path:
        """Folder of the corpora, one sub-folder each."""
        return self.root_path / "corpora"

    @property
    def staged(self) -> Path:
        """Cache of processed documents, one sub-folder per corpus; it may be deleted at any time."""
        return self.root_path / "staged"

    @property
    def examples(self) -> Path:
        """Cache of training examples, one sub-folder per corpus; it may be deleted at any time."""
        return self.staged / ".examples"

    @property
    def verdicts(self) -> Path:
        """Cache of verdicts on rationales, one sub-folder per corpus; it may be deleted at any time."""
        return self.staged / ".verdicts"

    @property
    def gold(self) -> Path:
        """Cache of the search for training passages near gold; it may be deleted at any time."""
        return self.staged / ".gold"

    @property
    def runs(self) -> Path:
        """Folder of the lock files of running runs."""
        return self.root_path / "runs"

    @property
    def checkpoints(self) -> Path:
        """Folder of the trained models, one sub-folder each, named after the checkpoint's id."""
        return self.root_path / "checkpoints"

    @property
    def reports(self) -> Path:
        """Folder of the reports, one HTML page each."""
        return self.root_path / "reports"
