"""How fast a recipe trains on this machine, told only of a session whose numbers are right.

Images are noise, since the speed does not depend on what they show; so no data set is needed.
"""

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import isfinite
from statistics import median
from typing import Any, Literal, NamedTuple

import msgspec
import numpy as np

from ganforge._io.machine import peak_memory
from ganforge.backend.contract import Precision, StepInputs
from ganforge.data.preparing import Prepared
from ganforge.errors import BenchError
from ganforge.generation.model import Model
from ganforge.plugins.host import Host, default_host
from ganforge.plugins.kinds import known_kinds
from ganforge.recipes.reading import RecipeLike, read
from ganforge.recipes.schema import Recipe
from ganforge.spec.arrays import Array
from ganforge.spec.costs import step_operations
from ganforge.training.backends import choose_backend, on_device
from ganforge.training.batches import draw_steps
from ganforge.training.experiment import Experiment, resolve_networks
from ganforge.training.fitting import fitting_batch_told
from ganforge.training.models import open_model

_BATCHES = 4
"""Batches of noise that steps are fed in turn."""
_CLASSES = 10
"""Labels of a conditional recipe that leaves their number to its data set."""
_CHECKED = 8
"""Images in the batch of the check."""
_ATTEMPTS = 3
"""Draws that the check may take, since a ReLU of one may fall on the other side of 0, and Adam's first update, which is
as large for a small gradient as for a large one, makes more of that. Wrong numbers are wrong in every draw."""
_GRADIENTS = {"float32": 1e-2, "float64": 1e-2, "bfloat16": 0.5}
"""How far a gradient may lie from the plain one, as a share of its length.

In float32 a few ReLUs fall on the other side of 0, in bfloat16 there are 8 bits of fraction; what is found is a fifth
of this or less.
"""
_LOSSES = {"float32": 2e-5, "float64": 2e-5, "bfloat16": 0.05}
_IMAGES = 1e-5
_SMALL = 1e-2
_SIDE = 1024


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured."""

    recipe: str
    backend: str
    device: str
    precision: Precision
    batch_size: int
    image_shape: tuple[int, int, int]
    steps: int
    """Measured, after those that warm up."""
    images_per_second: float
    milliseconds: float
    """A step, the median; what is drawn for many small steps together is part of one of them."""
    cpu_milliseconds: float
    """A step, of all threads together: the mean."""
    first_step_seconds: float
    """With whatever the framework compiles."""
    gflop: float
    """10^9 operations of a step, in products and convolutions as the definitions write them."""
    gflop_per_second: float
    product_gflop_per_second: float
    """A matrix product of NumPy's in float32 on this machine, just before and after."""
    share: float
    """gflop_per_second by product_gflop_per_second."""
    peak_megabytes: float | None
    """The most memory that the process had; None where the system does not say."""
    difference: float
    """What the check found: the largest difference, as a share of what is allowed."""


@dataclass(frozen=True, kw_only=True)
class Ready:
    """An experiment on noise, and its networks in a framework."""

    experiment: Experiment
    model: Model

    def inputs(self) -> Iterator[StepInputs]:
        """What step after step is fed, drawn as for a run."""
        return draw_steps(self.experiment.batches, range(sys.maxsize))

    def steps(self) -> Iterator[dict[str, float]]:
        """Do step after step, each when it is asked for, and done when its scalars are handed out.

        Raises:
            BenchError: a scalar is not finite.
        """
        for number, fed in enumerate(self.inputs(), start=1):
            scalars = {name: float(value) for name, value in self.model.session.step(fed).items()}
            wrong = next((name for name, value in scalars.items() if not isfinite(value)), None)
            if wrong is not None:
                raise BenchError(
                    f"benchmark aborted: {wrong} of recipe {self.model.recipe.name!r} is {scalars[wrong]} in step "
                    f"{number}; try lower rates, or another precision"
                )
            yield scalars


def on_noise(recipe: Recipe, host: Host) -> Experiment:
    """The experiment of a recipe on noise instead of its data set.

    Raises:
        GanforgeError: the recipe or its backend cannot be.
    """
    names = recipe.class_names or tuple(map(str, range(_CLASSES))) if recipe.conditional else ()
    given = msgspec.structs.replace(recipe, channels=recipe.channels or 3, class_names=names)
    chosen = choose_backend(given, host)
    return _noisy(resolve_networks(on_device(given, chosen), host, chosen))


def _noisy(experiment: Experiment) -> Experiment:
    gan, stream = experiment.gan, np.random.default_rng(0)
    count = _BATCHES * gan.protocol.batch_size * gan.protocol.discriminator.updates
    images = stream.integers(0, 256, (count, *gan.image_shape), dtype=np.uint8)
    labels = stream.integers(0, gan.classes, count) if gan.classes else None
    data = Prepared(
        images=images, labels=labels, class_names=experiment.recipe.class_names, skipped=(), from_cache=False
    )
    return replace(experiment, data=data)


def ready(experiment: Experiment) -> Ready:
    """Open a session of an experiment."""
    state = experiment.gan.initial_state(experiment.recipe.run.seed)
    return Ready(experiment=experiment, model=open_model(experiment, state))


def check(experiment: Experiment) -> float:
    """The largest difference from the same computation in another precision, as a share of what is allowed.

    On a few images: what a session generates, its gradients, and the losses and mean logits of a step.

    Raises:
        BenchError: a difference is larger than allowed.
    """
    recipe = experiment.recipe
    for attempt in range(_ATTEMPTS):
        worst, share = _worst(experiment, recipe.run.seed + attempt)
        if share <= 1.0:
            return share
    raise BenchError(
        f"benchmark aborted: {worst} of recipe {recipe.name!r} in {recipe.run.precision} differs from "
        f"the plain computation by {share:.3g} times what is allowed, in the last of {_ATTEMPTS} draws; "
        f"`ganforge parity` finds where"
    )


def bench(recipe: RecipeLike, backend: str | None = None, *, seconds: float = 10.0, **settings: Any) -> Figures:
    """Check a recipe's session, then measure its steps for some seconds, five at least.

    settings: of the recipe, as `read` takes them.

    Raises:
        GanforgeError: the recipe or the backend cannot be.
        BenchError: its numbers are wrong, or cease to be finite while it is measured.
        OutOfMemoryError: a step needs more memory than there is.
    """
    host = default_host()
    experiment = on_noise(read(recipe, host, known_kinds(host), backend=backend, **settings), host)
    with fitting_batch_told(experiment.gan, experiment.recipe.run.precision):
        return _measured(experiment, seconds)


def _measured(experiment: Experiment, seconds: float) -> Figures:
    difference = check(experiment)
    made = ready(experiment)
    steps = made.steps()
    begun = time.perf_counter()
    next(steps)
    first = time.perf_counter() - begun
    next(steps)
    rates = [product_rate()]
    times: list[float] = []
    cpu = time.process_time()
    while len(times) < 5 or sum(times) < seconds:
        begun = time.perf_counter()
        next(steps)
        times.append(time.perf_counter() - begun)
    cpu = time.process_time() - cpu
    rates.append(product_rate())
    resolved, gan, each, peak = experiment.recipe, experiment.gan, median(times), peak_memory()
    operations = step_operations(gan)
    return Figures(
        recipe=resolved.name,
        backend=resolved.run.backend or "",
        device=resolved.run.device,
        precision=resolved.run.precision,
        batch_size=gan.protocol.batch_size,
        image_shape=gan.image_shape,
        steps=len(times),
        images_per_second=gan.protocol.batch_size * gan.protocol.discriminator.updates / each,
        milliseconds=1e3 * each,
        cpu_milliseconds=1e3 * cpu / len(times),
        first_step_seconds=first,
        gflop=operations / 1e9,
        gflop_per_second=operations / each / 1e9,
        product_gflop_per_second=max(rates) / 1e9,
        share=operations / each / max(rates),
        peak_megabytes=None if peak is None else peak / 1e6,
        difference=difference,
    )


def product_rate() -> float:
    """Operations a second of a product of two matrices of 1024 rows and columns, NumPy's in float32."""
    a = np.ones((_SIDE, _SIDE), np.float32)
    times = []
    for _ in range(10):
        begun = time.perf_counter()
        _ = a @ a
        times.append(time.perf_counter() - begun)
    return float(2 * _SIDE**3 / median(times))


def _worst(experiment: Experiment, seed: int) -> tuple[str, float]:
    """What differs most from the same computation in another precision, and its share of what is allowed."""
    precision = experiment.recipe.run.precision
    found = _seen(_small(experiment, precision, seed))
    plain = _seen(_small(experiment, "float32" if precision == "float64" else "float64", seed))
    allowed = {"gradient": _GRADIENTS[precision], "loss": _LOSSES[precision], "images": _IMAGES}
    shares = {of: _apart(of, found, plain) / allowed[of.kind] for of in plain}
    worst = max(shares, key=lambda of: np.inf if np.isnan(shares[of]) else shares[of])
    return worst.name, shares[worst]


def _small(experiment: Experiment, precision: Precision, seed: int) -> Experiment:
    """The experiment in another precision and from another seed, with few images and one discriminator update.

    Adam's first updates have the size of the learning rate, whatever the gradient: where rounding turns the sign of a
    small gradient, a weight moves the other way, and each further update adds to that.
    """
    recipe, gan = experiment.recipe, experiment.gan
    once = msgspec.structs.replace(recipe.training.discriminator, updates=1)
    batch = min(recipe.training.batch_size, _CHECKED)
    few = msgspec.structs.replace(recipe.training, batch_size=batch, discriminator=once)
    small = msgspec.structs.replace(recipe.with_run(precision=precision, seed=seed), training=few)
    return _noisy(replace(experiment, recipe=small, gan=replace(gan, protocol=few)))


class _Seen(NamedTuple):
    kind: Literal["gradient", "loss", "images"]
    name: str


def _seen(experiment: Experiment) -> dict[_Seen, Array]:
    made = ready(experiment)
    session, fed = made.model.session, next(made.inputs())
    last = fed.generator[-1]
    pictures = {_Seen("images", "a generated image"): session.generate(last.latents, last.labels)}
    gradients = {_Seen("gradient", f"the gradient of {name}"): each for name, each in session.gradients(fed).items()}
    return pictures | gradients | {_Seen("loss", name): np.array(value) for name, value in next(made.steps()).items()}


def _apart(of: _Seen, found: dict[_Seen, Array], plain: dict[_Seen, Array]) -> float:
    if of.kind != "gradient":
        return float(np.max(np.abs(found[of] - plain[of]))) / max(1.0, float(np.max(np.abs(plain[of]))))
    # A gradient much shorter than the longest may be a sum of terms that cancel.
    longest = max(_length(each) for other, each in plain.items() if other.kind == "gradient")
    return _length(found[of] - plain[of]) / max(_length(plain[of]), _SMALL * longest, np.finfo(np.float64).tiny)


def _length(x: Array) -> float:
    return float(np.linalg.norm(x.astype(np.float64).ravel()))
