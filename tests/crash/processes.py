"""Training processes: forked from a zygote, or started anew."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import Any

import msgspec
from crash.phases import seen

HERE = Path(__file__).resolve().parent
ENVIRONMENT = os.environ | {
    "PYTHONPATH": os.pathsep.join([str(HERE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]),
    "OMP_NUM_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "CUDA_VISIBLE_DEVICES": "",
    "PYTHONUNBUFFERED": "1",
}


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """How a process ended."""

    code: int
    """Its exit code; less than 0: the signal that ended it."""
    phase: str
    """What it was doing last."""
    output: str


class Signal(msgspec.Struct, frozen=True, kw_only=True):
    """A signal sent from outside, `after` seconds."""

    number: int
    after: float


class Zygote:
    """Runs of one backend, each in a process forked from one that has imported the framework."""

    def __init__(self, process: "subprocess.Popen[str]", scratch: Path) -> None:
        self._process = process
        self._scratch = scratch

    def run(self, *arguments: str, **order: Any) -> Ended:
        """Run `ganforge ARGUMENTS` to its end, or until a signal ends it; `order` as `zygote.Order` has it."""
        log, phases = self._scratch / "log", self._scratch / "phase"
        log.unlink(missing_ok=True)
        phases.unlink(missing_ok=True)
        assert self._process.stdin and self._process.stdout
        line = msgspec.json.encode({"arguments": arguments, "log": str(log), "phases": str(phases)} | order).decode()
        print(line, file=self._process.stdin, flush=True)
        code = int(self._process.stdout.readline())
        return Ended(code=code, phase=seen(phases), output=log.read_text(errors="replace") if log.exists() else "")


@contextmanager
def zygote(backend: str, scratch: Path) -> Iterator[Zygote]:
    """A zygote for as long as the block takes."""
    with (
        (scratch / "zygote.txt").open("w") as notices,  # TensorFlow greets, whatever it is told
        subprocess.Popen(
            [sys.executable, "-m", "crash.zygote", backend],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=notices,
            text=True,
            env=ENVIRONMENT,
        ) as process,
    ):
        yield Zygote(process, scratch)  # it ends when there is nothing more to read


def anew(*arguments: str, send: Signal | None = None, environment: dict[str, str]) -> Ended:
    """Run `python -m ganforge ARGUMENTS` in a process that begins from nothing; what it was doing is not known."""
    process = subprocess.Popen(
        [sys.executable, "-m", "ganforge", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=ENVIRONMENT | environment,
    )
    timer = Timer(send.after, process.send_signal, (send.number,)) if send else None
    if timer:
        timer.start()
    output = process.communicate()[0]
    if timer:
        timer.cancel()
        timer.join()
    return Ended(code=process.returncode, phase="a process begun anew", output=output)
