"""Where everything that is made lies."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from resources.run_locks import alive, end_the_dead


class Home(dg.ConfigurableResource):  # type: ignore[type-arg]
    """One folder: corpora, checkpoints, reports, and the warehouse beside them."""

    root: str

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["Home"]:
        """Let other runs see that this one is alive, and end those that are dead, before a step waits for its turn."""
        if context.instance is None or context.run_id is None:
            yield self
            return
        with alive(self.runs, context.run_id):
            end_the_dead(context.instance, self.runs)
            yield self

    @property
    def root_path(self) -> Path:
        """The folder itself."""
        return Path(self.root)

    @property
    def corpora(self) -> Path:
        """Folder of the corpora, one sub-folder each."""
        return self.root_path / "corpora"

    @property
    def staged(self) -> Path:
        """Folder of what was made of each document, one sub-folder per corpus; it may be deleted at any time."""
        return self.root_path / "staged"

    @property
    def examples(self) -> Path:
        """Folder of the examples that were built, one sub-folder per corpus; it may be deleted at any time."""
        return self.staged / ".examples"

    @property
    def verdicts(self) -> Path:
        """Folder of the verdicts on rationales, one sub-folder per corpus; it may be deleted at any time."""
        return self.staged / ".verdicts"

    @property
    def gold(self) -> Path:
        """Folder of what was found beside gold; it may be deleted at any time."""
        return self.staged / ".gold"

    @property
    def runs(self) -> Path:
        """Folder of the locks of the runs that are alive."""
        return self.root_path / "runs"

    @property
    def checkpoints(self) -> Path:
        """Folder of the trained models, one sub-folder each, named after the checkpoint's id."""
        return self.root_path / "checkpoints"

    @property
    def reports(self) -> Path:
        """Folder of the reports, one HTML page each."""
        return self.root_path / "reports"
