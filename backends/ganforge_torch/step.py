"""A step: the discriminator's updates, the generator's, the average. docs/semantics.md as code, top to bottom.

Nothing here waits for the device: what is handed back are tensors.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ganforge.backend import FAKE_PASS, GENERATOR_PASS, PENALTY_PASS, REAL_PASS, StepInputs
from ganforge.spec import NETWORKS, Gan, NetworkName, Node, Ops, Optimizer, Scale, Targets, slots
from ganforge_torch import optimizers
from ganforge_torch.arrays import DiscriminatorFeed, GeneratorFeed, Place, network
from ganforge_torch.dropout import pass_key
from ganforge_torch.layers import forward
from ganforge_torch.workers import Group


class Watched(NamedTuple):
    """A network's arrays for one update, those that it learns apart from all graphs before."""

    arrays: dict[str, Tensor]
    leaves: list[Tensor]


@dataclass(frozen=True, kw_only=True)
class Player:
    """One of the two networks: the session's own tensors by their names in it, and how they are trained."""

    nodes: tuple[Node, ...]
    group: Group
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

    @property
    def running(self) -> list[Tensor]:
        """The arrays that no gradient moves."""
        return [each for name, each in self.arrays.items() if name not in self.trained]

    def watched(self) -> Watched:
        """The arrays, ready for `gradients`."""
        leaves = {n: self.arrays[n].detach().requires_grad_() for n in self.trained if n not in self.zeros}
        return Watched(self.arrays | leaves, list(leaves.values()))

    def gradients(self, loss: Tensor, leaves: list[Tensor]) -> dict[str, Tensor]:
        """Derivatives of `loss` by name, in the order of `trained`; means over all workers."""
        found = iter(self.group.average(list(torch.autograd.grad(loss, leaves, materialize_grads=True)), leaves))
        return {name: self.zeros[name] if name in self.zeros else next(found) for name in self.trained}


@dataclass(frozen=True, kw_only=True)
class Model:
    """What a step works on."""

    gan: Gan
    place: Place
    generator: Player
    discriminator: Player
    ops: Ops
    """Of the whole batch, though each worker has its rows alone."""
    averaged: list[Tensor]
    """In the order of the generator's trained arrays; empty where nothing is averaged."""

    @classmethod
    def of(cls, gan: Gan, tensors: dict[str, Tensor], place: Place, group: Group) -> "Model":
        """Views of a session's tensors, which go by the names of `Gan.shapes`."""
        generator, discriminator = (_player(gan, name, tensors, group) for name in NETWORKS)
        return cls(
            gan=gan,
            place=place,
            generator=generator,
            discriminator=discriminator,
            ops=group.ops,
            averaged=list(network(tensors, "averaged").values()),
        )


class Fakes(NamedTuple):
    """Pictures with the graph that made them."""

    pictures: Tensor
    leaves: list[Tensor]


class Judged(NamedTuple):
    """What an update found out before it changes any weight."""

    gradients: dict[str, Tensor]
    """Of the network's trained arrays, by their names in it, not clipped."""
    scalars: dict[str, Tensor]


def step(model: Model, inputs: StepInputs) -> dict[str, Tensor]:
    """All updates of the discriminator, all of the generator, then the average; the scalars of the last of each."""
    scalars: dict[str, Tensor] = {}
    made: Fakes | None = None
    for number, update in enumerate(inputs.discriminator, start=1):
        batch = DiscriminatorFeed.of(update, model.gan, model.place)
        if number == len(inputs.discriminator) and model.gan.same_fakes_follow:
            made = make_fakes(model.generator, batch)
        fakes = constant_fakes(model.generator, batch) if made is None else made.pictures.detach()
        judged = judge_discriminator(model, batch, fakes)
        _apply(model.discriminator, judged, update.scale)
        scalars |= judged.scalars
    for then in inputs.generator:
        feed = GeneratorFeed.of(then, model.gan, model.place)
        judged = judge_generator(model, feed, made or make_fakes(model.generator, feed))
        made = None
        _apply(model.generator, judged, then.scale)
        scalars |= judged.scalars
    if model.averaged:
        optimizers.average(model.averaged, model.generator.weights, inputs.average)
    return scalars


def gradients(model: Model, inputs: StepInputs) -> dict[str, Tensor]:
    """Gradients of the first update of each network, both at the present weights, by their names in a state."""
    batch = DiscriminatorFeed.of(inputs.discriminator[0], model.gan, model.place)
    discriminator = judge_discriminator(model, batch, constant_fakes(model.generator, batch), moving=False)
    feed = GeneratorFeed.of(inputs.generator[0], model.gan, model.place)
    generator = judge_generator(model, feed, make_fakes(model.generator, feed, moving=False))
    return {f"generator/{name}": each for name, each in generator.gradients.items()} | {
        f"discriminator/{name}": each for name, each in discriminator.gradients.items()
    }


def constant_fakes(generator: Player, batch: DiscriminatorFeed) -> Tensor:
    """Fakes for the discriminator: without a graph, and no running value moves."""
    key = pass_key(batch.key, GENERATOR_PASS)
    return forward(generator.nodes, generator.arrays, batch.latents, batch.labels, key=key, group=generator.group)


def make_fakes(generator: Player, batch: DiscriminatorFeed | GeneratorFeed, *, moving: bool = True) -> Fakes:
    """Fakes that the generator learns from."""
    arrays, leaves = generator.watched()
    key = pass_key(batch.key, GENERATOR_PASS)
    with torch.enable_grad():
        pictures = forward(
            generator.nodes, arrays, batch.latents, batch.labels, key=key, moving=moving, group=generator.group
        )
    return Fakes(pictures, leaves)


def judge_discriminator(model: Model, batch: DiscriminatorFeed, fakes: Tensor, *, moving: bool = True) -> Judged:
    """Loss and gradients of one update of the discriminator; fakes are constants."""
    gan, player = model.gan, model.discriminator
    arrays, leaves = player.watched()

    def judge(pictures: Tensor, labels: Tensor | None, number: int, *, moving: bool = moving, parts: int = 1) -> Tensor:
        key, group = pass_key(batch.key, number), player.group
        logits = forward(player.nodes, arrays, pictures, labels, key=key, moving=moving, group=group, parts=parts)
        return logits.to(model.place.dtype)

    with torch.enable_grad():
        if gan.protocol.batches == "joint":
            twice = None if batch.labels is None else torch.cat([batch.labels, batch.labels])
            fake_logits, real_logits = judge(torch.cat([fakes, batch.images]), twice, REAL_PASS, parts=2).chunk(2)
        else:
            real_logits = judge(batch.images, batch.labels, REAL_PASS)
            fake_logits = judge(fakes, batch.labels, FAKE_PASS)
        targets = Targets(batch.real_targets, batch.fake_targets)
        real_term, fake_term = gan.loss.discriminator(model.ops, real_logits, fake_logits, targets)
        loss = gan.protocol.loss.discriminator_scale * (real_term + fake_term)
        penalty = {}
        if gan.penalty is not None and gan.protocol.penalty is not None:
            assert batch.interpolation is not None, "a penalty was given no places to look at"
            penalty["d_penalty"] = gan.penalty.penalty(
                model.ops,
                lambda pictures: judge(pictures, batch.labels, PENALTY_PASS, moving=False),
                batch.images.to(model.place.dtype),
                fakes.to(model.place.dtype),
                batch.interpolation,
            )
            loss = loss + gan.protocol.penalty.weight * penalty["d_penalty"]
    scalars = {
        "d_loss": loss,
        "d_loss_real": real_term,
        "d_loss_fake": fake_term,
        "d_real": model.ops.mean(gan.loss.realness(real_logits)),
        "d_fake": model.ops.mean(gan.loss.realness(fake_logits)),
        **penalty,
    }
    return Judged(player.gradients(loss, leaves), {name: each.detach() for name, each in scalars.items()})


def judge_generator(model: Model, batch: GeneratorFeed, fakes: Fakes) -> Judged:
    """Loss and gradients of one update of the generator; the discriminator's arrays are constants."""
    gan, player = model.gan, model.discriminator

    def judge(pictures: Tensor, number: int) -> Tensor:
        key = pass_key(batch.key, number)
        logits = forward(player.nodes, player.arrays, pictures, batch.labels, key=key, group=player.group)
        return logits.to(model.place.dtype)

    real_logits = None if batch.images is None else judge(batch.images, REAL_PASS)
    with torch.enable_grad():
        targets = Targets(batch.targets, batch.targets)
        loss = gan.loss.generator(model.ops, real_logits, judge(fakes.pictures, FAKE_PASS), targets)
    return Judged(model.generator.gradients(loss, fakes.leaves), {"g_loss": loss.detach()})


def _apply(player: Player, judged: Judged, scale: Scale) -> None:
    optimizers.update(player.optimizer, player.weights, list(judged.gradients.values()), player.slots, scale)
    if not player.group.one_batch:  # each worker has moved its running values by its own rows
        torch._foreach_copy_(player.running, player.group.average(player.running, player.running))


def _player(gan: Gan, name: NetworkName, tensors: dict[str, Tensor], group: Group) -> Player:
    arrays, optimizer = network(tensors, name), gan.protocol.player(name).optimizer
    trained = [each for each in gan.parameters(name) if each.trained]
    return Player(
        nodes=gan.nodes(name),
        group=group,
        arrays=arrays,
        trained=tuple(each.name for each in trained),
        zeros={each.name: torch.zeros_like(arrays[each.name]) for each in trained if each.zero_gradient},
        slots={
            slot: [tensors[f"optimizer/{name}/{slot}/{each.name}"] for each in trained] for slot in slots(optimizer)
        },
        optimizer=optimizer,
    )
