"""The two losses of a GAN as plain functions of one network's trained arrays.

What docs/semantics.md says under "A step", top to bottom: the forward passes, the loss, and what they leave behind.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy

from ganforge.backend.contract import (
    CONSISTENCY_FAKE_PASS,
    CONSISTENCY_REAL_PASS,
    FAKE_PASS,
    GENERATOR_PASS,
    PENALTY_PASS,
    REAL_PASS,
    DiscriminatorInputs,
    GeneratorInputs,
)
from ganforge.spec.arrays import Array, Images, Labels, State
from ganforge.spec.augmentation import IMAGES, PROBABILITY, SIGNS
from ganforge.spec.gan import Gan, NetworkName
from ganforge.spec.losses import Targets
from ganforge.spec.regularization import ANCHORS
from ganforge.testing import augmentations
from ganforge.testing.differentiable import Tensor, getval, grad, np
from ganforge.testing.layers import Pass, Statistics, forward
from ganforge.testing.ops import NumpyOps
from ganforge.testing.semantics import Semantics


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What an update computed before it changes anything."""

    loss: Tensor
    scalars: dict[str, Tensor]
    statistics: tuple[tuple[NetworkName, dict[str, Statistics]], ...]
    """Of the passes that move running values, in order."""
    moved: State
    """New values of what a plugin's layers keep, by their names in a state."""


@dataclass(frozen=True, kw_only=True)
class Updates:
    """The losses of `gan` at given arrays."""

    gan: Gan
    semantics: Semantics
    dtype: Any
    share: tuple[int, int] = (0, 1)
    """Which of how many equal shares of a batch the inputs are."""

    def discriminator(self, state: State, weights: Mapping[str, Tensor], inputs: DiscriminatorInputs) -> Outcome:
        """The discriminator's loss; `weights`, its trained arrays, stand in for those of `state`."""
        protocol = self.semantics.protocol(self.gan.protocol)
        arrays = self.arrays(state, "discriminator") | dict(weights)
        run = self._runner("discriminator", inputs.key)
        fake = run(
            "generator", GENERATOR_PASS, self.arrays(state, "generator"), inputs.labels, self.cast(inputs.latents)
        )
        real = self.pictures(inputs.images)
        shown_real = self.augmented(state, real, inputs.real_draws)
        shown_fake = self.augmented(state, fake, inputs.fake_draws)
        if protocol.batches == "joint":
            labels = None if inputs.labels is None else numpy.concatenate([inputs.labels, inputs.labels])
            logits = run("discriminator", REAL_PASS, arrays, labels, np.concatenate([shown_fake, shown_real]), parts=2)
            fake_logits, real_logits = logits[: len(fake)], logits[len(fake) :]
        else:
            real_logits = run("discriminator", REAL_PASS, arrays, inputs.labels, shown_real)
            fake_logits = run("discriminator", FAKE_PASS, arrays, inputs.labels, shown_fake)
        targets = self._targets(inputs.real_targets, inputs.fake_targets, inputs.labels)
        seen = self.semantics.logits(real_logits), self.semantics.logits(fake_logits)
        real_term, fake_term = self.gan.loss.discriminator(self._ops, *seen, targets)
        loss = protocol.loss.discriminator_scale * (real_term + fake_term)
        scalars = {"d_loss_real": real_term, "d_loss_fake": fake_term}
        realness = self.gan.loss.realness
        scalars |= {"d_real": np.mean(realness(real_logits)), "d_fake": np.mean(realness(fake_logits))}
        if self.gan.penalty and inputs.interpolation is not None:
            assert inputs.penalty_weight is not None, "a penalty was given no weight"

            def critic(x: Tensor) -> Tensor:
                shown = self.augmented(state, x, inputs.real_draws) if self.semantics.penalty_augmented else x
                return run("discriminator", PENALTY_PASS, arrays, inputs.labels, shown)[:, : self.gan.loss.outputs]

            penalty = self.gan.penalty.penalty(self._ops, critic, real, fake, self.cast(inputs.interpolation))
            loss = loss + self.semantics.penalty_weight(protocol, inputs.penalty_weight) * penalty
            scalars["d_penalty"] = penalty
        shown, logits = (shown_real, shown_fake), (realness(real_logits), realness(fake_logits))
        for name, weight, term in self.regularization(state, inputs, shown, logits, run, arrays):
            loss, scalars[name] = loss + weight * term, term
        if protocol.lecam is not None:
            anchors = state[ANCHORS[0]], state[ANCHORS[1]]
            run.moved.update(zip(ANCHORS, self.semantics.moved_anchors(protocol.lecam, logits, anchors), strict=True))
        if PROBABILITY in state:
            scalars["augment_probability"] = state[PROBABILITY][0]
            run.moved.update(self.adapted(state, realness(getval(real_logits))))
        return Outcome(loss=loss, scalars={"d_loss": loss, **scalars}, statistics=tuple(run.found), moved=run.moved)

    def generator(self, state: State, weights: Mapping[str, Tensor], inputs: GeneratorInputs) -> Outcome:
        """The generator's loss; `weights`, its trained arrays, stand in for those of `state`."""
        arrays, judge = self.arrays(state, "generator") | dict(weights), self.arrays(state, "discriminator")
        run = self._runner("generator", inputs.key)
        fake = run("generator", GENERATOR_PASS, arrays, inputs.labels, self.cast(inputs.latents))
        real_logits = None
        if self.gan.loss.generator_sees_real:
            pictures = self.augmented(state, self.pictures(inputs.images), inputs.real_draws)
            real_logits = self.semantics.logits(run("discriminator", REAL_PASS, judge, inputs.labels, pictures))
        shown = self.augmented(state, fake, inputs.fake_draws)
        fake_logits = self.semantics.logits(run("discriminator", FAKE_PASS, judge, inputs.labels, shown))
        targets = self._targets(inputs.targets, inputs.targets, inputs.labels)
        loss = self.gan.loss.generator(self._ops, real_logits, fake_logits, targets)
        return Outcome(loss=loss, scalars={"g_loss": loss}, statistics=tuple(run.found), moved=run.moved)

    def augmented(self, state: State, images: Tensor, draws: Array | None) -> Tensor:
        """Images as the discriminator is shown them."""
        settings = self.gan.protocol.augment
        if settings is None or draws is None:
            return images
        probability = state[PROBABILITY][0] if settings.adaptive else settings.probability
        changes, low = self.semantics.changes, self.gan.pixel_range[0]
        return augmentations.augmented(changes, settings, images, self.cast(draws), probability, low)

    def regularization(
        self,
        state: State,
        inputs: DiscriminatorInputs,
        shown: tuple[Tensor, Tensor],
        logits: tuple[Tensor, Tensor],
        run: "_Runner",
        arrays: Mapping[str, Tensor],
    ) -> Iterator[tuple[str, float, Tensor]]:
        """Name, weight and value of the terms beside a penalty; `shown` and `logits` of real and fake images."""
        consistency, lecam = self.gan.protocol.consistency, self.gan.protocol.lecam
        draws = inputs.real_consistency_draws, inputs.fake_consistency_draws
        numbers = CONSISTENCY_REAL_PASS, CONSISTENCY_FAKE_PASS
        for side, name in enumerate(("real", "fake")):
            if consistency is None or draws[side] is None:
                continue
            settings, low = consistency.augment, self.gan.pixel_range[0]
            changes, probability = self.semantics.changes, settings.probability
            other = augmentations.augmented(changes, settings, shown[side], self.cast(draws[side]), probability, low)
            after = self.gan.loss.realness(run("discriminator", numbers[side], arrays, inputs.labels, other))
            weight = consistency.real if name == "real" else consistency.fake
            yield f"d_consistency_{name}", weight, self.semantics.inconsistency(logits[side], after)
        if lecam is not None:
            anchors = state[ANCHORS[0]], state[ANCHORS[1]]
            yield "d_lecam", lecam.weight, self.semantics.lecam_term(logits, anchors)

    def adapted(self, state: State, realness: Array) -> State:
        """The arrays of an adaptive probability after a batch of real images."""
        protocol, names = self.gan.protocol, (PROBABILITY, SIGNS, IMAGES)
        assert protocol.augment is not None
        before = tuple(state[name] for name in names)
        after = self.semantics.adapted(protocol.augment.adaptive, protocol.batch_size, before, realness)
        return dict(zip(names, after, strict=True))

    def gradients(self, network: NetworkName, state: State, inputs: Any) -> State:
        """Derivatives of an update's loss by its trained arrays, named without the network."""
        update: Callable[..., Outcome] = self.discriminator if network == "discriminator" else self.generator
        parameters = {each.name: each for each in self.gan.parameters(network) if each.trained}
        weights = {name: state[f"{network}/{name}"] for name in parameters}
        found = grad(lambda trained: update(state, trained, inputs).loss)(weights)
        return {name: self.semantics.gradient(parameters[name], found[name]) for name in parameters}

    def arrays(self, state: State, prefix: str) -> dict[str, Array]:
        """The arrays of one network, named without it."""
        return {name.removeprefix(f"{prefix}/"): each for name, each in state.items() if name.startswith(f"{prefix}/")}

    def cast(self, x: Any) -> Array:
        """In the session's precision."""
        return numpy.asarray(x, self.dtype)

    def pictures(self, images: Images) -> Array:
        """uint8 in the GAN's pixel range."""
        return self.semantics.pixels(images, self.gan.pixel_range[0], self.dtype)

    def _targets(self, real: Array, fake: Array, labels: Labels | None) -> Targets:
        """With the labels, one-hot, where the loss names classes."""
        named = self.cast(numpy.eye(self.gan.classes)[labels]) if self.gan.loss.classifies else None
        return Targets(self.cast(real), self.cast(fake), named)

    @property
    def _ops(self) -> NumpyOps:
        return self.semantics.ops

    def _runner(self, updated: NetworkName, key: int) -> "_Runner":
        return _Runner(gan=self.gan, semantics=self.semantics, updated=updated, key=key, share=self.share)


@dataclass(frozen=True, kw_only=True)
class _Runner:
    """Forward passes in one update; remembers what those that move running values leave behind."""

    gan: Gan
    semantics: Semantics
    updated: NetworkName
    key: int
    share: tuple[int, int]
    found: list[tuple[NetworkName, dict[str, Statistics]]] = field(default_factory=list)
    moved: State = field(default_factory=dict)

    def __call__(
        self,
        network: NetworkName,
        number: int,
        arrays: Mapping[str, Tensor],
        labels: Labels | None,
        x: Tensor,
        parts: int = 1,
    ) -> Tensor:
        place = (self.updated, number)
        key = None if place in self.semantics.by_running else self.semantics.pass_key(self.key, number)
        every = self.semantics.protocol(self.gan.protocol).running_values == "every_pass"
        moving = (every and number in (GENERATOR_PASS, REAL_PASS, FAKE_PASS)) or place in self.semantics.moving
        # A later pass of the update reads what an earlier one has moved.
        kept = {name.removeprefix(f"{network}/"): each for name, each in self.moved.items()}
        run = Pass(
            arrays={name: kept.get(name, each) for name, each in arrays.items()},
            labels=labels,
            key=key,
            semantics=self.semantics,
            moving=moving,
            parts=parts,
            share=self.share,
            second_order=number == PENALTY_PASS,
        )
        result = forward(self.gan.nodes(network), x, run)
        if moving:
            self.moved.update({f"{network}/{name}": getval(each) for name, each in run.moved.items()})
            seen = {
                name: each._replace(mean=getval(each.mean), variance=getval(each.variance))
                for name, each in run.statistics.items()
            }
            self.found.append((network, seen))
        return result
