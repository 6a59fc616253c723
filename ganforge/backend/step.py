"""A step: the discriminator's updates, the generator's, the average. docs/semantics.md as code, top to bottom.

Written once for all frameworks: functions from arrays to new arrays.
"""

from ganforge.backend.accumulating import UpdateResult, mean_of
from ganforge.backend.augmenting import adapted, augmentation_of, probability_used
from ganforge.backend.contract import FAKE_PASS, GENERATOR_PASS, PENALTY_PASS, REAL_PASS
from ganforge.backend.feed import DiscriminatorFeed, GeneratorFeed, Numbers, StepFeed, pixels
from ganforge.backend.forward import forward
from ganforge.backend.model import Model
from ganforge.backend.regularizing import Both, moved_anchors, regularization
from ganforge.backend.runtime import Tensors, Vjp
from ganforge.backend.updates import apply_update, move_average
from ganforge.spec.gan import NetworkName
from ganforge.spec.losses import Targets
from ganforge.spec.ops import Number, Tensor


def step(model: Model, arrays: Tensors, feed: StepFeed) -> tuple[Tensors, Tensors]:
    """All updates of the discriminator, all of the generator, then the average.

    Returns:
        The arrays that changed, by their names in a state, and the scalars of the last update of each network.
    """
    gan, ops = model.gan, model.runtime.ops
    keys, numbers = ops.unstack(feed.keys), Numbers.of(feed, gan, ops)
    scales, weights = numbers.scales, numbers.penalties
    now, changed, scalars = dict(arrays), Tensors(), Tensors()
    made: Vjp | None = None

    def put(found: Tensors) -> None:
        now.update(found)
        changed.update(found)

    count = len(feed.discriminator)
    for number, (given, key, scale) in enumerate(zip(feed.discriminator, keys, scales, strict=False), start=1):
        if number == count and gan.same_fakes_follow:
            made = make_fakes(model, now, model.with_one_hot(given), key)
        result = discriminator_result(model, now, given, key, weights[number - 1], made)
        put(apply_update(model.runtime, gan, model.views["discriminator"], now, result.gradients, result.moved, scale))
        scalars |= result.scalars
    for latest, key, scale in zip(feed.generator, keys[count:], scales[count:], strict=True):
        result = generator_result(model, now, latest, key, made)
        made = None
        put(apply_update(model.runtime, gan, model.views["generator"], now, result.gradients, result.moved, scale))
        scalars |= result.scalars
    if gan.protocol.average:
        put(move_average(model.runtime, model.views["averaged"], now, kept=numbers.kept, taken=numbers.taken))
    return changed, scalars


def gradients(model: Model, arrays: Tensors, feed: StepFeed) -> tuple[Tensors, Tensors]:
    """Gradients of the first update of each network, both at the present weights, by their names in a state."""
    keys = model.runtime.ops.unstack(feed.keys)
    weight = Numbers.of(feed, model.gan, model.runtime.ops).penalties[0]
    discriminator = discriminator_result(model, arrays, feed.discriminator[0], keys[0], weight)
    generator = generator_result(model, arrays, feed.generator[0], keys[len(feed.discriminator)])
    return {}, {f"generator/{name}": each for name, each in generator.gradients.items()} | {
        f"discriminator/{name}": each for name, each in discriminator.gradients.items()
    }


def discriminator_result(
    model: Model,
    arrays: Tensors,
    given: DiscriminatorFeed,
    key: Number,
    penalty_weight: Number,
    made: Vjp | None = None,
) -> UpdateResult:
    """An update of the discriminator, share by share; `made` are its fakes, if there are any yet."""
    now, results = dict(arrays), list[UpdateResult]()
    for share, batch in model.divided(given):
        fakes, moved = constant_fakes(share, now, batch, key) if made is None else (made.value, Tensors())
        result = discriminator_loss_and_gradients(share, now, batch, fakes, key, penalty_weight)
        results.append(result._replace(moved=moved | result.moved))
        now.update(results[-1].moved)
    return mean_of(results)


def generator_result(
    model: Model, arrays: Tensors, given: GeneratorFeed, key: Number, made: Vjp | None = None
) -> UpdateResult:
    """An update of the generator, share by share; `made` as for the discriminator."""
    now, results = dict(arrays), list[UpdateResult]()
    for share, batch in model.divided(given):
        fakes = made or make_fakes(share, now, batch, key)
        results.append(generator_loss_and_gradients(share, now, batch, fakes, key))
        now.update(results[-1].moved)
    return mean_of(results)


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
        share=model.share,
    )
    return images, view.in_state(run.moved)


def make_fakes(model: Model, arrays: Tensors, batch: DiscriminatorFeed | GeneratorFeed, key: Number) -> Vjp:
    """Fakes with the way back to the generator's arrays; `aux` are its new running values."""
    runtime = model.runtime
    weights, own = model.views["generator"].arrays(arrays), runtime.ops.fold_in(key, GENERATOR_PASS)

    def generate(learned: Tensors) -> tuple[Tensor, Tensors]:
        images, run = forward(
            runtime,
            model.gan.generator,
            weights | learned,
            batch.latents,
            batch.labels,
            key=own,
            moving=True,
            share=model.share,
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
                share=model.share,
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
            share=model.share,
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
