"""What a step works on: a GAN, the framework it is computed in, and where its arrays are in a state."""

from dataclasses import dataclass
from functools import cached_property

from ganforge.backend.network_views import View
from ganforge.backend.runtime import Runtime
from ganforge.spec.gan import NETWORKS, Gan


@dataclass(frozen=True, kw_only=True)
class Model:
    """What a step works on."""

    gan: Gan
    runtime: Runtime

    @cached_property
    def views(self) -> dict[str, View]:
        """The arrays of each network and the averaged ones, by `generator`, `discriminator` and `averaged`."""
        return {network: View.of_network(self.gan, network) for network in NETWORKS} | {
            "averaged": View.of_average(self.gan)
        }

    @cached_property
    def every_pass_moves(self) -> bool:
        """Whether running values move in every pass of an update, not only in those of the network's own."""
        return self.gan.protocol.running_values == "every_pass"
