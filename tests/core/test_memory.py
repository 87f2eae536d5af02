"""How much memory there is, how much a thing takes, and that it goes back to the system."""

import ctypes
import os
import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from lib.core.memory import bytes_in, held_bytes, usable_bytes
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

# As the C library does of its own: Dask sets some of these for its workers.
UNSET = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}

BY_THREADS = """
import threading

from lib.core.memory import keep_to_one_heap

{first}
bytearray(30_000_000)  # from a large one that was freed, glibc learns to keep as much
all_are_here = threading.Barrier(8)

def make():
    all_are_here.wait()
    pieces = [b"x" * 100_000 for _ in range(300)]
    all_are_here.wait()
    del pieces

def made_by_all():
    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [bytes(1_000)] * 50
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
        [sys.executable, "-c", script],
        cwd=REPOSITORY, env=UNSET, check=True, capture_output=True, text=True,
    )  # fmt: skip
    before, made, freed, given_back = map(float, ran.stdout.split())

    # Then it still has it all, until it gives it back
    assert made - before > 100
    assert freed > made - 20
    assert given_back - before < 0.5 * (made - before)


@pytest.mark.skipif(not has_trim(), reason="only glibc has a heap for each thread")
def test_what_threads_freed_goes_back_to_the_system_too():
    # Given threads that each made 30 MB at once, and let go of it
    left = {}
    for first in ("keep_to_one_heap()", ""):
        script = BY_THREADS.format(first=first) + IN_A_NEW_PROCESS.format(
            make="everything = made_by_all()"
        )
        ran = subprocess.run(
            [sys.executable, "-c", script],
            cwd=REPOSITORY, env=UNSET, check=True, capture_output=True, text=True,
        )  # fmt: skip
        before, _, _, given_back = map(float, ran.stdout.split())
        left[first] = given_back - before

    # Then the ends of their heaps stay with the process, unless it keeps to one
    assert left[""] > 100
    assert left["keep_to_one_heap()"] < 0.5 * left[""]


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("4GB", 4 * 10**9),
        ("512 mb", 512 * 10**6),
        ("1.5 GiB", 3 * 2**29),
        ("1000000", 10**6),
        ("2k", 2_000),
        ("", None),
        ("much", None),
        ("-1GB", None),
        ("1e9", None),
    ],
)
def test_sizes_are_read_as_people_write_them(text, size):
    assert bytes_in(text) == size


GROUPS = {
    "no group": ({}, None),
    "version 2": (
        {"proc/self/cgroup": "0::/app\n", "sys/fs/cgroup/app/memory.max": "1000\n"},
        1000,
    ),
    "version 2, of a group around it": (
        {
            "proc/self/cgroup": "0::/pods/app\n",
            "sys/fs/cgroup/pods/memory.max": "3000\n",
            "sys/fs/cgroup/pods/app/memory.max": "max\n",
        },
        3000,
    ),
    "version 2, seen from inside": ({"sys/fs/cgroup/memory.max": "2000\n"}, 2000),
    "version 1": (
        {
            "proc/self/cgroup": "5:cpu:/x\n4:memory:/app\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            "sys/fs/cgroup/memory/app/memory.limit_in_bytes": "4000\n",
        },
        4000,
    ),
    "version 1, seen from inside": (
        {
            "proc/self/cgroup": "4:memory:/docker/0a1b\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "5000\n",
        },
        5000,
    ),
}


@pytest.mark.parametrize("group", GROUPS)
def test_a_container_has_what_its_group_allows(group, tmp_path):
    files, limit = GROUPS[group]
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    machine = usable_bytes(tmp_path / "nothing")
    assert machine > 10**8
    assert usable_bytes(tmp_path) == (limit or machine)


ARRAY = np.arange(1_000)
HOLDERS = {
    "an array": (ARRAY, 8_000),
    "a part of one": (ARRAY[:10], 8_000),
    "a frame": (pd.DataFrame({"a": ARRAY.copy(), "b": ARRAY.astype("float32")}), 12_000),
    "categories": (pd.Series(pd.Categorical.from_codes(np.zeros(5_000, "int8"), ["x"])), 5_000),
    "an Arrow table": (pa.table({"a": ARRAY}), 8_000),
    "twice the same": ([ARRAY, ARRAY], 8_000),
    "texts": (pd.DataFrame({"a": ["x" * 1_000] * 100}).astype(object), 100_000),
}


@pytest.mark.parametrize("what", HOLDERS)
def test_what_a_thing_holds_is_about_its_arrays(what):
    thing, size = HOLDERS[what]
    assert size <= held_bytes(thing) < 1.2 * size + 500


@dataclass
class Filling:
    """What gets another attribute while it is measured, as when a viewer's page asks for one."""

    part: object = None

    def __sizeof__(self):
        self.part.another = ARRAY
        return 100


def test_what_another_thread_fills_meanwhile_is_measured_as_it_was():
    whole = Filling(Filling())
    whole.part.part = whole
    assert 200 <= held_bytes(whole) < 8_000 + 500
