"""A step: the discriminator's updates, the generator's, the average. docs/semantics.md as code, top to bottom.

Written once for all frameworks: functions from arrays to new arrays.
"""

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from ganforge.backend.augmenting import adapted, augmentation_of, probability_used
from ganforge.backend.contract import FAKE_PASS, GENERATOR_PASS, PENALTY_PASS, REAL_PASS
from ganforge.backend.feed import DiscriminatorFeed, GeneratorFeed, Numbers, StepFeed, pixels
from ganforge.backend.forward import forward
from ganforge.backend.model import Model
from ganforge.backend.regularizing import Both, moved_anchors, regularization
from ganforge.backend.runtime import Tensors, Vjp
from ganforge.backend.updates import apply_update, move_average
from ganforge.spec.gan import Gan, NetworkName
from ganforge.spec.losses import Targets
from ganforge.spec.ops import Number, Tensor

F = TypeVar("F", DiscriminatorFeed, GeneratorFeed)


class UpdateResult(NamedTuple):
    """What an update computes before it changes anything."""

    gradients: Tensors
    """Of the network's trained arrays, by their names in it, not clipped."""
    moved: Tensors
    """New values of arrays that no optimizer touches, by their names in a state."""
    scalars: Tensors


def step(model: Model, arrays: Tensors, feed: StepFeed) -> tuple[Tensors, Tensors]:
    """All updates of the discriminator, all of the generator, then the average.

    Returns:
        The arrays that changed, by their names in a state, and the scalars of the last update of each network.
    """
    gan, ops = model.gan, model.runtime.ops
    keys, numbers = ops.unstack(feed.keys), Numbers.of(feed, ops)
    scales, weights = numbers.scales, penalty_weights(gan, numbers)
    now, changed, scalars = dict(arrays), Tensors(), Tensors()
    made: Vjp | None = None

    def put(found: Tensors) -> None:
        now.update(found)
        changed.update(found)

    count = len(feed.discriminator)
    for number, (given, key, scale) in enumerate(zip(feed.discriminator, keys, scales, strict=False), start=1):
        batch = _with_one_hot(model, given)
        if number == count and gan.same_fakes_follow:
            made = make_fakes(model, now, batch, key)
        fakes, moved = constant_fakes(model, now, batch, key) if made is None else (made.value, Tensors())
        result = discriminator_loss_and_gradients(model, now, batch, fakes, key, weights[number - 1])
        result = result._replace(moved=moved | result.moved)
        put(apply_update(model.runtime, gan, model.views["discriminator"], now, result.gradients, result.moved, scale))
        scalars |= result.scalars
    for latest, key, scale in zip(feed.generator, keys[count:], scales[count:], strict=True):
        then = _with_one_hot(model, latest)
        result = generator_loss_and_gradients(model, now, then, made or make_fakes(model, now, then, key), key)
        made = None
        put(apply_update(model.runtime, gan, model.views["generator"], now, result.gradients, result.moved, scale))
        scalars |= result.scalars
    if gan.protocol.average:
        put(move_average(model.runtime, model.views["averaged"], now, kept=numbers.kept, taken=numbers.taken))
    return changed, scalars


def gradients(model: Model, arrays: Tensors, feed: StepFeed) -> tuple[Tensors, Tensors]:
    """Gradients of the first update of each network, both at the present weights, by their names in a state."""
    keys = model.runtime.ops.unstack(feed.keys)
    batch, key = _with_one_hot(model, feed.discriminator[0]), keys[0]
    fakes, _ = constant_fakes(model, arrays, batch, key)
    weight = penalty_weights(model.gan, Numbers.of(feed, model.runtime.ops))[0]
    discriminator = discriminator_loss_and_gradients(model, arrays, batch, fakes, key, weight)
    then, key = _with_one_hot(model, feed.generator[0]), keys[len(feed.discriminator)]
    generator = generator_loss_and_gradients(model, arrays, then, make_fakes(model, arrays, then, key), key)
    return {}, {f"generator/{name}": each for name, each in generator.gradients.items()} | {
        f"discriminator/{name}": each for name, each in discriminator.gradients.items()
    }


def penalty_weights(gan: Gan, numbers: Numbers) -> Sequence[Number]:
    """Of each update of the discriminator: one that never changes is a constant of a compiled step."""
    choice = gan.protocol.penalty
    constant = None if choice is None else choice.constant
    return numbers.penalties if constant is None else [constant] * len(numbers.penalties)


def constant_fakes(model: Model, arrays: Tensors, batch: DiscriminatorFeed, key: Number) -> tuple[Tensor, Tensors]:
    """Fakes for the discriminator, without derivatives, and the generator's running values where that moves them."""
    runtime, view = model.runtime, model.views["generator"]
    images, run = forward(
        runtime,
        model.gan.generator,
        view.arrays(arrays),
        batch.latents,
        batch.labels,
        key=runtime.ops.fold_in(key, GENERATOR_PASS),
        moving=model.every_pass_moves,
    )
    return images, view.in_state(run.moved)


def make_fakes(model: Model, arrays: Tensors, batch: DiscriminatorFeed | GeneratorFeed, key: Number) -> Vjp:
    """Fakes with the way back to the generator's arrays; `aux` are its new running values."""
    runtime = model.runtime
    weights, own = model.views["generator"].arrays(arrays), runtime.ops.fold_in(key, GENERATOR_PASS)

    def generate(learned: Tensors) -> tuple[Tensor, Tensors]:
        images, run = forward(
            runtime, model.gan.generator, weights | learned, batch.latents, batch.labels, key=own, moving=True
        )
        return images, run.moved

    return runtime.vjp(generate, model.views["generator"].learned(weights))


def discriminator_loss_and_gradients(
    model: Model, arrays: Tensors, batch: DiscriminatorFeed, fakes: Tensor, key: Number, penalty_weight: Number
) -> UpdateResult:
    """One update of the discriminator; fakes are constants."""
    gan, runtime, ops = model.gan, model.runtime, model.runtime.ops
    weights, labels = model.views["discriminator"].arrays(arrays), batch.labels
    real = pixels(batch.images, gan, ops, real=batch.real_targets, like=batch.latents)
    targets = Targets(batch.real_targets, batch.fake_targets, _named(model, labels, batch.real_targets))
    augment = augmentation_of(gan, ops, arrays)
    shown = Both(augment(real, batch.real_draws), augment(fakes, batch.fake_draws))

    def loss(learned: Tensors) -> tuple[Tensor, tuple[Tensors, Tensors]]:
        own = weights | learned
        moved: Tensors = {}

        def judge(images: Tensor, labels: Tensor | None, number: int, *, parts: int = 1) -> Tensor:
            logits, run = forward(
                runtime,
                gan.discriminator,
                own | moved,
                images,
                labels,
                key=ops.fold_in(key, number),
                moving=number in (REAL_PASS, FAKE_PASS),
                second_order=number == PENALTY_PASS,
                parts=parts,
            )
            moved.update(run.moved)
            return ops.like(logits, batch.real_targets)

        if gan.protocol.batches == "joint":
            twice = None if labels is None else ops.concat([labels, labels], 0)
            both = judge(ops.concat([shown.fake, shown.real], 0), twice, REAL_PASS, parts=2)
            fake_logits, real_logits = ops.split(both, (fakes.shape[0], real.shape[0]), 0)
        else:
            real_logits = judge(shown.real, labels, REAL_PASS)
            fake_logits = judge(shown.fake, labels, FAKE_PASS)
        logits = Both(real_logits, fake_logits)
        real_term, fake_term = gan.loss.discriminator(ops, real_logits, fake_logits, targets)
        value = gan.protocol.loss.discriminator_scale * (real_term + fake_term)
        scalars = {
            "d_loss_real": real_term,
            "d_loss_fake": fake_term,
            "d_real": ops.mean(gan.loss.realness(real_logits)),
            "d_fake": ops.mean(gan.loss.realness(fake_logits)),
        }
        if gan.penalty is not None and batch.interpolation is not None:
            scalars["d_penalty"] = gan.penalty.penalty(
                ops,
                lambda images: judge(augment(images, batch.real_draws), labels, PENALTY_PASS)[:, : gan.loss.outputs],
                ops.like(real, batch.real_targets),
                ops.like(fakes, batch.real_targets),
                batch.interpolation,
            )
            value = value + penalty_weight * scalars["d_penalty"]
        for name, term in regularization(model, arrays, batch, shown, logits, judge).items():
            scalars[name], value = term.value, value + term.weight * term.value
        scalars = {"d_loss": value, **scalars, **probability_used(gan, ops, arrays)}
        after = model.views["discriminator"].in_state(moved)
        after |= adapted(runtime, gan, arrays, real_logits) | moved_anchors(model, arrays, logits)
        return value, ({name: ops.stop_gradient(each) for name, each in scalars.items()}, after)

    found = runtime.vjp(loss, model.views["discriminator"].learned(weights))
    scalars, moved = found.aux
    return UpdateResult(_everyone(model, "discriminator", weights, found.pull()), moved, scalars)


def generator_loss_and_gradients(
    model: Model, arrays: Tensors, batch: GeneratorFeed, fakes: Vjp, key: Number
) -> UpdateResult:
    """One update of the generator; the discriminator's arrays are constants."""
    gan, runtime, ops = model.gan, model.runtime, model.runtime.ops
    judges, labels = model.views["discriminator"].arrays(arrays), batch.labels
    targets = Targets(batch.targets, batch.targets, _named(model, labels, batch.targets))
    augment = augmentation_of(gan, ops, arrays)

    def judge(images: Tensor, number: int, moved: Tensors) -> tuple[Tensor, Tensors]:
        logits, run = forward(
            runtime,
            gan.discriminator,
            judges | moved,
            images,
            labels,
            key=ops.fold_in(key, number),
            moving=model.every_pass_moves,
        )
        return ops.like(logits, batch.targets), moved | run.moved

    real_logits, seen = None, Tensors()
    if batch.images is not None:
        real = pixels(batch.images, gan, ops, real=batch.targets, like=batch.latents)
        real_logits, seen = judge(augment(real, batch.real_draws), REAL_PASS, seen)

    def loss(images: Tensor) -> tuple[Tensor, Tensors]:
        fake_logits, moved = judge(augment(images, batch.fake_draws), FAKE_PASS, seen)
        return gan.loss.generator(ops, real_logits, fake_logits, targets), moved

    found = fakes.then(loss)
    own, other = model.views["generator"], model.views["discriminator"]
    moved = own.in_state(fakes.aux) | other.in_state(found.aux)
    return UpdateResult(_everyone(model, "generator", own.arrays(arrays), found.pull()), moved, {"g_loss": found.value})


def _with_one_hot(model: Model, batch: F) -> F:
    """The batch with its labels as the networks take them, (B, classes)."""
    if batch.labels is None:
        return batch
    return batch._replace(labels=model.runtime.ops.one_hot(batch.labels, model.gan.classes, batch.latents))


def _named(model: Model, labels: Tensor | None, like: Tensor) -> Tensor | None:
    """The labels as the targets of a loss that names classes."""
    return model.runtime.ops.like(labels, like) if model.gan.loss.classifies else None


def _everyone(model: Model, network: NetworkName, weights: Tensors, found: Tensors) -> Tensors:
    """Gradients of all trained arrays in order, means over all workers; zeros where that is their definition."""
    means = dict(zip(found, model.runtime.replicas.average(list(found.values())), strict=True))
    return {
        name: means[name] if name in means else model.runtime.ops.zeros_like(weights[name])
        for name in model.views[network].trained
    }
