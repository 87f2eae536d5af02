"""After the warm-up nobody waits for a compiler."""

from __future__ import annotations

import subprocess
import sys

from tests.support.app import REPOSITORY


def test_no_setting_of_any_engine_compiles_anything_after_the_warm_up():
    command = [sys.executable, "-m", "tests.replay.compiled_late"]

    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)

    loops, late = done.stdout.split(" loops, compiled after the warm-up: ")
    assert int(loops) > 10
    assert late == "[]\n"
