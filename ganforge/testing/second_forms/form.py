"""What a second form of a kind is."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from ganforge.spec.layers.contract import Layer, Node, Pass
from ganforge.testing.differentiable import Tensor

Form: TypeAlias = Callable[[Node, Tensor, Pass], Tensor]
Forms: TypeAlias = Mapping[type[Layer], Form]
"""By kind."""
