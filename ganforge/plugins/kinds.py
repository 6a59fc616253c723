"""The kinds of layers and optimizers that plugins give, for recipes to be read with."""

from ganforge.plugins.host import Host
from ganforge.spec.kinds import Kinds, LayerEntry, OptimizerEntry


def known_kinds(host: Host) -> Kinds:
    """All kinds of a host's plugins, our own among them.

    Raises:
        PluginError: two plugins give a kind of the same name; both are named.
    """
    layers = host.entries("ganforge_layers", LayerEntry).values()
    optimizers = host.entries("ganforge_optimizers", OptimizerEntry).values()
    return Kinds.of((each.entry for each in layers), (each.entry for each in optimizers))
