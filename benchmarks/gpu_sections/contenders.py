"""Training loops that are compared: ganforge's, and PyTorch's by hand, in the ways that people write them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from itertools import count
from typing import Any

import baseline_torch
import numpy as np
import torch
from baseline_torch import Style
from ganforge_torch import devices

from ganforge.training.benchmark import ready
from gpu_sections.common import noisy


@dataclass(frozen=True, kw_only=True)
class Case:
    """A GAN at a size."""

    recipe: str
    size: int
    batch: int
    width: int | None = None
    """None: the recipe's."""

    @property
    def overrides(self) -> dict[str, Any]:
        """Of the recipe, in the way of PyTorch's example where there is one."""
        training: dict[str, Any] = {"batch_size": self.batch}
        if self.recipe == "dcgan":
            training["latents"] = "shared"
        narrow = {} if self.width is None else {"architecture": {"width": self.width}}
        return {"image_size": self.size, "training": training, **narrow}


@dataclass(frozen=True, kw_only=True)
class Loop:
    """A step to be done, and a wait until all that were begun are done."""

    step: Callable[[], object]
    wait: Callable[[], object]


def ours(case: Case, framework: str, device: str, precision: str) -> Loop:
    """ganforge's step, drawing its inputs."""
    made = ready(noisy(case.recipe, case.overrides, framework, device, precision))
    fed, session, last = made.inputs(), made.model.session, {}

    def step() -> None:
        last.update(session.step(next(fed)))

    return Loop(step=step, wait=lambda: [float(value) for value in last.values()])


def by_hand(case: Case, style: Style) -> Loop:
    """The loop by hand on noise."""
    stream = np.random.default_rng(0)
    channels = 1 if case.recipe == "cgan-mnist" else 3
    images = stream.integers(0, 256, (4, case.batch, case.size, case.size, channels), dtype=np.uint8)
    labels = stream.integers(0, 10, (4, case.batch))
    loops = baseline_torch
    made = loops.cgan_mnist(style) if case.recipe == "cgan-mnist" else loops.dcgan(case.size, style, case.width or 64)
    numbers = count()

    def step() -> None:
        number = next(numbers) % 4
        made(images[number], labels[number])

    return Loop(step=step, wait=lambda: waiting(style.device))


def waiting(device: str) -> None:
    """Wait for all that a device was asked for."""
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


@contextmanager
def tf32(allowed: bool) -> Iterator[None]:
    """Whether products and convolutions in float32 may be rounded to TF32, in loops by hand and in ganforge's."""
    kept, exact = torch.get_float32_matmul_precision(), devices.repeatable
    torch.set_float32_matmul_precision("high" if allowed else "highest")
    if allowed:
        devices.repeatable = lambda device, threads: nullcontext()
    try:
        yield
    finally:
        devices.repeatable = exact
        torch.set_float32_matmul_precision(kept)
