"""A training that is killed and resumed ends bit for bit as one that was not; and what this exactness costs."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path

from ganforge_torch import devices

from gpu_sections.common import FRAMEWORKS, Asked, arguments, device_of, note, seconds_a_step, tell
from gpu_sections.contenders import Case, ours


def started(folder: Path, framework: str, device: str, steps: int, every: int) -> subprocess.Popen[str]:
    """A training of the digits in a process of its own."""
    options = ["--backend", framework, "--device", device, "--steps", str(steps)]
    options += ["--checkpoint-every", str(every), "--sample-every", str(10 * steps)]
    return subprocess.Popen(
        [sys.executable, "-m", "ganforge", "train", *options, "--out", str(folder)], stdout=sys.stderr, text=True
    )


def last(folder: Path) -> tuple[str, bytes]:
    """The newest checkpoint's name, and its arrays as they lie in the file."""
    newest = max((folder / "checkpoints").glob("step-*"))
    return newest.name, (newest / "state.safetensors").read_bytes()


def exact(asked: Asked, framework: str, device: str) -> None:
    steps, every = (60, 20) if asked.tiny else (600, 100)
    with tempfile.TemporaryDirectory() as place:
        whole, killed = Path(place) / "whole", Path(place) / "killed"
        beside = started(whole, framework, device, steps, every)
        victim = started(killed, framework, device, steps, every)
        while victim.poll() is None and not list(killed.glob("checkpoints/step-*")):
            time.sleep(0.01)
        victim.send_signal(signal.SIGKILL)
        victim.wait()
        assert beside.wait() == 0, "the training that nobody disturbs failed; see the log"
        stopped = last(killed)[0]
        resumed = [sys.executable, "-m", "ganforge", "resume", str(killed), "--device", device]
        subprocess.run(resumed, stdout=sys.stderr, check=stopped != f"step-{steps:08d}")
        tell(
            resume=f"{framework} on {device}",
            killed_after=stopped,
            steps=steps,
            ok=stopped != f"step-{steps:08d}" and last(whole) == last(killed),
            headline=True,
        )


def cost(asked: Asked, device: str) -> None:
    """A step with torch's deterministic algorithms and without; TF32 is let in by neither."""
    case = Case(recipe="dcgan", size=64, batch=128)
    if asked.tiny:
        case = Case(recipe="dcgan", size=16, batch=8, width=4)
    loop, repeatable = ours(case, "torch", device, "bfloat16"), devices.repeatable
    times = {}
    for name in ("deterministic", "free", "deterministic", "free"):
        devices.repeatable = repeatable if name == "deterministic" else lambda device, threads: nullcontext()
        each = seconds_a_step(loop.step, loop.wait, 0.05 if asked.tiny else 1.5)
        times[name] = min(each, times.get(name, each))
    devices.repeatable = repeatable
    ratio = times["deterministic"] / times["free"]
    tell(determinism="dcgan bfloat16", **{f"{name}_ms": 1e3 * each for name, each in times.items()}, ratio=ratio)


def main() -> None:
    asked = arguments()
    note(f"process {os.getpid()}")
    for framework in FRAMEWORKS:
        exact(asked, framework, device_of(framework, asked.device))
    cost(asked, device_of("torch", asked.device))


if __name__ == "__main__":
    main()
