"""What a kind of layer is: settings as fields, a shape rule, its arrays, and the forward pass written over `Ops`.

Each kind is one class that a recipe names by its tag. Third parties add kinds with the hook `ganforge_layers()`;
docs/write-a-layer.md shows one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Annotated, Any, ClassVar, NamedTuple, Protocol, TypeAlias, runtime_checkable

import msgspec
from msgspec import Meta

from ganforge.errors import SpecError
from ganforge.spec.layers.initializers import Init
from ganforge.spec.layers.spectral import divided
from ganforge.spec.ops import Number, Ops, Sides, Tensor

Shape: TypeAlias = tuple[int, ...]
"""Without the batch axis: (units,) or (height, width, channels)."""
Count: TypeAlias = Annotated[int, Meta(ge=1)]
Arrays: TypeAlias = Mapping[str, Tensor]
"""The arrays of one network by their names in it: `03_conv/kernel`."""
UNPADDED: Sides = ((0, 0), (0, 0))


class LayerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """The base class of every layer: settings are read strictly, with the kind as the tag.

    It holds what most kinds need not say; `Layer` says what a kind has to.
    """

    uses_key: ClassVar[bool] = False
    """Whether a pass in training depends on `run.key`, as one with dropout masks does."""
    reads_labels: ClassVar[bool] = False
    """Whether its output depends on the labels, where the network has classes."""

    kernel_axis: ClassVar[int] = -1
    """The axis of its kernel's outputs, for spectral norm."""

    def reference(self: "Layer", node: "Node", x: Tensor, run: "Pass") -> Tensor:
        """What the backends are compared with: `forward`, unless a kind writes it a second time in plain NumPy.

        `x` and `run.arrays` are NumPy arrays or autograd's boxes of them, so it imports `autograd.numpy`.
        """
        return self.forward(node, x, run)

    def last_bias(self, node: "Node") -> str | None:
        """Name of the array (channels,) that is added to the output last. A batch norm behind the layer cancels it."""
        return None

    def products(self, node: "Node") -> int:
        """Multiplications of products and convolutions for one example, for estimates of costs."""
        return 0

    def corners(self) -> tuple[float, ...]:
        """Values of an element of the input at which a derivative jumps, as a ReLU's does at 0.

        Near them rounding decides on gradients, which `ganforge parity` takes into account.
        """
        return ()


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One array of a network."""

    name: str
    """The name of the node and of the array: `03_conv/kernel`."""
    shape: Shape
    init: Init
    fan_in: int = 1
    fan_out: int = 1
    trained: bool = True
    """False for state that a forward pass moves, such as running statistics; no optimizer touches it."""
    zero_gradient: bool = False
    """A bias that the next batch norm cancels: its gradient is rounding noise and is *defined* as zero.

    Adam would otherwise turn that noise into steps of full size, different in every framework.
    """


class Place(NamedTuple):
    """Where a layer stands in its network."""

    name: str
    number: int
    input: Shape
    classes: int


class Resolved(NamedTuple):
    """What a layer becomes in its place."""

    output: Shape
    padding: Sides = UNPADDED
    """Of a convolution, what is added; of a transposed one, what is cropped from the full result."""
    body: tuple["Node", ...] = ()
    """The inner nodes of a block."""


class Moments(NamedTuple):
    """Statistics of a batch, each (channels,)."""

    mean: Tensor
    variance: Tensor
    """Biased: the mean squared distance from the mean."""
    values: int
    """How many elements each is of."""


class Replicas(Protocol):
    """The processes that share a batch, as one of them sees them in a forward pass."""

    @property
    def rank(self) -> int:
        """Which of them this is, from 0."""
        ...

    @property
    def count(self) -> int:
        """How many there are; each has as many rows of the batch."""
        ...

    @property
    def one_batch(self) -> bool:
        """Whether batch statistics are those of the whole batch, not of this process's rows."""
        ...

    def gather(self, x: Tensor) -> Tensor:
        """(count, *x.shape): the `x` of every process, differentiable."""
        ...


@dataclass(frozen=True, kw_only=True)
class Pass:
    """One forward pass: what a layer reads beside its input, and what it leaves behind."""

    ops: Ops
    arrays: Arrays
    labels: Tensor | None
    """(B, classes), one-hot; None: unconditional."""
    key: Number | None
    """Key of the pass's dropout masks: the pass is one in training. None: by running statistics."""
    moving: bool
    """Whether a pass in training leaves new running values in `moved`."""
    replicas: Replicas
    chain: Callable[[tuple["Node", ...], Tensor, "Pass"], Tensor]
    """Passes a tensor through nodes: for blocks."""
    parts: int = 1
    """How many batches of as many rows each the input holds, one after another."""
    share: tuple[int, int] = (0, 1)
    """Which of how many equal shares of this process's rows the pass is given: several, where gradients accumulate."""
    second_order: bool = False
    """Whether the gradient of this pass is differentiated in its turn, as a penalty's is."""
    moved: dict[str, Tensor] = field(default_factory=dict)
    """New values of arrays that are not trained, by name; layers fill it in training."""
    outputs: dict[str, Tensor] | None = None
    """Every node's output, where they are asked for; a block's after those of its inner nodes."""

    @property
    def training(self) -> bool:
        """Whether batch statistics are used and elements dropped."""
        return self.key is not None

    def array(self, node: "Node", name: str) -> Tensor | None:
        """The node's array of that name; None where it has none."""
        return self.arrays.get(f"{node.name}/{name}")

    def weights(self, node: "Node", x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Kernel and bias in the precision of what they are applied to; with spectral norm the kernel over sigma."""
        kernel, bias, u = self.arrays[f"{node.name}/kernel"], self.array(node, "bias"), self.array(node, "u")
        if u is not None:
            kernel, u, sigma = divided(self.ops, kernel, u, node.layer.kernel_axis)
            if self.training and self.moving:
                self.moved.update({f"{node.name}/u": u, f"{node.name}/sigma": sigma})
        return self.ops.like(kernel, x), None if bias is None else self.ops.like(bias, x)

    def starts(self, x: Tensor) -> tuple[int, ...]:
        """Where in the whole batch the elements of `x` begin: one run of elements for each of its parts."""
        number, shares = self.share
        count, rank = shares * self.replicas.count, shares * self.replicas.rank + number
        if count == 1:
            return (0,)
        rows = x.shape[0] // self.parts
        return tuple(rows * (part * count + rank) * prod(x.shape[1:]) for part in range(self.parts))

    def moments(self, x: Tensor) -> Moments:
        """Mean and variance of every channel over the batch, (..., channels) -> (channels,)."""
        ops, axes, count = self.ops, tuple(range(len(x.shape) - 1)), prod(x.shape[:-1])
        mean = ops.mean_over(x, axes)
        variance = ops.mean_over(ops.square(x - mean), axes)
        if self.replicas.count == 1 or not self.replicas.one_batch:
            return Moments(mean, variance, count)
        # From every process its mean and variance, and how far the means lie apart.
        everyone = self.replicas.gather(ops.stack([mean, variance]))
        means, variances = everyone[:, 0], everyone[:, 1]
        mean = ops.mean_over(means, (0,))
        variance = ops.mean_over(variances, (0,)) + ops.mean_over(ops.square(means - mean), (0,))
        return Moments(mean, variance, self.replicas.count * count)


@runtime_checkable
class Layer(Protocol):
    """A kind of layer: a `LayerSettings` with these three methods.

    `ganforge.testing.check_layer` tells whether one keeps this contract.
    """

    __struct_config__: ClassVar[Any]
    __struct_fields__: ClassVar[tuple[str, ...]]
    uses_key: ClassVar[bool]
    reads_labels: ClassVar[bool]
    kernel_axis: ClassVar[int]

    def resolve(self, place: Place) -> Resolved:
        """Its output shape and paddings.

        Raises:
            SpecError: it cannot stand there; the message names the layer and the shapes.
        """
        ...

    def parameters(self, node: "Node") -> tuple[Parameter, ...]:
        """Its arrays, in order."""
        ...

    def forward(self, node: "Node", x: Tensor, run: Pass) -> Tensor:
        """Its output, (B, *node.output). State that moves goes to `run.moved`."""
        ...

    def reference(self, node: "Node", x: Tensor, run: Pass) -> Tensor:
        """See `LayerSettings`."""
        ...

    def last_bias(self, node: "Node") -> str | None:
        """See `LayerSettings`."""
        ...

    def products(self, node: "Node") -> int:
        """See `LayerSettings`."""
        ...

    def corners(self) -> tuple[float, ...]:
        """See `LayerSettings`."""
        ...


@dataclass(frozen=True, kw_only=True)
class Node:
    """A layer in its place, with every shape and padding a plain integer."""

    name: str
    """Position and kind, such as `03_conv`; inside a block `02_residual/00_conv`. The prefix of its arrays' names."""
    number: int
    """Counts all nodes of the network, inner ones too: part of the key of a dropout mask."""
    layer: Layer
    input: Shape
    output: Shape
    padding: Sides = UNPADDED
    """See `Resolved`."""
    classes: int = 0
    body: tuple["Node", ...] = ()


def keeps_shape(layer: object, place: Place) -> Resolved:
    """The shape rule of a layer whose output is shaped as its input."""
    return Resolved(place.input)


def no_parameters(layer: object, node: Node) -> tuple[Parameter, ...]:
    """The arrays of a layer that has none."""
    return ()


def kind_of(layer: Layer) -> str:
    """The name of a layer's kind, as recipes write it."""
    return str(layer.__struct_config__.tag)


def need_rank(place: Place, rank: int, remedy: str) -> None:
    """Check that a layer is given a vector (rank 1) or an image (rank 3).

    Raises:
        SpecError: it is not.
    """
    if len(place.input) != rank:
        wanted = "a vector (units,)" if rank == 1 else "an image (height, width, channels)"
        raise SpecError(f"layer {place.name} needs {wanted}, but gets {place.input}; {remedy}")
