"""What a framework provides so that the core can build and train a GAN in it: operations, arrays, compilation.

A backend writes one class that keeps `Runtime`; `ganforge.backend.GanSession` makes a session of it.
docs/write-a-backend.md goes through one.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy.typing as npt

from ganforge.spec.arrays import Array, State
from ganforge.spec.layers.contract import Layer, Node, Pass, Replicas
from ganforge.spec.ops import Number, Ops, Tensor
from ganforge.spec.optimizers import Optimizer, Scale

Tensors: TypeAlias = dict[str, Tensor]
"""By name, of one network or of a whole state."""

FastLayer: TypeAlias = Callable[[Node, Tensor, Pass], Tensor | None]
"""`(node, x, run)`: the layer's output, or None where this form does not apply."""
FastPair: TypeAlias = Callable[[Node, Node, Tensor, Pass], Tensor | None]
"""`(first, second, x, run)`: the second layer's output, or None where this form does not apply."""


class UpdatedList(NamedTuple):
    """The arrays of a network after an update."""

    weights: Tensors
    slots: Mapping[str, Tensors]
    """By slot, then by name."""


FastUpdate: TypeAlias = Callable[[Any, Tensors, Tensors, Mapping[str, Tensors], Scale], UpdatedList]
"""`(optimizer, weights, gradients, slots, scale)`: one update of all arrays; gradients are not clipped yet.

It may change weights and slots in place and hand them back.
"""
FastAverage: TypeAlias = Callable[[Tensors, Tensors, Number, Number], Tensors]
"""`(averaged, weights, kept, taken)`: kept * averaged + taken * weights; may change `averaged` in place."""


@dataclass(frozen=True, kw_only=True)
class FastForms:
    """Faster ways to the same numbers, each in place of a few of the core's operations.

    Which one is taken depends on the spec and the device alone. `GANFORGE_PLAIN=1` goes without.
    """

    layers: Mapping[type[Layer], FastLayer] = field(default_factory=dict)
    pairs: Mapping[tuple[type[Layer], type[Layer]], FastPair] = field(default_factory=dict)
    """Two layers, one right behind the other, as one."""
    optimizers: Mapping[type[Optimizer], FastUpdate] = field(default_factory=dict)
    average: FastAverage | None = None


NO_FAST_FORMS = FastForms()


def plain_asked() -> bool:
    """Whether GANFORGE_PLAIN=1 asks for the core's operations alone: no fast forms, no tuning."""
    return os.environ.get("GANFORGE_PLAIN", "") not in ("", "0")


class Collective(Replicas, Protocol):
    """The processes that train one GAN together, as a step sees them."""

    def mean(self, x: Tensor) -> Tensor:
        """The mean of the `x` of every process, differentiable."""
        ...

    def average(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """The mean of each tensor over all processes; not differentiable."""
        ...

    def heard(self) -> AbstractContextManager[None]:
        """While it is open, a framework's error that another process has ended becomes a RunError."""
        ...


@dataclass(frozen=True, kw_only=True)
class SingleProcess:
    """A process that trains alone."""

    rank: int = 0
    count: int = 1
    one_batch: bool = True

    def gather(self, x: Tensor) -> Tensor:
        """x as the only row."""
        return x[None]

    def mean(self, x: Tensor) -> Tensor:
        """x."""
        return x

    def average(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """The tensors themselves."""
        return list(tensors)

    def heard(self) -> AbstractContextManager[None]:
        """Nothing to hear of."""
        return nullcontext()


class Vjp(NamedTuple):
    """A function's value and the way back from it (vector-Jacobian product)."""

    value: Tensor
    """As a constant."""
    aux: Any
    """What the function gave beside its value."""
    pull: Callable[[], Tensors]
    """Gradients of the value, a scalar, with respect to the arrays, by name. Called once."""
    then: Callable[[Callable[[Tensor], tuple[Tensor, Any]]], "Vjp"]
    """`then(function)`: the value of `function(value) -> (value, aux)` with the way back to the same arrays."""


class Runtime(Protocol):
    """A framework on one device in one precision."""

    @property
    def ops(self) -> Ops:
        """Its operations."""
        ...

    @property
    def fast(self) -> FastForms:
        """Its fast forms."""
        ...

    @property
    def replicas(self) -> Collective:
        """The processes that train together."""
        ...

    @property
    def fixed_shapes(self) -> bool:
        """Whether a function is compiled anew for every batch size."""
        ...

    @property
    def exact_batch(self) -> int:
        """How many images are drawn at a time so that each is the same, bit for bit, in any company."""
        ...

    def arrays(self, state: State) -> Tensors:
        """The session's own arrays, in the state's precision, by their names there."""
        ...

    def load(self, arrays: Tensors, state: State) -> None:
        """Let the session's own arrays hold `state`."""
        ...

    def to_numpy(self, x: Tensor) -> Array:
        """A copy on the host."""
        ...

    def real(self, array: Array) -> Tensor:
        """In the precision of a state."""
        ...

    def reduced(self, array: Array) -> Tensor:
        """In the precision that a step's networks are given, which for bfloat16 is less than the state's."""
        ...

    def integers(self, array: npt.NDArray[Any]) -> Tensor:
        """uint8 pixels or int64 labels as they are."""
        ...

    def numbers(self, values: Sequence[float]) -> Any:
        """Numbers that change with every step, in the precision of a state, for `ops.unstack`."""
        ...

    def keys(self, values: Sequence[int]) -> Any:
        """32-bit keys, for `ops.unstack`."""
        ...

    def vjp(self, function: Callable[[Tensors], tuple[Tensor, Any]], arrays: Tensors) -> Vjp:
        """`function(arrays) -> (value, aux)` with the way back to `arrays`."""
        ...

    def compile(
        self,
        function: Callable[..., tuple[Tensors, Any]],
        arrays: Tensors,
        *,
        changing: bool = False,
        together: bool = False,
    ) -> Callable[..., Any]:
        """`function(arrays, *inputs) -> (changed arrays, result)` as `(*inputs) -> result`, which stores what changed.

        changing: whether any array changes. Where none does, calls may run side by side in several threads.
        together: whether all workers call it at once, so that it may hold what joins them (`replicas`).
        `function` is pure but for fast forms; a framework that traces calls it once for every shape of its inputs.
        """
        ...

    def context(self) -> AbstractContextManager[object]:
        """While it is open, operations run on the session's device, repeatably, and record no derivatives."""
        ...
