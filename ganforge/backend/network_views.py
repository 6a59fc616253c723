"""A network's arrays among those of a whole state, found by name once and not at every step."""

from collections.abc import Mapping
from dataclasses import dataclass

from ganforge.backend.runtime import Tensors
from ganforge.spec.gan import Gan, NetworkName


@dataclass(frozen=True, kw_only=True)
class View:
    """The names of a network's arrays, in the network and in a state."""

    prefix: str
    """`generator`, `discriminator`, or `averaged` for the averaged weights of the generator."""
    names: Mapping[str, str]
    """By an array's name in the network, its name in a state: `03_conv/kernel`, `generator/03_conv/kernel`."""
    trained: tuple[str, ...]
    """What an optimizer moves, in order."""
    differentiated: tuple[str, ...]
    """What has a gradient that is not zero by definition."""
    slots: Mapping[str, Mapping[str, str]]
    """The optimizer's arrays: by slot, as `names`."""

    @classmethod
    def of_network(cls, gan: Gan, network: NetworkName) -> "View":
        """The arrays of one of the two networks."""
        trained = [each for each in gan.parameters(network) if each.trained]
        slots = gan.protocol.player(network).optimizer.slots()
        return cls(
            prefix=network,
            names=_below(gan, network),
            trained=tuple(each.name for each in trained),
            differentiated=tuple(each.name for each in trained if not each.zero_gradient),
            slots={slot: {each.name: f"optimizer/{network}/{slot}/{each.name}" for each in trained} for slot in slots},
        )

    @classmethod
    def of_average(cls, gan: Gan) -> "View":
        """The averaged weights of the generator."""
        names = _below(gan, "averaged")
        return cls(prefix="averaged", names=names, trained=tuple(names), differentiated=(), slots={})

    def arrays(self, state: Tensors) -> Tensors:
        """The network's arrays by their names in it."""
        return {name: state[place] for name, place in self.names.items()}

    def in_state(self, arrays: Tensors) -> Tensors:
        """Arrays of the network by their names in a state."""
        return {self.names[name]: each for name, each in arrays.items()}

    def learned(self, arrays: Tensors) -> Tensors:
        """Those of its arrays that have a gradient."""
        return {name: arrays[name] for name in self.differentiated}


def _below(gan: Gan, prefix: str) -> dict[str, str]:
    start = f"{prefix}/"
    return {name.removeprefix(start): name for name in gan.shapes if name.startswith(start)}
