"""What a kind of layer does on its own, over plain NumPy, against what its class says."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy

from ganforge.errors import SpecError
from ganforge.spec.arrays import Array
from ganforge.spec.layers.chain import resolve_node, walk
from ganforge.spec.layers.contract import Layer, Node, Parameter, Place, Replicas, Shape, kind_of
from ganforge.spec.layers.initializers import Init
from ganforge.spec.parameters import initial
from ganforge.testing.alone import ALONE, all_parameters, layer_pass
from ganforge.testing.differentiable import Tensor, getval, grad
from ganforge.testing.findings import Finding
from ganforge.testing.ops import NUMPY_OPS, NumpyOps
from ganforge.testing.two_workers import Halves

_BATCH, _CLASSES, _KEY, _OTHER_KEY = 6, 3, 1234, 4321
_CLOSE = 1e-10
_STEP, _SLOPES = 1e-5, 1e-6
"""Of finite differences: how far apart, and how far off the slopes may be."""


# In its place --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class LayerCase:
    """A layer in a place, and numbers to call it with."""

    node: Node
    arrays: dict[str, Array]
    x: Array
    labels: Array | None

    @property
    def where(self) -> str:
        """The layer and its input, for findings."""
        return f"{self.node.layer!r} on {self.node.input}"

    @property
    def declared(self) -> list[Parameter]:
        """Its arrays, those of inner layers included."""
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
        replicas: Replicas = ALONE,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The output and what has moved, where nothing else is said of the case's own numbers."""
        run = layer_pass(
            self.arrays if arrays is None else arrays,
            labels=self.labels if labels is None else labels,
            key=key,
            moving=moving,
            ops=ops,
            replicas=replicas,
        )
        return self.node.layer.forward(self.node, self.x if x is None else x, run), run.moved


def placed(settings: Layer, shapes: Sequence[Shape], cases: list[LayerCase]) -> Iterator[Finding]:
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


def _case(node: Node) -> LayerCase:
    draw = numpy.random.default_rng(0)
    declared = all_parameters(node)
    arrays = {name.removeprefix("x/"): each for name, each in initial(tuple(declared), seed=0, network="x").items()}
    for each in declared:
        if each.trained:  # away from what it starts with, which may hide it
            arrays[each.name] = arrays[each.name] + draw.normal(0.0, 0.3, each.shape)
    labels = numpy.eye(node.classes)[draw.integers(0, node.classes, _BATCH)] if node.classes else None
    return LayerCase(node=node, arrays=arrays, x=draw.normal(0.0, 1.0, (_BATCH, *node.input)), labels=labels)


# On its own ----------------------------------------------------------------------------------------------------------


def findings_alone(case: LayerCase) -> Iterator[Finding]:
    """What is wrong with the layer in one place."""
    wrong = [*_output(case), *_in_place(case)]
    yield from wrong
    if not wrong:
        yield from _moved(case)
        yield from _what_it_reads(case)
        yield from _last_bias(case)
        yield from _two_workers(case)
        yield from _slopes(case)


def _output(case: LayerCase) -> Iterator[Finding]:
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


def _in_place(case: LayerCase) -> Iterator[Finding]:
    before = {"its input": case.x.copy()} | {name: each.copy() for name, each in case.arrays.items()}
    case.run(key=_KEY, moving=True)
    after = {"its input": case.x} | case.arrays
    yield from (
        Finding(what=f"it changes {name} in place", where=case.where)
        for name, each in before.items()
        if not numpy.array_equal(each, after[name])
    )


def _moved(case: LayerCase) -> Iterator[Finding]:
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


def _what_it_reads(case: LayerCase) -> Iterator[Finding]:
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


def _last_bias(case: LayerCase) -> Iterator[Finding]:
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


def _two_workers(case: LayerCase) -> Iterator[Finding]:
    """Two that share a batch make of it what one makes, and end with the same state."""
    whole, kept = case.run(key=_KEY, moving=True)

    def half(rows: slice, replicas: Replicas) -> tuple[Tensor, dict[str, Tensor]]:
        labels = None if case.labels is None else case.labels[rows]
        return case.run(x=case.x[rows], labels=labels, key=_KEY, moving=True, replicas=replicas)

    (first, one), (second, other) = Halves(rows=_BATCH).run(half)
    advice = "take statistics of the batch by run.moments, masks with run.starts(x)"
    if not _same(whole, numpy.concatenate([first, second])):
        yield Finding(what="two workers do not make of a batch what one makes", where=case.where, trap=advice)
    yield from (
        Finding(what=f"two workers move {name} otherwise than one does", where=case.where, trap=advice)
        for name, value in kept.items()
        if not (_same(value, one[name]) and _same(value, other[name]))
    )


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


def _slopes(case: LayerCase) -> Iterator[Finding]:
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
