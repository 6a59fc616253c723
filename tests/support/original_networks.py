"""The published systems as plain programs of their frameworks, written from their texts: first updates to compare with.

Each holds arrays in the order in which its layers are made, is fed what a step of ganforge is fed, and has nothing of
ganforge but the masks of dropout, which are inputs. Faults that a recipe does not repeat are not repeated here either;
nor do biases move that a batch norm cancels, whose gradient is rounding noise: how much of it there is is remembered.
Widths are parameters; all is float64.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ganforge.spec import random_streams

Arrays = dict[str, Any]


@dataclass
class Network:
    """The arrays of one network, taken one after another by the layers of a pass."""

    arrays: Arrays
    """By name, in the order of the layers."""
    cancelled: frozenset[str] = frozenset()
    """Biases that a batch norm cancels."""
    moves: bool = False
    """Whether the pass moves running values."""
    names: Iterator[str] = field(default_factory=lambda: iter(()))
    noise: float = 0.0
    """The largest gradient of a cancelled bias so far, as a fraction of all arrays' largest."""

    def begin(self, moves: bool) -> None:
        """A pass begins."""
        self.names, self.moves = iter(self.arrays), moves

    def take(self) -> Any:
        """The next array."""
        return self.arrays[next(self.names)]

    def moving(self, gradients: Mapping[str, Any]) -> dict[str, Any]:
        """The gradients but for those of cancelled biases."""
        largest = {name: float(np.abs(np.asarray(each)).max()) for name, each in gradients.items()}
        for name in self.cancelled:
            self.noise = max(self.noise, largest[name] / max(largest.values()))
        return {name: each for name, each in gradients.items() if name not in self.cancelled}

    def trained(self) -> list[str]:
        """What an optimizer moves."""
        return [name for name in self.arrays if not name.endswith(("/mean", "/variance"))]


def mask(key: int, number: int, layer: int, shape: tuple[int, ...], rate: float) -> np.ndarray:
    """What a dropout layer keeps in pass `number` of an update: an input of the comparison."""
    own = int(random_streams.hash32(np.array([(key + number) & 0xFFFFFFFF], np.uint64))[0])
    return random_streams.dropout_mask(own, layer, int(np.prod(shape)), rate).reshape(shape)


def of_network(network: str, names: set[str]) -> frozenset[str]:
    """Names in a network of what names in a state are of it."""
    return frozenset(name.removeprefix(f"{network}/") for name in names if name.startswith(f"{network}/"))
