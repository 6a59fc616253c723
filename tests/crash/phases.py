"""What a training process is doing: one byte in a file that outlives it. Functions of ganforge are wrapped for that."""

import ctypes
import functools
import importlib
import json
import mmap
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, NamedTuple

PHASES = ("start", "load", "open", "step", "journal", "events", "samples", "gather", "save", "remove", "rest", "end")
"""In the order of their bytes. 'start': options, plugins, recipe, images. 'rest': none of the others while it trains,
such as drawing a step's inputs. 'end': Python's own, after the command."""

WRAPPED = {
    "load": ("ganforge.training.checkpoint.load",),
    "journal": (
        "ganforge.training.observers.journal.ganforge_run_started",
        "ganforge.training.observers.journal.ganforge_step_finished",
    ),
    "events": ("ganforge.training.observers.event_file._append",),
    "samples": ("ganforge.training.observers.snapshots.real_images", "ganforge.generation.sampling.save_grid"),
    "save": ("ganforge.training.checkpoint.save",),
    "remove": ("ganforge.training.checkpoint._discard",),
}
OPENERS = ("ganforge_torch.runtime", "ganforge_tensorflow.runtime", "ganforge_jax.runtime")
OF_SESSION = {"step": "step", "gather": "state"}


class Aim(NamedTuple):
    """When a process is sent a signal: `delay` seconds after it has entered `phase` for the `count`th time."""

    phase: str
    count: int
    delay: float
    signal: int = signal.SIGKILL
    of_work: bool = False
    """Whether the seconds are those of its CPU time, which does not depend on what else the machine does."""


class Phases:
    """Writes down what this process is doing."""

    def __init__(self, path: Path, aim: Aim | None) -> None:
        path.write_bytes(bytes([0]))
        with path.open("r+b") as file:
            self._byte = mmap.mmap(file.fileno(), 1)
        self._report = path.with_suffix(".json")
        self._aim = aim
        self._counts = dict.fromkeys(PHASES, 0)
        self._longest = dict.fromkeys(PHASES, 0.0)

    def install(self) -> None:
        """Wrap what is wrapped, before the host looks for plugins."""
        for phase, paths in WRAPPED.items():
            for path in paths:
                module, _, name = path.rpartition(".")
                self._wrap(importlib.import_module(module), name, phase)
        for name in OPENERS:
            if name in sys.modules:
                self._wrap(sys.modules[name], "open_session", "open")
        running = importlib.import_module("ganforge.training.train_run")
        trained = running.train_steps

        @functools.wraps(trained)
        def train(session: Any, *args: Any) -> Any:
            for phase, name in OF_SESSION.items():
                self._wrap(type(session), name, phase)
            self._enter("rest")
            return trained(session, *args)

        running.train_steps = train
        self._enter("start")

    def end(self, moments: int) -> None:
        """The command is done, the process is not; leave how often and how long each phase was, and `moments`."""
        self._enter("end")
        times = {name: (self._counts[name], self._longest[name]) for name in PHASES}
        self._report.write_text(json.dumps({"work": process_time(), "phases": times, "moments": moments}))

    def _wrap(self, owner: Any, name: str, phase: str) -> None:
        inner: Callable[..., Any] = getattr(owner, name)

        @functools.wraps(inner)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            before, begun = self._byte[0], perf_counter()
            self._enter(phase)
            try:
                return inner(*args, **kwargs)
            finally:
                self._longest[phase] = max(self._longest[phase], perf_counter() - begun)
                self._byte[0] = before

        setattr(owner, name, wrapped)

    def _enter(self, phase: str) -> None:
        self._byte[0] = PHASES.index(phase)
        self._counts[phase] += 1
        if self._aim and (self._aim.phase, self._aim.count) == (phase, self._counts[phase]):
            send_in(self._aim)


def seen(path: Path) -> str:
    """What a process was doing last."""
    return PHASES[path.read_bytes()[0]] if path.exists() else "start"


class _Event(ctypes.Structure):
    _fields_ = [
        ("value", ctypes.c_void_p),
        ("signal", ctypes.c_int),
        ("notify", ctypes.c_int),
        ("_", ctypes.c_char * 48),
    ]


class _Times(ctypes.Structure):
    _fields_ = [(name, ctypes.c_long) for name in ("every_s", "every_ns", "first_s", "first_ns")]


def send_in(aim: Aim) -> None:
    """Let the kernel send this process the signal after a time that no sleeping process would keep: microseconds."""
    library = ctypes.CDLL(None, use_errno=True)
    timer = ctypes.c_void_p()
    by_signal = 0
    event = _Event(None, aim.signal, by_signal, b"")
    clock = time.CLOCK_PROCESS_CPUTIME_ID if aim.of_work else time.CLOCK_MONOTONIC
    if library.timer_create(clock, ctypes.byref(event), ctypes.byref(timer)):
        raise OSError(ctypes.get_errno(), "timer_create")
    times = _Times(0, 0, int(aim.delay), max(1, int(aim.delay % 1 * 1e9)))
    if library.timer_settime(timer, 0, ctypes.byref(times), None):
        raise OSError(ctypes.get_errno(), "timer_settime")
