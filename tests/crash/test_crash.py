"""The short form: twenty kills a backend; a few of one in the fast tier."""

import sys
from pathlib import Path

import pytest
from crash.campaign import campaign
from frameworks import need

SEED = 1
KILLS = 20


@pytest.mark.skipif(sys.platform != "linux", reason="the timers that kill, and /proc, are Linux's")
@pytest.mark.timeout(1200)  # a minute, but of a machine of its own
@pytest.mark.crash
@pytest.mark.parametrize("backend", ["torch", "tensorflow", "jax"])
def test_killed_runs_end_as_one_that_was_not(backend: str, tmp_path: Path) -> None:
    need(backend)
    with campaign(backend, tmp_path, SEED) as made:
        while made.tally.killed < KILLS:
            made.run(lambda: made.tally.killed >= KILLS)
    print(f"{backend}: {made.tally}")
    assert made.tally.runs
