"""Progress with an estimate, for anything that takes longer than a few seconds."""

import time
from collections.abc import Callable

Progress = Callable[[int, int | None, str], None]


def log_progress(log: Callable[[str], object], every_seconds: float = 5.0) -> Progress:
    """Return a callback (done, total, what) that logs at most every few seconds, with the time left where it is known.

    The first and the last line of each `what` are logged only if the work takes longer than `every_seconds`.
    """
    started: dict[str, float] = {}
    last: dict[str, float] = {}

    def report(done: int, total: int | None, what: str) -> None:
        now = time.monotonic()
        begin = started.setdefault(what, now)
        if now - last.setdefault(what, begin) < every_seconds:
            return
        last[what] = now
        rate = done / (now - begin)
        left = f", about {(total - done) / rate:.0f} s left" if total and rate > 0 else ""
        log(f"{what}: {done:,}{f' of {total:,}' if total else ''} ({rate:,.0f}/s{left})")

    return report
