"""A run: its folder, what it trains, and what happens beside the steps.

runs/00003-frogs-torch/recipe.toml                the recipe with every value settled
                       journal.jsonl              one line a logged step
                       samples/step-00000500.png  and real.png, real pictures in the same places
                       checkpoints/step-00012000/
"""

import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from types import FrameType
from typing import Any

import msgspec
import numpy as np
import tomli_w

from ganforge import checkpoint
from ganforge.assembly import picture_hash
from ganforge.backend import Pictures, Workers
from ganforge.convert import read_toml
from ganforge.errors import RecipeError, RunError
from ganforge.files import PARTIAL, flush_files, write_whole
from ganforge.locks import LOCK, in_turn
from ganforge.model import Model
from ganforge.parameters import State
from ganforge.pipeline import Prepared
from ganforge.plugins import Host
from ganforge.recipe import Recipe, Table, parse, to_table
from ganforge.training import Schedule, train
from ganforge.workers import ALONE, anyone, refuse_different, wait_for_all

RECIPE, CHECKPOINTS = "recipe.toml", "checkpoints"


@dataclass(kw_only=True)
class Run:
    """A run in progress, or done. What plugins are given in run events."""

    folder: Path
    recipe: Recipe
    model: Model
    data: Prepared
    host: Host
    start: int = 0
    """Steps done when this process took the run up."""
    step: int = 0
    """Steps done so far."""
    stop: int = 0
    """Steps in all."""
    seconds_before: float = 0.0
    """Spent on training by earlier processes."""
    saved: int = 0
    """Steps of the newest checkpoint; 0: there is none."""
    quiet: bool = False
    """Whether plugins should keep off the terminal."""
    workers: Workers = ALONE
    """Those that train it together. The first of them writes and tells the plugins; the others only train."""
    _asked: bool = field(default=False, init=False)
    _pictures: str = field(default="", init=False)
    _begun: float = field(default_factory=perf_counter, init=False)

    @property
    def seconds(self) -> float:
        """Spent on training so far."""
        return self.seconds_before + perf_counter() - self._begun

    @property
    def batch_images(self) -> int:
        """Real pictures that a step takes."""
        return self.recipe.training.batch_size * self.recipe.training.discriminator.updates

    @property
    def epoch(self) -> float:
        """Passes over the data set so far; what is left over of it in a pass, less than a batch, is dropped."""
        training = self.recipe.training
        return self.step * training.discriminator.updates / (len(self.data.images) // training.batch_size)

    def go(self) -> None:
        """Train to the last step, or until SIGINT or SIGTERM asks to stop; a checkpoint is saved either way.

        Raises:
            KeyboardInterrupt: stopped when asked to; up to `saved` everything is.
            RunError: training diverged, or a file could not be written.
        """
        settings = self.recipe.run
        schedule = Schedule(
            seed=settings.seed,
            start=self.start,
            stop=self.stop,
            log_every=settings.log_every,
            checkpoint_every=settings.checkpoint_every,
        )
        self._begun = perf_counter()
        self._pictures = picture_hash(self.data)
        error: BaseException | None = None
        ended = False
        try:
            with self._stopping_when_asked():
                self._tell("ganforge_run_started")
                done = train(
                    self.model.gan,
                    self.model.session,
                    self.data.images,
                    self.data.labels,
                    schedule,
                    self,
                    share=self.workers.share,
                )
                ended = True
                if done < self.stop:
                    raise KeyboardInterrupt
        except BaseException as raised:
            error = raised
            raise
        finally:
            self._tell("ganforge_run_finished", error=error)
            if ended:  # together: a launcher ends workers that are left behind, and the first may still be writing
                wait_for_all(self.workers)

    def step_finished(self, step: int, scalars: Mapping[str, float] | None) -> None:
        """Tell the plugins."""
        self.step = step
        self._tell("ganforge_step_finished", step=step, scalars=scalars)

    def epoch_finished(self, epoch: int, means: Mapping[str, float], steps: int) -> None:
        """Tell the plugins."""
        self._tell("ganforge_epoch_finished", epoch=epoch, means=means, steps=steps)

    def save(self, step: int) -> None:
        """Save a checkpoint and tell the plugins.

        Raises:
            WriteError: it cannot be written; earlier checkpoints are untouched.
        RunError: the weights are no longer finite.
        """
        if self.workers.share.rank:
            self.saved = step
            return
        state = self.model.session.state()
        wrong = next((name for name, array in state.items() if not np.isfinite(array).all()), None)
        if wrong is not None:
            raise RunError(
                f"step {step}: {wrong} holds values that are not finite, so no checkpoint is saved; what was "
                "saved before is untouched. Try lower rates or a clip"
            )
        about = checkpoint.About(
            format=checkpoint.FORMAT,
            step=step,
            recipe=to_table(self.recipe),
            data=self._pictures,
            seconds=self.seconds,
            sha256="",
        )
        flush_files(self.folder)  # what plugins tell of steps up to this one lasts as long as it does
        settings = self.recipe.run
        path = checkpoint.save(
            self.folder / CHECKPOINTS, state, about, keep=settings.keep, keep_every=settings.keep_every
        )
        self.saved = step
        self._tell("ganforge_checkpoint_saved", path=path)

    def stop_asked(self) -> bool:
        """Whether a signal asked to stop, any worker."""
        return anyone(self.workers, self._asked)

    def sample(self, count: int = 64) -> Pictures:
        """Generated pictures, as `Model.sample`."""
        return self.model.sample(count)

    def _tell(self, event: str, **about: Any) -> None:
        if self.workers.share.rank == 0:
            self.host.event(event, run=self, **about)

    @contextmanager
    def _stopping_when_asked(self) -> Iterator[None]:
        """The first SIGINT or SIGTERM finishes the step and saves; a second one ends the process as usual."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {name: signal.getsignal(name) for name in (signal.SIGINT, signal.SIGTERM)}

        def ask(number: int, frame: FrameType | None) -> None:
            self._asked = True
            for name, handler in before.items():
                signal.signal(name, handler)

        for name in before:
            signal.signal(name, ask)
        try:
            yield
        finally:
            for name, handler in before.items():
                signal.signal(name, handler)


def refuse_taken(out: Path) -> None:
    """Refuse a folder for a run that holds something already.

    Raises:
        RunError: it does, or cannot be looked into.
    """
    try:
        # What a process was about to write when it was killed, and its lock, are nothing to go on with.
        taken = out.exists() and (not out.is_dir() or any(path.suffix not in (PARTIAL, LOCK) for path in out.iterdir()))
    except OSError as error:
        raise RunError(f"{out} cannot be looked into: {error.strerror}") from error
    if taken:
        raise RunError(f"{out} is there already; choose another --out, or go on with it: ganforge resume {out}")


def new_folder(recipe: Recipe, backend: str, out: Path | None) -> Path:
    """An empty folder for a run: `out`, or the next number under `runs`.

    Raises:
        RunError: `out` is there already, or a folder cannot be made.
    """
    try:
        if out is not None:
            refuse_taken(out)
            out.mkdir(parents=True, exist_ok=True)
            return out
        parent = Path("runs")
        parent.mkdir(exist_ok=True)
        with in_turn(parent / ".numbering"):
            return _next_number(parent, f"{recipe.name}-{backend}")
    except OSError as error:
        raise RunError(f"no folder for the run can be made: {error.filename}: {error.strerror}") from error


def _next_number(parent: Path, name: str) -> Path:
    numbers = [int(path.name[:5]) for path in parent.iterdir() if path.name[:5].isdecimal()]
    number = max(numbers, default=-1) + 1
    while True:  # where there are no locks, another process may take the number first
        folder = parent / f"{number:05d}-{name}"
        try:
            if any(parent.glob(f"{number:05d}-*")):
                raise FileExistsError
            folder.mkdir()
            return folder
        except FileExistsError:
            number += 1


def write_recipe(folder: Path, recipe: Recipe) -> None:
    """Write the settled recipe into a run's folder."""
    write_whole(folder / RECIPE, tomli_w.dumps(to_table(recipe)).encode())


def read_recipe(folder: Path) -> Recipe:
    """The settled recipe of a run.

    Raises:
        RunError: the folder is not that of a run, or its recipe is damaged.
    """
    path = folder / RECIPE
    if not folder.is_dir():
        raise RunError(f"there is no run at {folder}")
    try:
        return parse(read_toml(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise RunError(f"{folder} is not the folder of a run: it has no {RECIPE}") from error
    except (OSError, ValueError, RecipeError) as error:
        raise RunError(f"{path} cannot be read: {error}") from error


def newest_good(folder: Path, warn: Callable[[str], None]) -> tuple[checkpoint.About, State] | None:
    """The newest checkpoint of a run that is whole; damaged ones are reported and passed by. None: it has none at all.

    Raises:
        LaterFormat: the newest that is whole needs a later ganforge.
        RunError: there are checkpoints, but all are damaged.
    """
    damaged: list[Path] = []
    while paths := [path for path in checkpoint.checkpoints(folder / CHECKPOINTS) if path not in damaged]:
        try:
            return checkpoint.load(paths[-1])
        except checkpoint.LaterFormat:
            raise
        except RunError as error:
            if paths[-1].exists():  # or else it was removed beside us, by a process that has saved newer ones
                damaged.append(paths[-1])
                warn(str(error))
    if damaged:
        raise RunError(f"all {len(damaged)} checkpoints of {folder} are damaged; nothing is left to go on from")
    return None


def refuse_strangers(workers: Workers, recipe: Recipe, data: Prepared, start: int) -> None:
    """Refuse workers that would not train the same; before any of them writes.

    Raises:
        RunError: recipe, pictures or checkpoint are other ones on some worker than on worker 0.
    """
    facts = {"recipe": _common(recipe), "set of pictures": picture_hash(data), "checkpoint": str(start)}
    refuse_different(workers, facts)


def _common(recipe: Recipe) -> str:
    """What workers on several machines must have in common of a recipe: not where its pictures lie, nor the device."""
    data = msgspec.structs.replace(recipe.data, path=None)
    run = msgspec.structs.replace(recipe.run, device="")
    return msgspec.json.encode(msgspec.structs.replace(recipe, data=data, run=run)).decode()


_FREE = {"data.path", "data.max_bad"} | {
    f"run.{key}"
    for key in (
        "steps",
        "epochs",
        "device",
        "backend",
        "log_every",
        "sample_every",
        "checkpoint_every",
        "keep",
        "keep_every",
    )
}
"""What a run may change on its way without being another run."""


def differences(recipe: Table, other: Table, prefix: str = "") -> list[str]:
    """What differs between two recipes, one line a field: `training.batch_size: 64, 32`.

    Where the pictures lie, how long to run, on what, and what to leave behind may differ and are not listed.
    """
    lines: list[str] = []
    for key in sorted(set(recipe) | set(other)):
        ours, theirs = recipe.get(key), other.get(key)
        if ours == theirs or f"{prefix}{key}" in _FREE:
            continue
        if isinstance(ours, dict) and isinstance(theirs, dict):
            lines += differences(ours, theirs, f"{prefix}{key}.")
        else:
            lines.append(f"{prefix}{key}: {ours!r}, {theirs!r}")
    return lines
