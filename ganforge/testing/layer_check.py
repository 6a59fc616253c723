"""Check a kind of layer, ours or anybody's: what its class says, and the same numbers on every backend."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy

from ganforge.backend.contract import BackendEntry, Precision
from ganforge.errors import SpecError
from ganforge.plugins.host import default_host
from ganforge.plugins.kinds import known_kinds
from ganforge.spec.arrays import Array
from ganforge.spec.gan import Gan
from ganforge.spec.kinds import LayerEntry
from ganforge.spec.layers import Dense, Flatten, Reshape, Tanh
from ganforge.spec.layers.chain import resolve_node, walk
from ganforge.spec.layers.contract import Layer, Node, Parameter, Place, Shape, kind_of
from ganforge.spec.layers.initializers import Init, Normal
from ganforge.spec.parameters import initial
from ganforge.testing.alone import all_parameters, layer_pass
from ganforge.testing.comparing import chosen_backends, differing, guarded, settings_return
from ganforge.testing.differentiable import Tensor, getval, grad
from ganforge.testing.findings import ConformanceError, Finding
from ganforge.testing.ops import NUMPY_OPS, NumpyOps
from ganforge.testing.session_contract import contract_breaches
from ganforge.testing.tiny.parts import gan

INPUTS: tuple[Shape, ...] = ((12,), (4, 4, 6), (5, 3, 4))
"""Shapes that are tried: a vector, and images of even and of odd sides."""
_BATCH, _CLASSES, _KEY, _OTHER_KEY = 6, 3, 1234, 4321
_CLOSE = 1e-10
_STEP, _SLOPES = 1e-5, 1e-6
"""Of finite differences: how far apart, and how far off the slopes may be."""


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
    exactly if it says so, and has the slopes that finite differences have. Then, in tiny GANs with the layer in both
    networks, one of them with a gradient penalty: that a step is the same on each backend as on the reference.

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
    cases: list[_Case] = []
    if not findings:
        kinds = {**known_kinds(host).layers, entry.name: entry.layer}
        for settings in _examples(entry):
            findings += guarded(partial(settings_return, settings, kinds), repr(settings))
            findings += guarded(partial(_placed, settings, inputs, cases), repr(settings))
    for case in cases:
        findings += guarded(partial(_alone, case), case.where)
    # A step would only repeat in many words what is wrong with a single call.
    if not findings:
        for backend in chosen:
            findings += _compared(cases, backend, precisions)
    if findings:
        raise ConformanceError(f"layer {entry.name!r}", findings)


def _examples(entry: LayerEntry) -> tuple[Layer, ...]:
    return entry.examples or (entry.layer(),)


def _entry(entry: LayerEntry) -> Iterator[Finding]:
    try:
        entry.check_class()
    except TypeError as error:
        yield Finding(what=str(error))
        return
    if not entry.summary.strip() or "\n" in entry.summary:
        yield Finding(what="its summary is not one line", where=repr(entry.summary))
    try:
        examples = _examples(entry)
    except TypeError:
        yield Finding(what="its settings have no defaults, and the entry has no examples to check")
        return
    yield from (
        Finding(what=f"an example is a {type(each).__name__}, not a {entry.layer.__name__}", where=repr(each))
        for each in examples
        if type(each) is not entry.layer
    )


# In its place --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Case:
    """A layer in a place, and numbers to call it with."""

    node: Node
    arrays: dict[str, Array]
    x: Array
    labels: Array | None

    @property
    def where(self) -> str:
        return f"{self.node.layer!r} on {self.node.input}"

    @property
    def declared(self) -> list[Parameter]:
        return all_parameters(self.node)

    def run(
        self,
        *,
        x: Tensor = None,
        arrays: dict[str, Tensor] | None = None,
        labels: Tensor = None,
        key: int | None = None,
        moving: bool = False,
        ops: NumpyOps = NUMPY_OPS,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The output and what has moved, where nothing else is said of the case's own numbers."""
        run = layer_pass(
            self.arrays if arrays is None else arrays,
            labels=self.labels if labels is None else labels,
            key=key,
            moving=moving,
            ops=ops,
        )
        return self.node.layer.forward(self.node, self.x if x is None else x, run), run.moved


def _placed(settings: Layer, shapes: Sequence[Shape], cases: list[_Case]) -> Iterator[Finding]:
    """Add a case for each shape that the layer takes."""
    refused = []
    classes = _CLASSES if settings.reads_labels else 0
    for shape in shapes:
        try:
            node = resolve_node(settings, Place(f"03_{kind_of(settings)}", 3, shape, classes))
        except SpecError as error:
            refused.append(str(error))
            continue
        wrong = list(_declared(node))
        yield from wrong
        if not wrong:
            cases.append(_case(node))
    if len(refused) == len(shapes):
        yield Finding(what="it can stand nowhere; give check_layer inputs", where=refused[0] if refused else "")


def _declared(node: Node) -> Iterator[Finding]:
    where = f"{node.layer!r} on {node.input}"
    if not isinstance(node.output, tuple) or not all(type(each) is int for each in node.output):
        yield Finding(what=f"its output shape is {node.output!r}, not a tuple of integers", where=where)
    elif len(node.output) not in (1, 3):
        yield Finding(what=f"its output shape {node.output} is neither a vector nor an image", where=where)
    seen = set()
    for each in node.layer.parameters(node):
        if not isinstance(each, Parameter) or not isinstance(each.init, Init):
            yield Finding(what=f"parameters() gives {each!r:.60}, which is no Parameter with an Init", where=where)
            return
        prefix, _, name = each.name.rpartition("/")
        if prefix != node.name or not name.isidentifier():
            yield Finding(what=f"an array is called {each.name!r}, not {node.name}/ and a name", where=where)
        if each.name in seen:
            yield Finding(what=f"two arrays are called {each.name!r}", where=where)
        if not isinstance(each.shape, tuple) or not all(type(size) is int and size > 0 for size in each.shape):
            yield Finding(what=f"the shape of {each.name} is {each.shape!r}, not of positive integers", where=where)
        seen.add(each.name)


def _case(node: Node) -> _Case:
    draw = numpy.random.default_rng(0)
    declared = all_parameters(node)
    arrays = {name.removeprefix("x/"): each for name, each in initial(tuple(declared), seed=0, network="x").items()}
    for each in declared:
        if each.trained:  # away from what it starts with, which may hide it
            arrays[each.name] = arrays[each.name] + draw.normal(0.0, 0.3, each.shape)
    labels = numpy.eye(node.classes)[draw.integers(0, node.classes, _BATCH)] if node.classes else None
    return _Case(node=node, arrays=arrays, x=draw.normal(0.0, 1.0, (_BATCH, *node.input)), labels=labels)


# On its own ----------------------------------------------------------------------------------------------------------


def _alone(case: _Case) -> Iterator[Finding]:
    wrong = [*_output(case), *_in_place(case)]
    yield from wrong
    if not wrong:
        yield from _moved(case)
        yield from _what_it_reads(case)
        yield from _last_bias(case)
        yield from _slopes(case)


def _output(case: _Case) -> Iterator[Finding]:
    narrow = {name: each.astype("float32") for name, each in case.arrays.items()}
    labels = None if case.labels is None else case.labels.astype("float32")
    for key in (None, _KEY):
        word = "in training" if key else "by running values"
        made, _ = case.run(key=key)
        expected = (_BATCH, *case.node.output)
        if numpy.shape(made) != expected:
            yield Finding(
                what=f"{word} it makes {numpy.shape(made)}, where resolve() says {expected}", where=case.where
            )
            return
        if not numpy.isfinite(made).all():
            yield Finding(what=f"{word} it makes numbers that are not finite", where=case.where)
        made, _ = case.run(x=case.x.astype("float32"), arrays=narrow, labels=labels, key=key)
        if made.dtype != numpy.float32:
            yield Finding(what=f"of float32 it makes {made.dtype}; see ops.like and ops.ones", where=case.where)


def _in_place(case: _Case) -> Iterator[Finding]:
    before = {"its input": case.x.copy()} | {name: each.copy() for name, each in case.arrays.items()}
    case.run(key=_KEY, moving=True)
    after = {"its input": case.x} | case.arrays
    yield from (
        Finding(what=f"it changes {name} in place", where=case.where)
        for name, each in before.items()
        if not numpy.array_equal(each, after[name])
    )


def _moved(case: _Case) -> Iterator[Finding]:
    """State moves in a pass in training that moves it, all of it, and in no other."""
    kept = {each.name: each for each in case.declared if not each.trained}
    _, moved = case.run(key=_KEY, moving=True)
    for name, value in moved.items():
        if name not in kept:
            yield Finding(what=f"it moves {name}, which is no array with trained=False", where=case.where)
        elif numpy.shape(value) != kept[name].shape:
            yield Finding(what=f"it moves {name} to the shape {numpy.shape(value)}", where=case.where)
    if missing := sorted(set(kept) - set(moved)):
        yield Finding(what=f"a pass in training does not move {missing[0]}; see run.moved", where=case.where)
    for word, key, moving in (
        ("a pass in training that moves nothing (run.moving is False)", _KEY, False),
        ("a pass by running values", None, True),
    ):
        if case.run(key=key, moving=moving)[1]:
            yield Finding(what=f"{word} fills run.moved", where=case.where)


def _what_it_reads(case: _Case) -> Iterator[Finding]:
    layer = case.node.layer
    trained, still = case.run(key=_KEY)[0], case.run()[0]
    depends = not _same(trained, case.run(key=_OTHER_KEY)[0])
    if depends != _anywhere(case.node, lambda each: each.uses_key):
        word = "depends" if depends else "does not depend"
        yield Finding(what=f"a pass in training {word} on run.key; say uses_key = {depends}", where=case.where)
    if case.labels is not None:
        turned = numpy.roll(case.labels, 1, axis=1)
        if _same(still, case.run(labels=turned)[0]) and _same(trained, case.run(labels=turned, key=_KEY)[0]):
            yield Finding(what="it does not depend on the labels; say reads_labels = False", where=case.where)
    elif not layer.reads_labels:
        conditional = replace(case.node, classes=_CLASSES)
        made = [replace(case, node=conditional, labels=numpy.eye(_CLASSES)[[at] * _BATCH]).run()[0] for at in (0, 1)]
        if not _same(*made):
            yield Finding(what="it depends on the labels; say reads_labels = True", where=case.where)
    rows = None if case.labels is None else case.labels[:1]
    if not _same(still[:1], case.run(x=case.x[:1], labels=rows)[0]):
        yield Finding(what="by running values an example depends on the others in its batch", where=case.where)


def _anywhere(node: Node, says: Callable[[Layer], bool]) -> bool:
    return any(says(each.layer) for each in walk((node,)))


def _last_bias(case: _Case) -> Iterator[Finding]:
    """Whether the array that it names as its last bias is one, and whether it keeps one to itself."""
    node, shift = case.node, 0.75
    named = node.layer.last_bias(node)
    before = case.run(key=_KEY)[0]
    for each in node.layer.parameters(node):
        if not each.trained or each.shape != node.output[-1:]:
            continue
        made = case.run(arrays={**case.arrays, each.name: case.arrays[each.name] + shift}, key=_KEY)[0]
        is_bias = _same(made, before + shift)
        if is_bias != (each.name == named):
            word = "is" if is_bias else "is not"
            what = f"{each.name} {word} a bias that is added last, but last_bias() gives {named!r}"
            yield Finding(what=what, where=case.where)


@dataclass(kw_only=True)
class _Constants:
    """What `stop_gradient` was given, to be given again: finite differences must not see it change."""

    seen: list[Tensor] = field(default_factory=list)
    next: int = 0

    def again(self) -> "_Constants":
        return _Constants(seen=self.seen)

    def remember(self, x: Tensor) -> Tensor:
        self.seen.append(getval(x))
        return self.seen[-1]

    def repeat(self, x: Tensor) -> Tensor:
        self.next += 1
        return self.seen[self.next - 1]


def _slopes(case: _Case) -> Iterator[Finding]:
    """Derivatives along a few directions, by autograd and by finite differences."""
    draw = numpy.random.default_rng(1)
    trained = [each.name for each in case.declared if each.trained]
    for key in (None, _KEY):
        weights = draw.normal(0.0, 1.0, (_BATCH, *case.node.output))
        constants = _Constants()

        def value(given: dict[str, Tensor], constant: Any, key: int | None = key, weights: Array = weights) -> Tensor:
            ops = replace(NUMPY_OPS, constant_of=constant)
            arrays = {**case.arrays, **{name: each for name, each in given.items() if name != "its input"}}
            return (case.run(x=given["its input"], arrays=arrays, key=key, ops=ops)[0] * weights).sum()

        at = {"its input": case.x} | {name: case.arrays[name] for name in trained}
        found = grad(lambda given, kept=constants: value(given, kept.remember))(at)

        def again(given: dict[str, Tensor], kept: _Constants = constants, value: Any = value) -> float:
            return float(value(given, kept.again().repeat))

        for name, slope in found.items():
            off = min(_off(again, at, name, slope, draw) for _ in range(3))  # one may cross a corner
            if not off < _SLOPES:
                word = "in training" if key else "by running values"
                what = f"{word} its slope by {name} is off by {off:.2g} from finite differences"
                yield Finding(what=what, where=case.where, trap="is its derivative stopped without ops.stop_gradient?")


def _off(
    value: Callable[[dict[str, Tensor]], float],
    at: dict[str, Array],
    name: str,
    slope: Array,
    draw: numpy.random.Generator,
) -> float:
    direction = draw.normal(0.0, 1.0, at[name].shape)
    low, high = (value({**at, name: at[name] + sign * _STEP * direction}) for sign in (-1.0, 1.0))
    expected, found = (high - low) / (2.0 * _STEP), float((slope * direction).sum())
    return abs(found - expected) / max(abs(expected), abs(found), 1.0)


def _same(x: Tensor, y: Tensor) -> bool:
    return bool(numpy.allclose(x, y, rtol=_CLOSE, atol=_CLOSE))


# In GANs -------------------------------------------------------------------------------------------------------------


def _compared(cases: Sequence[_Case], backend: BackendEntry, precisions: Sequence[Precision]) -> Iterator[Finding]:
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
    """The layer in both networks, between dense ones that make its input and read its output."""
    wide = Normal(std=0.4)
    before: list[Layer] = [Dense(units=int(numpy.prod(node.input)), bias_init=wide)]
    before += [Reshape(shape=node.input)] if len(node.input) == 3 else []
    after: list[Layer] = [Flatten()] if len(node.output) == 3 else []
    middle = (*before, node.layer, *after)
    return gan(
        (*middle, Dense(units=9, bias_init=wide), Reshape(shape=(3, 3, 1)), Tanh()),
        (Flatten(), *middle, Dense(units=1)),
        (3, 3, 1),
        classes=node.classes,
        **protocol,
    )
