"""Other shapes for the same elements."""

from math import prod

from ganforge.errors import SpecError
from ganforge.spec.layers.contract import Count, LayerSettings, Node, Pass, Place, Resolved, no_parameters
from ganforge.spec.ops import Tensor


class Reshape(LayerSettings, frozen=True, kw_only=True, tag="reshape"):
    """Another shape for the same elements, in row-major (height, width, channels) order."""

    shape: tuple[Count, ...]

    parameters = no_parameters

    def resolve(self, place: Place) -> Resolved:
        """`shape`, which must hold as many elements."""
        wanted, given = prod(self.shape), prod(place.input)
        if wanted != given:
            raise SpecError(
                f"layer {place.name}: {given} elements of {place.input} cannot become {self.shape}, which has {wanted}"
            )
        if len(self.shape) not in (1, 3):
            raise SpecError(f"layer {place.name}: shape {self.shape} is neither (units,) nor (height, width, channels)")
        return Resolved(self.shape)

    def forward(self, node: Node, x: Tensor, run: Pass) -> Tensor:
        """The elements in their new shape."""
        return run.ops.reshape(x, (x.shape[0], *node.output))


class Flatten(LayerSettings, frozen=True, kw_only=True, tag="flatten"):
    """(h, w, c) -> (h * w * c,), in height, width, channels order."""

    parameters = no_parameters

    def resolve(self, place: Place) -> Resolved:
        """(h * w * c,)."""
        return Resolved((prod(place.input),))

    def forward(self, node: Node, x: Tensor, run: Pass) -> Tensor:
        """The elements in a row."""
        return run.ops.reshape(x, (x.shape[0], *node.output))
