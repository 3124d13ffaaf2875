"""Freed memory is kept until it is returned; measured in a process of its own."""

import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
from text2graph_dagster.runtime.memory import keep_freed_memory, return_freed_memory

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() // 2**20

if sys.argv[1] == "keep":
    keep_freed_memory()
before = resident()
buffer = bytearray(b"x") * (200 * 2**20)
del buffer
kept = resident() - before
return_freed_memory()
print(kept, resident() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it is for glibc")
@pytest.mark.parametrize(("how", "keeps"), [("keep", True), ("default", False)])
def test_freed_memory_is_kept_until_it_is_returned(how: str, keeps: bool) -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True)
    kept, returned = map(int, done.stdout.split())
    assert (kept > 150) == keeps
    assert returned < 50
