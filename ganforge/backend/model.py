"""What a step works on: a GAN, the framework it is computed in, and where its arrays are in a state."""

from dataclasses import dataclass, replace
from functools import cached_property

from ganforge.backend.accumulating import F, divided
from ganforge.backend.network_views import View
from ganforge.backend.runtime import Runtime
from ganforge.spec.gan import NETWORKS, Gan


@dataclass(frozen=True, kw_only=True)
class Model:
    """What a step works on."""

    gan: Gan
    runtime: Runtime
    share: tuple[int, int] = (0, 1)
    """Which of how many equal shares of a batch: several, where gradients accumulate."""

    def divided(self, batch: F) -> list[tuple["Model", F]]:
        """The shares of a batch, with one-hot labels, each with the model that knows which it is."""
        shares = divided(self.runtime.ops, self.with_one_hot(batch), self.gan.protocol.accumulate)
        return list(zip(self._shares, shares, strict=True))

    def with_one_hot(self, batch: F) -> F:
        """The batch with its labels as the networks take them, (B, classes)."""
        if batch.labels is None:
            return batch
        return batch._replace(labels=self.runtime.ops.one_hot(batch.labels, self.gan.classes, batch.latents))

    @cached_property
    def _shares(self) -> tuple["Model", ...]:
        count = self.gan.protocol.accumulate
        return (self,) if count == 1 else tuple(replace(self, share=(number, count)) for number in range(count))

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
