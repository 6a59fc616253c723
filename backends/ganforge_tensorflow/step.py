"""One step of the protocol, as docs/semantics.md writes it; traced once, then run without Python."""

from collections.abc import Mapping
from dataclasses import dataclass

import tensorflow as tf

from ganforge.backend import FAKE_PASS, GENERATOR_PASS, PENALTY_PASS, REAL_PASS
from ganforge.gan import Gan, NetworkName
from ganforge.losses import Targets
from ganforge.protocol import slots
from ganforge.shapes import walk
from ganforge.spec import BatchNorm
from ganforge_tensorflow import ops
from ganforge_tensorflow.arrays import DiscriminatorFeed, GeneratorFeed, StepFeed, network
from ganforge_tensorflow.dropout import pass_key
from ganforge_tensorflow.layers import Arrays, Moments, Pass, forward
from ganforge_tensorflow.optimizers import update


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What an update found out before it changes anything."""

    gradients: dict[str, tf.Tensor]
    """Of the network's trained arrays, by their names in it, not clipped."""
    moments: tuple[dict[str, Moments], ...]
    """Of the passes that move the network's running values, in order."""
    scalars: dict[str, tf.Tensor]


def step(gan: Gan, variables: Mapping[str, tf.Variable], feed: StepFeed) -> dict[str, tf.Tensor]:
    """All updates of the discriminator, all of the generator, then the average; the scalars of the last of each."""
    scalars: dict[str, tf.Tensor] = {}
    updates = list(zip(tf.unstack(feed.keys), tf.unstack(feed.scales), strict=True))
    first, then = updates[: len(feed.discriminator)], updates[len(feed.discriminator) :]
    for batch, (key, scale) in zip(feed.discriminator, first, strict=True):
        judged = judge_discriminator(gan, variables, batch, key)
        _apply(gan, variables, "discriminator", judged, scale)
        scalars |= judged.scalars
    for batch, (key, scale) in zip(feed.generator, then, strict=True):
        judged = judge_generator(gan, variables, batch, key)
        _apply(gan, variables, "generator", judged, scale)
        scalars |= judged.scalars
    _average(variables, feed.average)
    return scalars


def gradients(gan: Gan, variables: Mapping[str, tf.Variable], feed: StepFeed) -> dict[str, tf.Tensor]:
    """Gradients of the first update of each network, both at the present weights, by their names in a state."""
    discriminator = judge_discriminator(gan, variables, feed.discriminator[0], feed.keys[0])
    generator = judge_generator(gan, variables, feed.generator[0], feed.keys[len(feed.discriminator)])
    return {f"generator/{name}": array for name, array in generator.gradients.items()} | {
        f"discriminator/{name}": array for name, array in discriminator.gradients.items()
    }


def judge_discriminator(
    gan: Gan, variables: Mapping[str, tf.Variable], batch: DiscriminatorFeed, key: tf.Tensor
) -> Judged:
    """Loss and gradients of one update of the discriminator; fakes are constants."""
    generator, discriminator = network(variables, "generator"), network(variables, "discriminator")
    real = pixels(gan, batch.images, batch.latents.dtype)
    fake = forward(
        gan.generator, generator, batch.latents, batch.labels, key=pass_key(key, GENERATOR_PASS)
    ).output

    def judge(pictures: tf.Tensor, labels: tf.Tensor | None, number: int) -> Pass:
        return forward(
            gan.discriminator,
            discriminator,
            pictures,
            labels,
            key=pass_key(key, number),
            twice=number == PENALTY_PASS,
        )

    def critic(pictures: tf.Tensor) -> tf.Tensor:
        return judge(pictures, batch.labels, PENALTY_PASS).output

    if gan.protocol.batches == "joint":
        twice = None if batch.labels is None else tf.concat([batch.labels, batch.labels], 0)
        passes = (judge(tf.concat([fake, real], 0), twice, REAL_PASS),)
        fake_logits, real_logits = tf.split(passes[0].output, 2)
    else:
        passes = (judge(real, batch.labels, REAL_PASS), judge(fake, batch.labels, FAKE_PASS))
        real_logits, fake_logits = (each.output for each in passes)
    targets = Targets(batch.real_targets, batch.fake_targets)
    real_term, fake_term = gan.loss.discriminator(ops, real_logits, fake_logits, targets)
    loss = gan.protocol.loss.discriminator_scale * (real_term + fake_term)
    penalty = {}
    if gan.penalty is not None and gan.protocol.penalty is not None:
        penalty["d_penalty"] = gan.penalty.penalty(ops, critic, real, fake, batch.mix)
        loss += gan.protocol.penalty.weight * penalty["d_penalty"]
    return Judged(
        gradients=_gradients(gan, "discriminator", loss, discriminator),
        moments=tuple(each.moments for each in passes),
        scalars={
            "d_loss": loss,
            "d_loss_real": real_term,
            "d_loss_fake": fake_term,
            "d_real": tf.reduce_mean(real_logits),
            "d_fake": tf.reduce_mean(fake_logits),
            **penalty,
        },
    )


def judge_generator(gan: Gan, variables: Mapping[str, tf.Variable], batch: GeneratorFeed, key: tf.Tensor) -> Judged:
    """Loss and gradients of one update of the generator; the discriminator's weights are constants."""
    generator, discriminator = network(variables, "generator"), network(variables, "discriminator")

    def judge(pictures: tf.Tensor, number: int) -> tf.Tensor:
        return forward(gan.discriminator, discriminator, pictures, batch.labels, key=pass_key(key, number)).output

    real_logits = None
    if batch.images is not None:
        real_logits = judge(pixels(gan, batch.images, batch.latents.dtype), REAL_PASS)
    fakes = forward(gan.generator, generator, batch.latents, batch.labels, key=pass_key(key, GENERATOR_PASS))
    targets = Targets(batch.targets, batch.targets)
    loss = gan.loss.generator(ops, real_logits, judge(fakes.output, FAKE_PASS), targets)
    return Judged(
        gradients=_gradients(gan, "generator", loss, generator),
        moments=(fakes.moments,),
        scalars={"g_loss": loss},
    )


def pixels(gan: Gan, images: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """uint8 pictures in the GAN's pixel range."""
    pictures = tf.cast(images, dtype)
    return pictures / 255.0 if gan.pixel_range == (0.0, 1.0) else pictures / 127.5 - 1.0


def _gradients(gan: Gan, name: NetworkName, loss: tf.Tensor, arrays: Arrays) -> dict[str, tf.Tensor]:
    """Of all trained arrays; zero for those that are still."""
    trained = [each for each in gan.parameters(name) if each.trained]
    moving = [each.name for each in trained if not each.still]
    found = dict(zip(moving, ops.gradients(loss, [arrays[each] for each in moving]), strict=True))
    return {each.name: found.get(each.name, tf.zeros_like(arrays[each.name])) for each in trained}


def _apply(
    gan: Gan, variables: Mapping[str, tf.Variable], name: NetworkName, judged: Judged, scale: tf.Tensor
) -> None:
    """Move the network's weights, and its running values by what its own passes saw."""
    optimizer = gan.protocol.player(name).optimizer
    for array, gradient in judged.gradients.items():
        kept = {slot: variables[f"optimizer/{name}/{slot}/{array}"] for slot in slots(optimizer)}
        rate, root = tf.unstack(tf.cast(scale, gradient.dtype))
        update(optimizer, variables[f"{name}/{array}"], kept, gradient, rate, root)
    for node in walk(gan.nodes(name)):
        for seen in judged.moments if isinstance(node.layer, BatchNorm) else ():
            for array, value in seen[node.name]._asdict().items():
                running, decay = variables[f"{name}/{node.name}/{array}"], node.layer.decay
                running.assign(decay * running + (1.0 - decay) * value)


def _average(variables: Mapping[str, tf.Variable], weight: tf.Tensor) -> None:
    """Move the averaged weights, where there are any; 1 - weight is taken in float64."""
    for name, averaged in variables.items():
        if name.startswith("averaged/"):
            weights = variables[f"generator/{name.removeprefix('averaged/')}"]
            keep, take = tf.cast(weight, averaged.dtype), tf.cast(1.0 - weight, averaged.dtype)
            averaged.assign(keep * averaged + take * weights)
