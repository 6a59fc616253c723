"""A GAN whole: two resolved networks, their arrays, and the way they are trained. What a backend builds from."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any, Literal

import numpy as np

from ganforge._io.machine import physical_memory
from ganforge.errors import SpecError, StateError
from ganforge.spec.arrays import State
from ganforge.spec.augmentation import IMAGES, PROBABILITY, SIGNS, check_fits
from ganforge.spec.layers import BatchNorm, ConditionalBatchNorm, Sigmoid
from ganforge.spec.layers.chain import walk
from ganforge.spec.layers.contract import Node, Parameter
from ganforge.spec.losses import LossEntry, PenaltyEntry
from ganforge.spec.network import Network, resolve
from ganforge.spec.parameters import initial, parameters
from ganforge.spec.protocol import Protocol
from ganforge.spec.regularization import ANCHORS

NetworkName = Literal["generator", "discriminator"]
_ELEMENTS = 10**11  # 400 GB in float32: no machine of today holds more, and a slip of the finger soon asks for it

NETWORKS: tuple[NetworkName, NetworkName] = ("generator", "discriminator")


@dataclass(frozen=True, kw_only=True)
class Gan:
    """Two networks that fit each other, and their protocol.

    Raises:
        SpecError: the networks do not fit each other, the latent, or the loss.
    """

    generator_network: Network
    discriminator_network: Network
    protocol: Protocol
    loss: LossEntry
    penalty: PenaltyEntry | None = None

    def __post_init__(self) -> None:
        for name in NETWORKS:
            if not self.nodes(name):
                raise SpecError(f"the {name} has no layers")
        latent, made = (self.protocol.latent.size,), self.generator[-1].output
        if self.generator_network.input != latent:
            raise SpecError(f"the generator takes {self.generator_network.input}, but the latent is {latent}")
        if self.discriminator_network.input != made:
            raise SpecError(
                f"the generator makes {made}, but the discriminator takes {self.discriminator_network.input}"
            )
        if self.generator_network.classes != self.discriminator_network.classes:
            raise SpecError("generator and discriminator must have the same number of classes")
        if self.loss.classifies and not self.classes:
            raise SpecError(
                f"the loss {self.loss.name!r} names classes, but there are none; set conditional = true, with data "
                "that has labels, or take another loss"
            )
        logits = self.loss.logits(self.classes)
        if self.discriminator[-1].output != (logits,):
            raise SpecError(
                f"the discriminator ends in {self.discriminator[-1].output}, but the loss {self.loss.name!r} takes "
                f"({logits},) logits"
            )
        self._check_augmentation()
        self._check_images()
        elements = self._elements
        if elements > _ELEMENTS:
            raise SpecError(f"the networks and their optimizers hold {elements:.1e} numbers; make them narrower")
        largest = self.protocol.batch_size * max(
            prod(node.output) for network in NETWORKS for node in walk(self.nodes(network))
        )
        if largest > _ELEMENTS:
            raise SpecError(
                f"a batch of {self.protocol.batch_size:,} makes {largest:.1e} numbers in one layer; make the images "
                "or the batch smaller, or the networks narrower"
            )
        if (norm := self.norm_of_one_value(self.protocol.share_size)) is not None:
            raise SpecError(
                f"{norm}: batch norm over one value; take a larger batch_size"
                + (", or a smaller accumulate" if self.protocol.accumulate > 1 else "")
            )

    def _check_augmentation(self) -> None:
        settings, loss, targets = self.protocol.augment, self.loss, self.protocol.targets
        if settings is None:
            return
        check_fits(settings, self.image_shape)
        if settings.adaptive is None:
            return
        where = "training.augment.probability: an adaptive one looks at the signs of the real logits"
        if loss.outputs != 1 or loss.shift_invariant:
            why = f"has {loss.outputs} for an image" if loss.outputs != 1 else "gives them no zero"
            raise SpecError(f"{where}, but the loss {loss.name!r} {why}; take a fixed probability, or another loss")
        if loss.uses_targets and targets.real <= targets.fake:
            raise SpecError(f"{where}, but targets.real {targets.real:g} is not above targets.fake {targets.fake:g}")
        if loss.logits_reach_targets and not targets.fake < 0 < targets.real:
            raise SpecError(
                f"{where}, but those of the loss {loss.name!r} go from targets.fake {targets.fake:g} to targets.real "
                f"{targets.real:g}; take -1 and 1"
            )

    def _check_images(self) -> None:
        """Check what else is done with images and logits."""
        most, consistency = min(self.image_shape[:2]) - 1, self.protocol.consistency
        if self.protocol.random_crop > most:
            raise SpecError(
                f"training.random_crop {self.protocol.random_crop} is too much for images of "
                f"{self.image_shape[0]} x {self.image_shape[1]}; take at most {most}"
            )
        if consistency is not None:
            check_fits(consistency.augment, self.image_shape, "training.consistency.augment")
        if self.loss.outputs != 1 and (consistency is not None or self.protocol.lecam is not None):
            name = "lecam" if consistency is None else "consistency"
            raise SpecError(
                f"training.{name} compares one logit of each image, but the loss {self.loss.name!r} has "
                f"{self.loss.outputs}; take another loss"
            )

    @cached_property
    def generator(self) -> tuple[Node, ...]:
        """The generator's nodes."""
        return resolve(self.generator_network)

    @cached_property
    def discriminator(self) -> tuple[Node, ...]:
        """The discriminator's nodes."""
        return resolve(self.discriminator_network)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of an image."""
        height, width, channels = self.generator[-1].output
        return height, width, channels

    @property
    def classes(self) -> int:
        """Number of labels; 0: unconditional."""
        return self.generator_network.classes

    @property
    def pixel_range(self) -> tuple[float, float]:
        """The values that stand for black and white: what the generator's last layer can make."""
        return (0.0, 1.0) if isinstance(self.generator[-1].layer, Sigmoid) else (-1.0, 1.0)

    @property
    def same_fakes_follow(self) -> bool:
        """Whether the generator's first update would make the discriminator's last fakes once more.

        The two passes have different keys, so not where masks would tell them apart; where every pass moves running
        values, both have to; and where gradients accumulate, the fakes of all shares would fill the memory.
        """
        masks = any(node.layer.uses_key for node in walk(self.generator))
        both_move = self.protocol.running_values == "every_pass"
        whole = self.protocol.accumulate == 1
        return self.protocol.latents == "shared" and whole and not masks and not both_move

    @property
    def seeing_shares(self) -> list[str]:
        """Layers for which it matters that a batch is computed in shares: those that keep values of their passes."""
        if self.protocol.accumulate == 1:
            return []
        kept = [f"{name}/{each.name}" for name in NETWORKS for each in self.parameters(name) if not each.trained]
        return list(dict.fromkeys(name.rpartition("/")[0] for name in kept))

    def norm_of_one_value(self, images: int) -> str | None:
        """The first batch norm, be it in a residual block, that would see a single value of so many images."""
        for name in NETWORKS:
            for node in walk(self.nodes(name)):
                if isinstance(node.layer, BatchNorm | ConditionalBatchNorm) and images * prod(node.input[:-1]) < 2:
                    return f"{name} layer {node.name}"
        return None

    def nodes(self, network: NetworkName) -> tuple[Node, ...]:
        """The nodes of one of the two."""
        return self.generator if network == "generator" else self.discriminator

    def parameters(self, network: NetworkName) -> tuple[Parameter, ...]:
        """The arrays of one of the two."""
        return self._parameters[network]

    @cached_property
    def _parameters(self) -> dict[NetworkName, tuple[Parameter, ...]]:
        shifted = self.loss.shift_invariant and self.loss.logits(self.classes) == 1
        return {
            "generator": parameters(self.generator),
            "discriminator": parameters(self.discriminator, zero_last_bias=shifted),
        }

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every array of a state, in order.

        `generator/03_conv/kernel` and so on for both networks; `averaged/...` the generator's trained arrays where the
        protocol averages; `optimizer/generator/m/...` an optimizer's slots; then those of `kept`.
        """
        found: dict[str, tuple[int, ...]] = {}
        for network in NETWORKS:
            found |= {f"{network}/{each.name}": each.shape for each in self.parameters(network)}
        if self.protocol.average:
            found |= {f"averaged/{each.name}": each.shape for each in self.parameters("generator") if each.trained}
        for network in NETWORKS:
            for slot in self.protocol.player(network).optimizer.slots():
                trained = (each for each in self.parameters(network) if each.trained)
                found |= {f"optimizer/{network}/{slot}/{each.name}": each.shape for each in trained}
        return found | dict.fromkeys(self.kept, (1,))

    @property
    def kept(self) -> tuple[str, ...]:
        """Names of the arrays that an update of the discriminator keeps for the next, of neither network; each (1,)."""
        augment = self.protocol.augment
        adaptive = (PROBABILITY, SIGNS, IMAGES) if augment is not None and augment.adaptive else ()
        return adaptive + (ANCHORS if self.protocol.lecam is not None else ())

    @property
    def _elements(self) -> int:
        return sum(prod(shape) for shape in self.shapes.values())

    def initial_state(self, seed: int) -> State:
        """The state before the first step, float64: weights drawn from the seed, moments zero, average = weights.

        Raises:
            SpecError: it is larger than this machine's memory.
        """
        needed, memory = 8 * self._elements, physical_memory()
        if memory is not None and needed > memory:
            raise SpecError(
                f"the networks and their optimizers hold {needed / 1e9:,.0f} GB in float64, in which they are drawn; "
                f"this machine has {memory / 1e9:,.0f} GB. Make the networks narrower"
            )
        weights: State = {}
        for network in NETWORKS:
            weights |= initial(self.parameters(network), seed=seed, network=network)
        averaged = {name: weights[f"generator/{name.removeprefix('averaged/')}"] for name in self._named("averaged/")}
        zeros = {name: np.zeros(self.shapes[name]) for name in (*self._named("optimizer/"), *self.kept)}
        return weights | averaged | zeros

    def _named(self, prefix: str) -> list[str]:
        return [name for name in self.shapes if name.startswith(prefix)]

    def check_state(self, state: Mapping[str, Any]) -> None:
        """Whether `state` has just the arrays of this GAN.

        Raises:
            StateError: an array is missing, extra or misshapen; the message names it.
        """
        missing = [name for name in self.shapes if name not in state]
        extra = [name for name in state if name not in self.shapes]
        if missing or extra:
            parts = [f"{word}: {_some(names)}" for word, names in (("missing", missing), ("extra", extra)) if names]
            raise StateError(f"the state is not that of these networks; arrays {'; '.join(parts)}")
        for name, shape in self.shapes.items():
            if tuple(state[name].shape) != shape:
                raise StateError(f"array {name} of the state has shape {tuple(state[name].shape)}, expected {shape}")


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
