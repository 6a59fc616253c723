"""TensorBoard: an event file in the run's folder, to be looked at with `tensorboard --logdir runs`.

Losses and mean logits of logged steps; measures of measured ones; as often as grids are drawn the grid, and histograms
of the latents and of what the discriminator says of real and of generated images (logits); the recipe's settings as
hyper-parameters.
"""

import os
import socket
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ganforge.plugins.markers import hookimpl
from ganforge.plugins.run_view import RunView
from ganforge.training.observers import event_file
from ganforge.training.observers.snapshots import path_of, real_images

if TYPE_CHECKING:
    from ganforge.spec.arrays import Array, Labels

_TOGETHER = 16  # images that the discriminator looks at: a trace hands out every layer's output


class _TensorBoard:
    """The event file of the run in progress."""

    def __init__(self) -> None:
        self.path = Path()

    @hookimpl
    def ganforge_run_started(self, run: RunView) -> None:
        """Begin a file; steps that a killed process did after its last checkpoint, and that are done again, go."""
        from ganforge.recipes.tables import flat_settings

        name = f"events.out.tfevents.{time.time_ns():020d}.{socket.gethostname()}.{os.getpid()}"
        self.path = run.folder / name
        event_file.begin(self.path, run.start + 1)
        event_file.write(self.path, run.start, [event_file.hyperparameters(flat_settings(run.recipe))])

    @hookimpl
    def ganforge_step_finished(self, run: RunView, step: int, scalars: Mapping[str, float] | None) -> None:
        """Add what there is of this step."""
        values = [event_file.scalar(_tag(name), value) for name, value in (scalars or {}).items()]
        if step % run.recipe.run.sample_every == 0 or step == run.stop:
            values += [*_grid(path_of(run, step)), *_histograms(run)]
        if values:
            event_file.write(self.path, step, values)

    @hookimpl
    def ganforge_step_measured(self, run: RunView, step: int, measures: Mapping[str, float], by: str) -> None:
        """Add the measures of this step."""
        event_file.write(self.path, step, [event_file.scalar(f"quality/{name}", measures[name]) for name in measures])


def _tag(name: str) -> str:
    """`loss/d_loss`, `logits/d_real`: what is before the stroke is shown together."""
    return f"logits/{name}" if name in ("d_real", "d_fake") else f"loss/{name}"


def _grid(path: Path) -> Iterator[event_file.Value]:
    """The grid that the snapshots have just drawn; none where they are switched off."""
    if path.exists():
        from PIL import Image

        with Image.open(path) as picture:
            width, height = picture.size
        yield event_file.image("samples", path.read_bytes(), width, height)


def _histograms(run: RunView) -> Iterator[event_file.Value]:
    from ganforge.generation.model import latents_of

    model, rows = run.model, real_images(run)
    low, high = model.gan.pixel_range
    real = np.concatenate([pictures for _, pictures in rows]) * ((high - low) / 255.0) + low
    given = [np.full(len(pictures), label) for label, pictures in rows if label is not None]
    labels = np.concatenate(given).astype(np.int64) if given else None
    latents = latents_of(model.gan.protocol.latent, range(len(real)))
    made = model.session.generate(latents, labels, averaged=model.averaged)
    yield event_file.histogram("z", latents)
    yield event_file.histogram("D(x)", _logits(run, real, labels))
    yield event_file.histogram("D(G(z))", _logits(run, made, labels))


def _logits(run: RunView, images: "Array", labels: "Labels | None") -> "Array":
    """How real the discriminator takes each image to be, as its loss reads the logits."""
    found = []
    for first in range(0, len(images), _TOGETHER):
        part = slice(first, first + _TOGETHER)
        outputs = run.model.session.trace("discriminator", images[part], None if labels is None else labels[part])
        found.append(list(outputs.values())[-1])
    return np.asarray(run.model.gan.loss.realness(np.concatenate(found)))


_tensorboard = _TensorBoard()
ganforge_run_started = _tensorboard.ganforge_run_started
ganforge_step_finished = _tensorboard.ganforge_step_finished
ganforge_step_measured = _tensorboard.ganforge_step_measured
