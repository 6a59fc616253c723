"""Traps of the augmentation in front of the discriminator."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy

from ganforge.backend.contract import StepInputs
from ganforge.spec.arrays import Array
from ganforge.spec.augmentation import Adaptive, Augmentation, Draws, cut
from ganforge.testing.augmentations import CHANGES, Change, adapted, cutout, translation
from ganforge.testing.differentiable import Tensor, np
from ganforge.testing.semantics import Semantics
from ganforge.testing.traps.trap import Trap

_PLACES = ("flip", "translation")
_LOTS = 6
"""Of `Draws`: the columns that decide whether something is done."""


def _never(draws: Array | None) -> Array | None:
    return None if draws is None else numpy.concatenate([numpy.ones_like(draws[:, :_LOTS]), draws[:, _LOTS:]], axis=1)


def _one_lot(draws: Array | None) -> Array | None:
    return (
        None if draws is None else numpy.concatenate([0.0 * draws[:, :_LOTS] + draws[:1, :_LOTS], draws[:, _LOTS:]], 1)
    )


def _with_draws(
    discriminator: Callable[[Any], dict[str, Any]], generator: Callable[[StepInputs, Any], dict[str, Any]]
) -> Semantics:
    """Other draws than those that the updates are fed."""

    def changed(inputs: StepInputs, batch_size: int) -> StepInputs:
        return replace(
            inputs,
            discriminator=tuple(replace(each, **discriminator(each)) for each in inputs.discriminator),
            generator=tuple(replace(each, **generator(inputs, each)) for each in inputs.generator),
        )

    return Semantics(inputs=changed)


def _as_fed(*given: Any) -> dict[str, Any]:
    return {}


def _one_lot_for_all(*given: Any) -> dict[str, Any]:
    return {"real_draws": _one_lot(given[-1].real_draws), "fake_draws": _one_lot(given[-1].fake_draws)}


def _with(**changes: Change) -> Semantics:
    """Other forms of some changes."""
    return Semantics(changes={name: (lot, f, changes.get(name, form)) for name, (lot, f, form) in CHANGES.items()})


def _wrapped(x: Tensor, drawn: Draws, settings: Augmentation) -> Tensor:
    return np.roll(np.roll(x, int(drawn.down), axis=0), int(drawn.right), axis=1)


def _the_other_way(x: Tensor, drawn: Draws, settings: Augmentation) -> Tensor:
    return translation(x, drawn._replace(down=-drawn.down, right=-drawn.right), settings)


def _black_border(x: Tensor, drawn: Draws, settings: Augmentation) -> Tensor:
    return translation(x + 1.0, drawn, settings) - 1.0


def _black_box(x: Tensor, drawn: Draws, settings: Augmentation) -> Tensor:
    return cutout(x + 1.0, drawn, settings) - 1.0


def _box_within(x: Tensor, drawn: Draws, settings: Augmentation) -> Tensor:
    rows, columns = cut(settings, x.shape)
    top, left = min(max(drawn.top, 0), x.shape[0] - rows), min(max(drawn.left, 0), x.shape[1] - columns)
    return cutout(x, drawn._replace(top=top, left=left), settings)


def _by_luma(x: Tensor, drawn: Draws, settings: Augmentation) -> Tensor:
    grey = np.sum(x * numpy.array([0.299, 0.587, 0.114], x.dtype), axis=2, keepdims=True)
    return grey + drawn.saturation * (x - grey)


def _by_channel(x: Tensor, drawn: Draws, settings: Augmentation) -> Tensor:
    mean = np.mean(x, axis=(0, 1), keepdims=True)
    return mean + drawn.contrast * (x - mean)


def _batch_by_batch(settings: Adaptive, batch_size: int, before: Any, logits: Array) -> Any:
    probability, signs, images = before
    return adapted(settings, batch_size, (probability, 0.0 * signs, images), logits)


def _by_mean_logit(settings: Adaptive, batch_size: int, before: Any, logits: Array) -> Any:
    return adapted(settings, batch_size, before, numpy.full_like(logits, logits.mean()))


_SHOWN = "every image that the discriminator judges passes Augment, fakes and penalties' points too"
_DRAWS = "use real_draws and fake_draws of the update, a row for an image"

AUGMENTATION_TRAPS = (
    Trap(
        name="fakes-not-augmented",
        number=41,
        what="the discriminator is shown augmented real images, but fakes as they are",
        remedy=_SHOWN,
        semantics=_with_draws(lambda each: {"fake_draws": _never(each.fake_draws)}, _as_fed),
    ),
    Trap(
        name="generator-not-augmented",
        number=41,
        what="the generator's update judges fakes as they are",
        remedy=_SHOWN,
        semantics=_with_draws(_as_fed, lambda _, each: {"fake_draws": _never(each.fake_draws)}),
    ),
    Trap(
        name="penalty-not-augmented",
        number=41,
        what="a penalty looks at the discriminator without the augmentation in front of it",
        remedy=_SHOWN,
        semantics=Semantics(penalty_augmented=False),
    ),
    Trap(
        name="augmentation-by-batch",
        number=42,
        what="one lot decides for all images of a batch",
        remedy=_DRAWS,
        semantics=_with_draws(_one_lot_for_all, _one_lot_for_all),
    ),
    Trap(
        name="draws-shared-by-fakes",
        number=42,
        what="fakes are augmented with the draws of the real images",
        remedy=_DRAWS,
        semantics=_with_draws(lambda each: {"fake_draws": each.real_draws}, _as_fed),
    ),
    Trap(
        name="draws-shared-by-generator",
        number=42,
        what="the generator's update augments fakes with the draws of the discriminator's",
        remedy=_DRAWS,
        semantics=_with_draws(_as_fed, lambda inputs, _: {"fake_draws": inputs.discriminator[-1].fake_draws}),
    ),
    Trap(
        name="translation-wraps",
        number=43,
        what="what a translation moves out comes in at the other side",
        remedy="what comes in is 0 in [-1, 1]",
        semantics=_with(translation=_wrapped),
    ),
    Trap(
        name="translation-reversed",
        number=43,
        what="images are translated up and to the left",
        remedy="row i of the result is row i - down of the image",
        semantics=_with(translation=_the_other_way),
    ),
    Trap(
        name="translation-black",
        number=43,
        what="what comes in by a translation is black",
        remedy="what comes in is 0 in [-1, 1], 1/2 in [0, 1]",
        semantics=_with(translation=_black_border),
    ),
    Trap(
        name="cutout-black",
        number=44,
        what="what is cut out is black",
        remedy="what is cut out is 0 in [-1, 1], 1/2 in [0, 1]",
        semantics=_with(cutout=_black_box),
    ),
    Trap(
        name="cutout-within",
        number=44,
        what="the box that is cut out is moved into the image",
        remedy="the box begins at top and left, which may be negative, and ends at the border",
        semantics=_with(cutout=_box_within),
    ),
    Trap(
        name="saturation-by-luma",
        number=45,
        what="a pixel's grey is its luma",
        remedy="a pixel's grey is the mean of its channels",
        semantics=_with(saturation=_by_luma),
    ),
    Trap(
        name="contrast-by-channel",
        number=45,
        what="contrast is about the mean of each channel",
        remedy="take one mean over height, width and channels",
        semantics=_with(contrast=_by_channel),
    ),
    Trap(
        name="places-before-colors",
        number=46,
        what="colors are changed after the flip and the translation, so that what came in is changed too",
        remedy="brightness, saturation, contrast, then translation and cutout",
        semantics=Semantics(
            changes={name: CHANGES[name] for name in sorted(CHANGES, key=lambda name: name not in _PLACES)}
        ),
    ),
    Trap(
        name="adaptive-by-batch",
        number=47,
        what="only the last batch of an interval counts for the adaptive probability",
        remedy="sum the signs and the images of all batches of the interval",
        semantics=Semantics(adapted=_batch_by_batch),
    ),
    Trap(
        name="adaptive-by-mean-logit",
        number=47,
        what="the adaptive probability goes by the sign of the mean logit",
        remedy="take the mean of the signs, not the sign of the mean",
        semantics=Semantics(adapted=_by_mean_logit),
    ),
)
