"""Memory that is no longer used goes back to the system."""

import ctypes
import subprocess
import sys

import pytest

from tests.support.app import REPOSITORY

IN_A_NEW_PROCESS = """
import os
from pathlib import Path

import pyarrow as pa

from lib.core.memory import give_back_memory

def resident_mb():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

before = resident_mb()
{make}
made = resident_mb()
kept = everything[:: len(everything) // 50]  # here and there a piece, as a table keeps its columns
del everything
freed = resident_mb()
give_back_memory()
print(before, made, freed, resident_mb())
"""

MAKE = {
    "of the C library": "everything = [bytes(1_000) for _ in range(200_000)]",
    "of Arrow": "everything = [pa.array(range(10_000)) for _ in range(2_000)]",
}


def has_trim():
    return sys.platform == "linux" and hasattr(ctypes.CDLL(None), "malloc_trim")


@pytest.mark.skipif(not has_trim(), reason="only glibc keeps what is freed, and can give it back")
@pytest.mark.parametrize("make", MAKE)
def test_what_is_freed_goes_back_to_the_system(make):
    # Given a process that makes a lot, and lets go of nearly all of it
    script = IN_A_NEW_PROCESS.format(make=MAKE[make])
    ran = subprocess.run(
        [sys.executable, "-c", script], cwd=REPOSITORY, check=True, capture_output=True, text=True
    )
    before, made, freed, given_back = map(float, ran.stdout.split())

    # Then it still has it all, until it gives it back
    assert made - before > 100
    assert freed > made - 20
    assert given_back - before < 0.5 * (made - before)
