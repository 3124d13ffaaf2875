"""How the C library manages the memory of a program that allocates large tensors again and again."""

import ctypes
import sys
from typing import Any

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4  # parameters of glibc's mallopt


def keep_freed_memory() -> None:
    """Let the C library keep freed memory for the next tensor instead of returning it to the system.

    Each training step allocates the same large tensors again. With glibc's defaults, the system then clears hundreds of
    megabytes per step: a sixth of its time. Other C libraries are left alone. Memory that is kept becomes fragmented,
    so a program must call `return_freed_memory` from time to time.
    """
    mallopt = getattr(_c_library(), "mallopt", None)
    if mallopt is not None:
        mallopt(_TRIM_THRESHOLD, 2**31 - 1)
        mallopt(_TOP_PAD, 64 * 2**20)
        mallopt(_MMAP_MAX, 0)


def return_freed_memory() -> None:
    """Return the freed memory to the system, where the C library can."""
    trim = getattr(_c_library(), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _c_library() -> Any:
    return ctypes.CDLL(None) if sys.platform.startswith("linux") else None
