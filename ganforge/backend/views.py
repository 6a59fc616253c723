"""A network's arrays among those of a whole state, found by name once and not at every step."""

from collections.abc import Mapping
from dataclasses import dataclass

from ganforge.backend.runtime import Tensors
from ganforge.spec.gan import Gan


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
    def of(cls, gan: Gan, prefix: str) -> "View":
        """The arrays whose names in a state begin with `prefix/`."""
        start = f"{prefix}/"
        names = {name.removeprefix(start): name for name in gan.shapes if name.startswith(start)}
        if prefix not in ("generator", "discriminator"):
            return cls(prefix=prefix, names=names, trained=tuple(names), differentiated=(), slots={})
        trained = tuple(each.name for each in gan.parameters(prefix) if each.trained)
        return cls(
            prefix=prefix,
            names=names,
            trained=trained,
            differentiated=tuple(
                each.name for each in gan.parameters(prefix) if each.trained and not each.zero_gradient
            ),
            slots={
                slot: {name: f"optimizer/{prefix}/{slot}/{name}" for name in trained}
                for slot in gan.protocol.player(prefix).optimizer.slots()
            },
        )

    def arrays(self, state: Tensors) -> Tensors:
        """The network's arrays by their names in it."""
        return {name: state[place] for name, place in self.names.items()}

    def learned(self, arrays: Tensors) -> Tensors:
        """Those of its arrays that have a gradient."""
        return {name: arrays[name] for name in self.differentiated}
