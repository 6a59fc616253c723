"""What a recipe leaves to its data: channels, class names and the number of steps."""

from collections.abc import Sequence

import msgspec

from ganforge.errors import DataError
from ganforge.recipes.schema import Recipe


def complete(recipe: Recipe, channels: int, class_names: Sequence[str], why: str = "") -> Recipe:
    """The recipe with the channels (1, or else 3) and the class names of its data.

    why: there are no class names, in words.

    Raises:
        DataError: labels are asked of a set that has none.
    """
    names = tuple(class_names)
    if recipe.conditional and not names:
        raise DataError(
            f"recipe {recipe.name!r} trains on labels, but data set {recipe.data.set!r} has none here"
            + (f" ({why})" if why else "")
            + "; take a labelled set, or --set conditional=false"
        )
    return msgspec.structs.replace(
        recipe, channels=1 if channels == 1 else 3, class_names=names if recipe.conditional else ()
    )


def steps_in_all(recipe: Recipe, images: int) -> int:
    """Number of steps of a run of the recipe on so many images.

    Raises:
        DataError: fewer images than a batch.
    """
    batch = recipe.training.batch_size
    if images < batch:
        raise DataError(
            f"images in data set {recipe.data.set!r}: {images}, fewer than a batch of {batch}; "
            f"take --batch-size {max(images, 1)} or less, or more images"
        )
    if recipe.run.steps is not None:
        return recipe.run.steps
    batches = (recipe.run.epochs or 1) * recipe.training.batches_of_epoch(images)
    return max(1, batches // recipe.training.discriminator.updates)
