"""Runs of one backend that are killed, damaged and resumed until they are done, and compared with one that was not."""

import shutil
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from time import perf_counter
from typing import Any

import msgspec
import numpy as np
from crash.ends import differences, end_of, left_over
from crash.phases import Aim
from crash.processes import HERE, Ended, Signal, Zygote, anew, zygote
from PIL import Image

from ganforge.training import checkpoint

KILLS_OF_A_RUN = 9
"""About as many as a run is long in times between checkpoints; then it may end."""
ANEW = 20
"""Every so manyth process is not forked but started from nothing."""
AIMED_AT = ("load", "open", "step", "journal", "events", "samples", "gather", "save", "save", "remove")
"""Phases that kills are aimed at; before the first and after the last come others, at any moment."""
INTERRUPTED = (130, -signal.SIGTERM, -signal.SIGINT)
"""Exit codes after SIGTERM or SIGINT: the latter two where nothing was begun that there is to save. Python's own end,
and a library in its import, may give another one to a SIGINT, and say KeyboardInterrupt."""


class Inexact(AssertionError):
    """Something was lost."""


@dataclass(kw_only=True)
class Tally:
    """What was done, and what it hit."""

    kills: Counter[str] = field(default_factory=Counter)
    """SIGKILL, by what the process was doing."""
    interruptions: int = 0
    """SIGTERM and SIGINT that ended a process, which saved first where it trained."""
    damages: int = 0
    """Newest checkpoints that were cut short or had a bit flipped."""
    resumes: int = 0
    anew: int = 0
    runs: int = 0
    """Runs finished and found equal."""

    @property
    def killed(self) -> int:
        """All kills."""
        return self.kills.total()

    def __str__(self) -> str:
        """A few lines."""
        hit = ", ".join(f"{name} {count}" for name, count in self.kills.most_common())
        return (
            f"{self.killed} kills ({hit}), {self.interruptions} SIGTERM or SIGINT, {self.damages} checkpoints damaged; "
            f"{self.resumes} times gone on, {self.anew} processes begun anew; {self.runs} runs ended, all bit-identical"
        )


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """The run that was never stopped."""

    end: dict[str, Any]
    seconds: float
    """In a process begun anew."""
    work: float
    """Seconds of CPU time in a forked process."""
    phases: dict[str, tuple[int, float]]
    """How often each was entered, and the longest time in it."""
    moments: int
    """Of its operations on files."""
    largest: int
    """Bytes of the largest file of a checkpoint."""


@dataclass(kw_only=True)
class Campaign:
    """Everything to go on killing."""

    backend: str
    folder: Path
    random: Random
    zygote: Zygote
    known: Known
    tally: Tally = field(default_factory=Tally)

    def run(self, stop: Callable[[], bool]) -> None:
        """One run, killed until it is done, or until `stop` says that there were kills enough; then compared.

        Raises:
            Inexact: it ended otherwise than one that was never stopped, or could not be gone on with.
        """
        run = self.folder / f"run-{self.tally.runs:04}"
        fresh = self.random.random() < 0.2  # its images have to be prepared once more
        cache = {"GANFORGE_CACHE": str(self.folder / ("cache-of-a-run" if fresh else "cache"))}
        kills = 0
        while True:
            last = kills >= KILLS_OF_A_RUN or stop()
            ended = self._go_on(run, cache, spare=last)
            if ended.code == 0 or "has done its" in ended.output:
                break
            if ended.code in (-signal.SIGKILL, -signal.SIGXFSZ):  # the latter at a byte of a file
                self.tally.kills[ended.phase] += 1
                kills += 1
            elif ended.code in INTERRUPTED or ended.output.rstrip().endswith("KeyboardInterrupt"):
                self.tally.interruptions += 1
            elif "move that folder away" in ended.output:  # the bit that was flipped is in the number of the format
                _clear(checkpoint.checkpoints(run / "checkpoints")[-1])
            else:
                raise Inexact(f"{run} ended with {ended.code}:\n{ended.output}")
            self._damage(run)
        wrong = differences(end_of(run), self.known.end)
        if wrong or left_over(run):
            raise Inexact(f"{run} ended otherwise: {wrong}; left over: {left_over(run)}\n{ended.output}")
        self.tally.runs += 1
        _clear(run)
        _clear(self.folder / "cache-of-a-run")

    def _go_on(self, run: Path, cache: dict[str, str], *, spare: bool) -> Ended:
        """Do what a person would: begin the run where nothing is there yet, or else resume it."""
        begun = (run / "recipe.toml").exists()
        arguments = ["resume", str(run)] if begun else train(self.folder, self.backend, run)
        self.tally.resumes += begun
        if spare:
            return self.zygote.run(*arguments, environment=cache)
        left = 1.0 - newest_step(run) / self.known.end["step"]
        if self.random.randrange(ANEW) == 0:
            self.tally.anew += 1
            after = self.random.uniform(0.0, self.known.seconds * (0.5 + 0.5 * left))
            return anew(*arguments, send=Signal(number=self._signal(), after=after), environment=cache)
        return self.zygote.run(*arguments, environment=cache, **self._stop(left))

    def _stop(self, left: float) -> dict[str, Any]:
        """When a forked process ends: at any moment of its work, of a phase, of its operations on files, of a file."""
        match self.random.choices(("work", "phase", "operation", "byte"), (4, 4, 2, 1))[0]:
            case "work":
                after = self.random.uniform(0.0, self.known.work * (0.2 + 0.8 * left))
                return {"aim": Aim("start", 1, after, self._signal(), True)}
            case "phase":
                return {"aim": self._aim(left)}
            case "operation":
                return {"stop_at": self.random.randrange(max(1, int(self.known.moments * left)))}
            case _:
                return {"largest": self.random.randrange(self.known.largest)}

    def _signal(self) -> int:
        return self.random.choices((signal.SIGKILL, signal.SIGTERM, signal.SIGINT), (8, 1, 1))[0]

    def _aim(self, left: float) -> Aim:
        """At any moment of any phase; `left` is the share of the run that is left, and with it of the times of each."""
        phase = self.random.choice(AIMED_AT)
        times, longest = self.known.phases[phase]
        return Aim(phase, self.random.randint(1, max(1, int(times * left))), self.random.uniform(0.0, longest))

    def _damage(self, run: Path) -> None:
        """Sometimes cut the newest checkpoint short, or flip a bit of it, where an earlier one is left."""
        paths = checkpoint.checkpoints(run / "checkpoints")
        if len(paths) < 2 or self.random.random() > 0.1:
            return
        path = paths[-1] / self.random.choice((checkpoint.STATE, checkpoint.ABOUT))
        content = bytearray(path.read_bytes())
        place = self.random.randrange(len(content))
        if self.random.random() < 0.5:
            del content[place:]
        else:
            content[place] ^= 1 << self.random.randrange(8)
        path.write_bytes(content)
        self.tally.damages += 1


@contextmanager
def campaign(backend: str, folder: Path, seed: int) -> Iterator[Campaign]:
    """A campaign in an empty folder: images, and a run that is never stopped, in a process begun anew."""
    images(folder / "images")
    cache = {"GANFORGE_CACHE": str(folder / "cache")}
    with zygote(backend, folder) as made:
        begun = perf_counter()
        whole = anew(*train(folder, backend, folder / "whole"), environment=cache)
        seconds = perf_counter() - begun
        forked = made.run(*train(folder, backend, folder / "forked"), stop_at=-1, environment=cache)
        for ended in (whole, forked):
            if ended.code:
                raise Inexact(f"a run that nobody stopped ended with {ended.code}:\n{ended.output}")
        report = msgspec.json.decode((folder / "phase.json").read_bytes())
        largest = max(path.stat().st_size for path in (folder / "whole" / "checkpoints").rglob("*.safetensors"))
        known = Known(end=end_of(folder / "whole"), seconds=seconds, largest=largest, **report)
        unseen = [phase for phase in AIMED_AT if phase != "load" and not known.phases[phase][0]]
        assert not unseen, f"no kill would hit {unseen}: what they wrap is called by another name"
        wrong = differences(end_of(folder / "forked"), known.end)
        if wrong:
            raise Inexact(f"a forked process trains otherwise than one begun anew: {wrong}")
        yield Campaign(backend=backend, folder=folder, random=Random(seed), zygote=made, known=known)


def train(folder: Path, backend: str, run: Path) -> list[str]:
    """The command of a new run."""
    recipe, data = str(HERE / "recipe.toml"), str(folder / "images")
    return ["train", "--recipe", recipe, "--data", data, "--backend", backend, "--out", str(run)]


def newest_step(run: Path) -> int:
    """Steps of the newest checkpoint, 0 where there is none."""
    return max(
        (int(path.name.removeprefix("step-")) for path in checkpoint.checkpoints(run / "checkpoints")), default=0
    )


def images(folder: Path) -> None:
    """Sixteen images of noise for each of three classes."""
    random = np.random.default_rng(0)
    for name in ("a", "b", "c"):
        (folder / name).mkdir(parents=True)
        for number in range(16):
            Image.fromarray(random.integers(0, 256, (8, 8), dtype=np.uint8)).save(folder / name / f"{number}.png")


def _clear(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
