"""Check a kind of layer, ours or anybody's: what its class says, and the same numbers on every backend."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy

from ganforge.backend.contract import BackendEntry, Precision
from ganforge.plugins.host import default_host
from ganforge.plugins.kinds import known_kinds
from ganforge.spec.gan import Gan
from ganforge.spec.kinds import LayerEntry
from ganforge.spec.layers import Dense, Flatten, Reshape, Tanh
from ganforge.spec.layers.contract import Layer, Node, Shape
from ganforge.spec.layers.initializers import Normal
from ganforge.testing.comparing import chosen_backends, differing, entry_findings, guarded, settings_return
from ganforge.testing.findings import ConformanceError, Finding
from ganforge.testing.layer_alone import LayerCase, findings_alone, placed
from ganforge.testing.session_contract import contract_breaches
from ganforge.testing.tiny_gans.parts import gan

INPUTS: tuple[Shape, ...] = ((12,), (4, 4, 6), (5, 3, 4))
"""Shapes that are tried: a vector, and images of even and of odd sides."""


def check_layer(
    layer: str | LayerEntry,
    *,
    inputs: Sequence[Shape] = INPUTS,
    backends: Sequence[str] | None = None,
    precisions: Sequence[Precision] = ("float64", "float32"),
) -> None:
    """Check a kind of layer, by its name or its entry, with the settings of its entry's examples.

    By plain NumPy: that settings survive a recipe and a pickle, that shapes and arrays are those that it says, that
    it changes nothing in place, moves its state in passes that move it and in no other, reads the key and the labels
    exactly if it says so, does in two workers what it does in one, and has the slopes that finite differences have.
    Then, in tiny GANs with the layer in both networks, one of them with a gradient penalty: that a step is the same on
    each backend as on the reference.

    Args:
        layer: its name, once it is installed, or its entry.
        inputs: shapes of one example; those that the layer refuses with a SpecError are left out.
        backends: names of the backends; by default all whose framework is installed.
        precisions: in which the steps are compared.

    Raises:
        ConformanceError: what is wrong, and where.
        PluginError: no layer or backend of that name is installed, or autograd is not.
    """
    host = default_host()
    entry = host.find("ganforge_layers", LayerEntry, layer, "kind of layer") if isinstance(layer, str) else layer
    chosen = chosen_backends(backends)
    findings = list(guarded(partial(_entry, entry), "entry"))
    cases: list[LayerCase] = []
    if not findings:
        kinds = {**known_kinds(host).layers, entry.name: entry.layer}
        for settings in _examples(entry):
            findings += guarded(partial(settings_return, settings, kinds), repr(settings))
            findings += guarded(partial(placed, settings, inputs, cases), repr(settings))
    for case in cases:
        findings += guarded(partial(findings_alone, case), case.where)
    # A step would only repeat in many words what is wrong with a single call.
    if not findings:
        for backend in chosen:
            findings += _compared(cases, backend, precisions)
    if findings:
        raise ConformanceError(f"layer {entry.name!r}", findings)


def _examples(entry: LayerEntry) -> tuple[Layer, ...]:
    return entry.examples or (entry.layer(),)


def _entry(entry: LayerEntry) -> Iterator[Finding]:
    return entry_findings(entry, entry.layer, partial(_examples, entry))


# In GANs -------------------------------------------------------------------------------------------------------------


def _compared(cases: Sequence[LayerCase], backend: BackendEntry, precisions: Sequence[Precision]) -> Iterator[Finding]:
    for number, case in enumerate(cases):
        penalised = _gan(case.node, loss="wasserstein", penalty="gradient")
        for precision in precisions:
            found = list(differing(penalised, backend, precision, case.where))
            yield from found
            if found:
                return
        if number == 0:
            joint = _gan(case.node, batches="joint", latents="shared")
            found = [
                *differing(joint, backend, "float64", case.where),
                *guarded(partial(_promises, penalised, backend), f"backend {backend.name!r}, {case.where}"),
            ]
            yield from found
            if found:
                return


def _promises(gan: Gan, backend: BackendEntry) -> Iterator[Finding]:
    session = backend.open(gan, gan.initial_state(0), "float64", "cpu")
    for each in contract_breaches(session, gan, "float64"):
        yield Finding(what=each.what, where=f"backend {backend.name!r}, {each.where}")


def _gan(node: Node, **protocol: Any) -> Gan:
    """The layer in both networks, between dense ones that make its input and read its output.

    The critic bends what the layer makes: a sum over a batch that has been normalised is constant, so a linear critic
    after a batch norm would have a slope of rounding alone, and the penalty of its length no derivative.
    """
    wide = Normal(std=0.4)
    before: list[Layer] = [Dense(units=int(numpy.prod(node.input)), bias_init=wide)]
    before += [Reshape(shape=node.input)] if len(node.input) == 3 else []
    after: list[Layer] = [Flatten()] if len(node.output) == 3 else []
    middle = (*before, node.layer, *after)
    return gan(
        (*middle, Dense(units=9, bias_init=wide), Reshape(shape=(3, 3, 1)), Tanh()),
        (Flatten(), *middle, Tanh(), Dense(units=1)),
        (3, 3, 1),
        classes=node.classes,
        **protocol,
    )
