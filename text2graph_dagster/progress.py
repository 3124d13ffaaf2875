"""Log progress, with the estimated time left, of work that takes longer than a few seconds."""

import time
from collections.abc import Callable

Progress = Callable[[int, int | None, str], None]


def log_progress(log: Callable[[str], object], every_seconds: float = 5.0) -> Progress:
    """Return a callback (done, total, what) that logs at most every `every_seconds`, with the time left if it is known.

    Work that takes less than `every_seconds` logs nothing.
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
