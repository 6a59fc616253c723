"""Parity of every framework on the device with the NumPy reference and with itself on the CPU.

Tiny GANs cover every layer, loss, penalty and optimizer; recipes are the shipped ones with narrow networks, on noise.
Of JAX, which compiles each of them for seconds, a few tiny GANs take part.
"""

from dataclasses import replace
from functools import partial

import ganforge
from ganforge.backend.contract import BackendEntry, Precision
from ganforge.parity.comparison import compare
from ganforge.parity.pair import Inputs
from ganforge.plugins.host import default_host
from ganforge.recipes.shipped import shipped_recipes
from ganforge.spec.arrays import State
from ganforge.spec.gan import Gan
from ganforge.testing.plugin import REFERENCE
from ganforge.testing.tiny_gans import FLOAT64_ONLY, TINY, inputs
from ganforge.training.backends import find_backend, pinned
from ganforge.training.batches import draw_step
from ganforge.training.benchmark import on_noise
from gpu_sections.common import FRAMEWORKS, arguments, device_of, note, reduced, tell

PRECISIONS: tuple[Precision, ...] = ("float64", "float32")
FEW = ("labels", "residuals", "hinge-r1")
"""Tiny GANs of a tiny run."""


def compared(
    name: str, gan: Gan, fed: Inputs, state: State, precision: Precision, judge: BackendEntry, entry: BackendEntry
) -> None:
    """Tell of one comparison: the first row that does not hold, or else the one nearest to its tolerance."""
    report = compare(gan, judge, entry, inputs=fed, state=state, precision=precision, steps=3)
    for row in report.rows:
        note(f"{name} {precision} {report.a} {report.b}: {row.what} {row.difference:.2g} of {row.tolerance}")
    held = [row for row in report.rows if row.tolerance]
    worst = report.first or max(held, key=lambda row: row.difference / (row.tolerance or 1.0))
    tell(
        gan=name,
        precision=precision,
        judge=report.a,
        backend=report.b,
        ok=report.ok,
        difference=worst.difference,
        tolerance=worst.tolerance,
        what=worst.what,
    )


def main() -> None:
    asked, host = arguments(), default_host()
    recipes = sorted(entry.name for entry in shipped_recipes())
    for framework in FRAMEWORKS:
        device = device_of(framework, asked.device)
        entry = find_backend(framework, host)
        there = replace(pinned(entry, device), name=f"{framework}-{device}")
        here = replace(pinned(entry, "cpu"), name=f"{framework}-cpu")
        compiles = framework == "jax"  # every step anew, which takes seconds each
        few = FEW[:1] if asked.tiny and compiles else FEW if asked.tiny or compiles else TINY
        for precision in PRECISIONS[:1] if asked.tiny and compiles else PRECISIONS:
            for name in few:
                gan = TINY[name]
                if precision == "float32" and name in FLOAT64_ONLY:
                    continue
                fed, state = partial(inputs, gan, 0), gan.initial_state(0)
                compared(name, gan, fed, state, precision, REFERENCE, there)
        for recipe in () if compiles else recipes[:1] if asked.tiny else recipes:
            small = {"training": {"batch_size": 8}, "run": {"backend": framework, "device": device}}
            narrow = ganforge.load_recipe(recipe, overrides=reduced(recipe) | small)
            experiment = on_noise(narrow, host)
            fed, state = partial(draw_step, experiment.batches), experiment.gan.initial_state(0)
            for precision in PRECISIONS:
                compared(recipe, experiment.gan, fed, state, precision, here, there)


if __name__ == "__main__":
    main()
