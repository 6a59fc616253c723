"""Check a kind of optimizer, ours or anybody's: what its class says, and the same numbers on every backend."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from math import isfinite

import numpy as np

from ganforge.backend.contract import BackendEntry, Precision
from ganforge.plugins.host import default_host
from ganforge.plugins.kinds import known_kinds
from ganforge.spec.arrays import Array
from ganforge.spec.gan import Gan
from ganforge.spec.kinds import OptimizerEntry
from ganforge.spec.optimizers import Optimizer, Scale, Updated
from ganforge.testing.comparing import chosen_backends, differing, entry_findings, guarded, settings_return
from ganforge.testing.findings import ConformanceError, Finding
from ganforge.testing.ops import NUMPY_OPS
from ganforge.testing.optimizers import update
from ganforge.testing.plugin import REFERENCE
from ganforge.testing.tiny_gans import inputs
from ganforge.testing.tiny_gans.parts import SMALL, gan, players

_SHAPES = ((3,), (2, 4), (2, 3, 2, 1))
_UPDATES = 3
_CLOSE = 1e-12
_DONE = (0, 1, 2, 1000)
"""Counts of earlier updates that are tried."""


def check_optimizer(
    optimizer: str | OptimizerEntry,
    *,
    backends: Sequence[str] | None = None,
    precisions: Sequence[Precision] = ("float64", "float32"),
) -> None:
    """Check a kind of optimizer, by its name or its entry, with the settings of its entry's examples.

    By plain NumPy: that settings survive a recipe and a pickle, that scales are finite Python floats, that an update
    gives the slots that it says, of the weight's shape and precision, changes nothing in place, makes nothing infinite
    of zero gradients, and is that of its reference. Then, in a tiny GAN: that several steps are the same on each
    backend as on the reference, and that a session which takes over a state goes on to the last bit.

    Args:
        optimizer: its name, once it is installed, or its entry.
        backends: names of the backends; by default all whose framework is installed.
        precisions: in which the steps are compared.

    Raises:
        ConformanceError: what is wrong, and where.
        PluginError: no optimizer or backend of that name is installed, or autograd is not.
    """
    host = default_host()
    entry = (
        host.find("ganforge_optimizers", OptimizerEntry, optimizer, "kind of optimizer")
        if isinstance(optimizer, str)
        else optimizer
    )
    chosen = chosen_backends(backends)
    findings = list(guarded(partial(_entry, entry), "entry"))
    if not findings:
        kinds = {**known_kinds(host).optimizers, entry.name: entry.optimizer}
        for settings in _examples(entry):
            findings += guarded(partial(settings_return, settings, kinds), repr(settings))
            findings += guarded(partial(_alone, settings), repr(settings))
    # A step would only repeat in many words what is wrong with a single update.
    if not findings:
        for settings in _examples(entry):
            trained = gan(*SMALL, **players(settings, settings))
            for backend in (REFERENCE, *chosen):
                if not findings:
                    findings += _compared(trained, backend, precisions, repr(settings))
    if findings:
        raise ConformanceError(f"optimizer {entry.name!r}", findings)


def _examples(entry: OptimizerEntry) -> tuple[Optimizer, ...]:
    return entry.examples or (entry.optimizer(),)


def _entry(entry: OptimizerEntry) -> Iterator[Finding]:
    return entry_findings(entry, entry.optimizer, partial(_examples, entry))


def _alone(optimizer: Optimizer) -> Iterator[Finding]:
    where = repr(optimizer)
    wrong = [*_slots(optimizer, where), *_scales(optimizer, where)]
    yield from wrong
    if wrong:
        return
    for precision in ("float64", "float32"):
        for shape in _SHAPES:
            found = list(_updates(optimizer, shape, precision, where))
            yield from found
            if found:
                return


def _slots(optimizer: Optimizer, where: str) -> Iterator[Finding]:
    slots = optimizer.slots()
    if not isinstance(slots, tuple) or not all(isinstance(each, str) and each.isidentifier() for each in slots):
        yield Finding(what=f"slots() gives {slots!r}, not a tuple of names", where=where)
    elif len(set(slots)) != len(slots):
        yield Finding(what=f"two slots have one name: {slots}", where=where)


def _scales(optimizer: Optimizer, where: str) -> Iterator[Finding]:
    for done in _DONE:
        scale = optimizer.scale(done)
        if not isinstance(scale, Scale) or not all(type(each) is float and isfinite(each) for each in scale):
            yield Finding(what=f"scale({done}) gives {scale!r}, not a Scale of two finite Python floats", where=where)
            return
        if optimizer.scale(done) != scale:
            yield Finding(what=f"scale({done}) gives another scale when it is asked again", where=where)
    if optimizer.clip is not None and not optimizer.clip > 0:
        yield Finding(what=f"its clip is {optimizer.clip!r}, neither None nor above 0", where=where)


def _updates(optimizer: Optimizer, shape: tuple[int, ...], precision: str, where: str) -> Iterator[Finding]:
    """Several updates of one array, each held against the reference; then one by a gradient of zeros."""
    draw = np.random.default_rng(0)
    weight = draw.normal(0.0, 0.5, shape).astype(precision)
    slots = {name: np.zeros(shape, precision) for name in optimizer.slots()}
    for done in range(_UPDATES):
        gradient = draw.normal(0.0, 0.2, shape).astype(precision)
        if optimizer.clip is not None:
            gradient = np.clip(gradient, -optimizer.clip, optimizer.clip)
        scale = optimizer.scale(done)
        found = list(_one(optimizer, weight, gradient, slots, scale, f"{where}, update {done + 1} in {precision}"))
        yield from found
        if found:
            return
        updated = optimizer.update(NUMPY_OPS, weight, gradient, slots, scale)
        expected, kept = update(optimizer, weight, gradient, slots, scale)
        pairs = {"the weight": (expected, updated.weight)} | {
            name: (kept[name], updated.slots[name]) for name in optimizer.slots()
        }
        for name, (x, y) in pairs.items():
            if precision == "float64" and not np.allclose(x, y, rtol=_CLOSE, atol=_CLOSE):
                yield Finding(what=f"update {done + 1}: {name} is not what its reference makes", where=where)
                return
        weight, slots = updated.weight, dict(updated.slots)
    for start in (slots, {name: np.zeros_like(each) for name, each in slots.items()}):
        updated = optimizer.update(NUMPY_OPS, weight, np.zeros(shape, precision), start, optimizer.scale(_UPDATES))
        if not all(np.isfinite(each).all() for each in (updated.weight, *updated.slots.values())):
            yield Finding(what="of a gradient of zeros it makes numbers that are not finite", where=where)


def _one(
    optimizer: Optimizer,
    weight: Array,
    gradient: Array,
    slots: Mapping[str, Array],
    scale: Scale,
    where: str,
) -> Iterator[Finding]:
    """The form of one update."""
    given = {"the weight": weight, "the gradient": gradient, **slots}
    before = {name: each.copy() for name, each in given.items()}
    updated = optimizer.update(NUMPY_OPS, weight, gradient, slots, scale)
    for name, each in given.items():
        if not np.array_equal(each, before[name]):
            yield Finding(what=f"it changes {name} in place", where=where)
    if not isinstance(updated, Updated):
        yield Finding(what=f"update() gives a {type(updated).__name__}, not an Updated", where=where)
        return
    if set(updated.slots) != set(slots):
        yield Finding(what=f"update() gives the slots {sorted(updated.slots)}, slots() {sorted(slots)}", where=where)
        return
    for name, each in {"the weight": updated.weight, **updated.slots}.items():
        if np.shape(each) != weight.shape or each.dtype != weight.dtype:
            what = f"{name} comes out as {each.dtype} {np.shape(each)}, not {weight.dtype} {weight.shape}"
            yield Finding(what=what, where=where)


def _compared(gan: Gan, backend: BackendEntry, precisions: Sequence[Precision], where: str) -> Iterator[Finding]:
    for precision in precisions:
        if backend is not REFERENCE:
            found = list(differing(gan, backend, precision, where, steps=4))
            yield from found
            if found:
                return
    yield from guarded(partial(_resumed, gan, backend), f"backend {backend.name!r}, {where}")


def _resumed(gan: Gan, backend: BackendEntry) -> Iterator[Finding]:
    """Three steps, and two, a new session and one more, must end in the same bits."""
    straight = backend.open(gan, gan.initial_state(0), "float64", "cpu")
    for number in range(2):
        straight.step(inputs(gan, 0, number))
    resumed = backend.open(gan, straight.state(), "float64", "cpu")
    for session in (straight, resumed):
        session.step(inputs(gan, 0, 2))
    expected, found = straight.state(), resumed.state()
    for name, each in expected.items():
        if each.tobytes() != found[name].tobytes():
            what = "a resumed run differs: it keeps something beside its slots"
            yield Finding(what=what, where=f"backend {backend.name!r}, {name}")
            return
