"""The output directory of a training run, published atomically: it is either complete or absent."""

import json
import shutil
from pathlib import Path
from typing import Any

MAX_SAVED_CHECKPOINTS = 2
CHECKPOINTS, FINISHED, RUN = "checkpoints", "finished", "run.json"
METRICS, ROLLOUTS = "metrics.jsonl", "rollouts.jsonl"
_IDENTITY = "identity"


class OutputDirectory:
    """`<output>.partial` during a run, `<output>` when it has finished.

    A run resumes an interrupted run that has the same identity; otherwise it starts from scratch.
    """

    def __init__(self, output: Path, identity: str) -> None:
        self.output, self.identity = output, identity
        self.partial = output.with_name(output.name + ".partial")
        self.checkpoints = self.partial / CHECKPOINTS
        self.finished = self.partial / FINISHED
        self.metrics = self.partial / METRICS
        self.rollouts = self.partial / ROLLOUTS
        self.arrow = self.partial / "arrow"

    def read_finished_run(self) -> dict[str, Any] | None:
        """Return run.json if a run with this identity has already finished, else None."""
        path = self.output / RUN
        if not path.is_file():
            return None
        run: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return run if run.get("identity") == self.identity else None

    def open(self) -> None:
        """Create the working directory, or keep it if it belongs to this run."""
        mark = self.partial / _IDENTITY
        if not (mark.is_file() and mark.read_text(encoding="utf-8") == self.identity):
            shutil.rmtree(self.partial, ignore_errors=True)
            self.checkpoints.mkdir(parents=True)
            mark.write_text(self.identity, encoding="utf-8")
        shutil.rmtree(self.finished, ignore_errors=True)

    def last_checkpoint(self) -> Path | None:
        """Return the newest complete checkpoint: the trainer writes its state file last."""
        complete = [p.parent for p in self.checkpoints.glob("checkpoint-*/trainer_state.json") if _is_json(p)]
        return max(complete, key=_step, default=None)

    def last_step(self) -> int:
        """Return the step of the newest complete checkpoint, 0 if there is none."""
        checkpoint = self.last_checkpoint()
        return _step(checkpoint) if checkpoint else 0

    def finish(self, run: dict[str, Any]) -> None:
        """Write run.json and the logs beside the finished model, then replace the output with that directory."""
        for file in (self.metrics, self.rollouts):
            if file.is_file():
                shutil.copyfile(file, self.finished / file.name)
        text = json.dumps({**run, "identity": self.identity}, ensure_ascii=False, indent=2)
        (self.finished / RUN).write_text(text + "\n", encoding="utf-8")
        if self.output.exists():
            old = self.partial / "replaced"
            shutil.rmtree(old, ignore_errors=True)
            self.output.replace(old)
        self.finished.replace(self.output)
        shutil.rmtree(self.partial)


def truncate_after_step(path: Path, step: int) -> list[dict[str, Any]]:
    """Remove the lines of steps after `step` from a JSON lines file; return the remaining ones.

    The removed lines belong to an interrupted run, which will write them again. An incomplete last line is removed too.
    """
    kept: list[dict[str, Any]] = []
    if path.is_file():
        fresh = path.with_name(f"{path.name}.new")
        with path.open(encoding="utf-8") as old, fresh.open("w", encoding="utf-8") as new:
            for line in old:
                try:
                    point = json.loads(line)
                except ValueError:
                    break
                if point["step"] <= step:
                    kept.append(point)
                    new.write(json.dumps(point) + "\n")
        fresh.replace(path)
    return kept


def _step(checkpoint: Path) -> int:
    return int(checkpoint.name.rpartition("-")[2])


def _is_json(path: Path) -> bool:
    try:
        json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return True
