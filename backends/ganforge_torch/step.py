"""A step: the discriminator's updates, the generator's, the average. docs/semantics.md as code, top to bottom.

Nothing here waits for the device: what is handed back are tensors.
"""

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
import torch
from torch import Tensor

from ganforge.backend import FAKE_PASS, GENERATOR_PASS, PENALTY_PASS, REAL_PASS, StepInputs
from ganforge.gan import NETWORKS, Gan, NetworkName
from ganforge.losses import Targets
from ganforge.protocol import Optimizer, slots
from ganforge.shapes import Node, walk
from ganforge.spec import Dropout
from ganforge_torch import optimizers, ops
from ganforge_torch.arrays import DiscriminatorFeed, GeneratorFeed, Place, network
from ganforge_torch.dropout import pass_key
from ganforge_torch.layers import forward

Scalars: TypeAlias = dict[str, Tensor]


class Watched(NamedTuple):
    """A network's arrays for one update, those that it learns apart from all graphs before."""

    arrays: dict[str, Tensor]
    leaves: list[Tensor]


@dataclass(frozen=True, kw_only=True)
class Player:
    """One of the two networks: the session's own tensors by their names in it, and how they are trained."""

    nodes: tuple[Node, ...]
    arrays: dict[str, Tensor]
    trained: tuple[str, ...]
    zeros: dict[str, Tensor]
    """The gradients that are zero by definition."""
    slots: dict[str, list[Tensor]]
    """The optimizer's, each in the order of `trained`."""
    optimizer: Optimizer

    @property
    def weights(self) -> list[Tensor]:
        """The trained arrays."""
        return [self.arrays[name] for name in self.trained]

    def watched(self) -> Watched:
        """The arrays, ready for `gradients`."""
        leaves = {n: self.arrays[n].detach().requires_grad_() for n in self.trained if n not in self.zeros}
        return Watched(self.arrays | leaves, list(leaves.values()))

    def gradients(self, loss: Tensor, leaves: list[Tensor]) -> list[Tensor]:
        """Derivatives of `loss` in the order of `trained`."""
        found = iter(torch.autograd.grad(loss, leaves, materialize_grads=True))
        return [self.zeros[name] if name in self.zeros else next(found) for name in self.trained]


@dataclass(frozen=True, kw_only=True)
class Model:
    """What a step works on."""

    gan: Gan
    place: Place
    generator: Player
    discriminator: Player
    averaged: list[Tensor]
    """In the order of the generator's trained arrays; empty where nothing is averaged."""

    @classmethod
    def of(cls, gan: Gan, tensors: dict[str, Tensor], place: Place) -> "Model":
        """Views of a session's tensors, which go by the names of `Gan.shapes`."""
        generator, discriminator = (_player(gan, name, tensors) for name in NETWORKS)
        averaged = list(network(tensors, "averaged").values())
        return cls(gan=gan, place=place, generator=generator, discriminator=discriminator, averaged=averaged)


class Fakes(NamedTuple):
    """Pictures with the graph that made them."""

    pictures: Tensor
    leaves: list[Tensor]


def step(model: Model, inputs: StepInputs) -> Scalars:
    """All updates of one step, in place."""
    scalars: Scalars = {}
    made: Fakes | None = None
    for update in inputs.discriminator:
        fed = DiscriminatorFeed.of(update, model.gan, model.place)
        if update is inputs.discriminator[-1] and _generator_makes_them_again(model.gan, inputs):
            made = make_fakes(model.generator, fed)
            fakes = made.pictures.detach()
        else:
            fakes = constant_fakes(model.generator, fed)
        gradients, seen = discriminator_gradients(model, fed, fakes)
        player = model.discriminator
        optimizers.update(player.optimizer, player.weights, gradients, player.slots, update.scale)
        scalars |= seen
    for following in inputs.generator:
        feed = GeneratorFeed.of(following, model.gan, model.place)
        gradients, seen = generator_gradients(model, feed, made or make_fakes(model.generator, feed))
        made = None
        player = model.generator
        optimizers.update(player.optimizer, player.weights, gradients, player.slots, following.scale)
        scalars |= seen
    if model.averaged:
        optimizers.average(model.averaged, model.generator.weights, inputs.average)
    return scalars


def gradients(model: Model, inputs: StepInputs) -> dict[NetworkName, dict[str, Tensor]]:
    """Those of the first update of each network, by name, changing nothing."""
    fed = DiscriminatorFeed.of(inputs.discriminator[0], model.gan, model.place)
    fakes = constant_fakes(model.generator, fed)
    discriminator, _ = discriminator_gradients(model, fed, fakes, moving=False)
    feed = GeneratorFeed.of(inputs.generator[0], model.gan, model.place)
    generator, _ = generator_gradients(model, feed, make_fakes(model.generator, feed, moving=False))
    return {
        "generator": dict(zip(model.generator.trained, generator, strict=True)),
        "discriminator": dict(zip(model.discriminator.trained, discriminator, strict=True)),
    }


def constant_fakes(generator: Player, fed: DiscriminatorFeed) -> Tensor:
    """Fakes for the discriminator: no graph, and no running value moves."""
    key = pass_key(fed.key, GENERATOR_PASS)
    return forward(generator.nodes, generator.arrays, fed.latents, fed.labels, key=key)


def make_fakes(generator: Player, fed: DiscriminatorFeed | GeneratorFeed, *, moving: bool = True) -> Fakes:
    """Fakes that the generator learns from."""
    arrays, leaves = generator.watched()
    key = pass_key(fed.key, GENERATOR_PASS)
    with torch.enable_grad():
        return Fakes(forward(generator.nodes, arrays, fed.latents, fed.labels, key=key, moving=moving), leaves)


def discriminator_gradients(
    model: Model, fed: DiscriminatorFeed, fakes: Tensor, *, moving: bool = True
) -> tuple[list[Tensor], Scalars]:
    """Of one update of the discriminator."""
    gan, player = model.gan, model.discriminator
    arrays, leaves = player.watched()

    def judge(x: Tensor, labels: Tensor | None, number: int, *, moving: bool = False) -> Tensor:
        return forward(player.nodes, arrays, x, labels, key=pass_key(fed.key, number), moving=moving)

    with torch.enable_grad():
        if gan.protocol.batches == "joint":
            labels = None if fed.labels is None else torch.cat([fed.labels, fed.labels])
            logits = judge(torch.cat([fakes, fed.images]), labels, REAL_PASS, moving=moving)
            fake, real = logits.chunk(2)
        else:
            real = judge(fed.images, fed.labels, REAL_PASS, moving=moving)
            fake = judge(fakes, fed.labels, FAKE_PASS, moving=moving)
        real_term, fake_term = gan.loss.discriminator(ops, real, fake, Targets(fed.real_targets, fed.fake_targets))
        loss = gan.protocol.loss.discriminator_scale * (real_term + fake_term)
        scalars = {"d_loss_real": real_term, "d_loss_fake": fake_term, "d_real": real.mean(), "d_fake": fake.mean()}
        if gan.penalty is not None and gan.protocol.penalty is not None:
            penalty = gan.penalty.penalty(ops, lambda x: judge(x, fed.labels, PENALTY_PASS), fed.images, fakes, fed.mix)
            loss = loss + gan.protocol.penalty.weight * penalty
            scalars["d_penalty"] = penalty
    return player.gradients(loss, leaves), _apart({"d_loss": loss, **scalars})


def generator_gradients(model: Model, fed: GeneratorFeed, fakes: Fakes) -> tuple[list[Tensor], Scalars]:
    """Of one update of the generator; the discriminator's arrays are constants."""
    gan, judge = model.gan, model.discriminator
    real = None
    if fed.images is not None:
        key = pass_key(fed.key, REAL_PASS)
        real = forward(judge.nodes, judge.arrays, fed.images, fed.labels, key=key)
    with torch.enable_grad():
        key = pass_key(fed.key, FAKE_PASS)
        fake = forward(judge.nodes, judge.arrays, fakes.pictures, fed.labels, key=key)
        loss = gan.loss.generator(ops, real, fake, Targets(fed.targets, fed.targets))
    return model.generator.gradients(loss, fakes.leaves), _apart({"g_loss": loss})


def _player(gan: Gan, name: NetworkName, tensors: dict[str, Tensor]) -> Player:
    arrays, optimizer = network(tensors, name), gan.protocol.player(name).optimizer
    trained = [each for each in gan.parameters(name) if each.trained]
    return Player(
        nodes=gan.nodes(name),
        arrays=arrays,
        trained=tuple(each.name for each in trained),
        zeros={each.name: torch.zeros_like(arrays[each.name]) for each in trained if each.still},
        slots={
            slot: [tensors[f"optimizer/{name}/{slot}/{each.name}"] for each in trained] for slot in slots(optimizer)
        },
        optimizer=optimizer,
    )


def _generator_makes_them_again(gan: Gan, inputs: StepInputs) -> bool:
    """Whether the generator's first update makes the last fakes once more, so that they can be kept with their graph.

    The two passes have different keys, so not where a mask would tell them apart.
    """
    before, after = inputs.discriminator[-1], inputs.generator[0]
    return (
        gan.protocol.latents == "shared"
        and not any(isinstance(node.layer, Dropout) for node in walk(gan.generator))
        and np.array_equal(before.latents, after.latents)
        and (before.labels is None or np.array_equal(before.labels, after.labels))
    )


def _apart(scalars: Scalars) -> Scalars:
    """Without the graph behind them."""
    return {name: each.detach() for name, each in scalars.items()}
