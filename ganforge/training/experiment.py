"""One resolved experiment: what a recipe comes to once every name in it is found."""

from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256

import numpy as np

from ganforge.backend.contract import BackendEntry, Workers
from ganforge.data.contract import ImageSet
from ganforge.data.preparing import Prepared
from ganforge.errors import DataError
from ganforge.plugins.host import Host
from ganforge.recipes.completing import steps_in_all
from ganforge.recipes.schema import Recipe
from ganforge.spec.gan import Gan
from ganforge.training.batches import Batches, check_batch_divides
from ganforge.training.data_sets import OnProgress, decode, with_data
from ganforge.training.distributed import SINGLE_PROCESS
from ganforge.training.looking import fitting_data_sets
from ganforge.training.networks import build_gan
from ganforge.training.parts import find_parts


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """A recipe, its GAN, its images and its steps: what train, resume, load, build, bench and parity all work on.

    Made by `resolve`, or by `resolve_networks` where no data set is needed; `decoded` adds the images.
    """

    recipe: Recipe
    """Channels and class names are filled in, the backend where one is chosen, the steps once images are decoded."""
    gan: Gan
    backend: BackendEntry | None = None
    """None: nothing is to be computed in a framework, or by several."""
    workers: Workers = SINGLE_PROCESS
    """The processes that train it together."""
    image_set: ImageSet | None = None
    """The data set, opened. None: only the networks are wanted."""
    data: Prepared | None = None
    """Its images, once they are decoded."""
    steps: int = 0
    """Steps of a run, of the images that there are."""

    @property
    def prepared(self) -> Prepared:
        """The decoded images."""
        assert self.data is not None, "decode the images first"
        return self.data

    @cached_property
    def images_hash(self) -> str:
        """Identifies the decoded images."""
        return images_hash(self.prepared)

    @property
    def batches(self) -> Batches:
        """What its steps are fed, this worker's shard of it."""
        data = self.prepared
        return Batches(
            gan=self.gan,
            images=data.images,
            labels=data.labels,
            seed=self.recipe.run.seed,
            shard=self.workers.shard,
        )


def resolve(
    recipe: Recipe,
    host: Host,
    backend: BackendEntry | None = None,
    workers: Workers = SINGLE_PROCESS,
    image_set: ImageSet | None = None,
) -> Experiment:
    """The experiment that a recipe describes: names found, data set opened, networks built. Nothing is decoded.

    image_set: the images that a caller has handed over; None: the recipe's data set is opened.

    Raises:
        GanforgeError: whatever of the recipe cannot be.
    """
    parts = find_parts(recipe, host)
    assert parts.data_set is not None
    try:
        completed, image_set = with_data(recipe, parts.data_set, image_set)
    except DataError as error:
        fits = fitting_data_sets(recipe.data.path, host, but=recipe.data.set) if recipe.data.path else []
        if not fits:
            raise
        raise DataError(f"{error}. Data set {fits[0]!r} can read it: --dataset {fits[0]}") from error
    steps = steps_in_all(completed, len(image_set))
    gan = build_gan(completed, parts)
    check_batch_divides(gan, workers.shard)
    return Experiment(
        recipe=completed.with_run(backend=backend.name) if backend else completed,
        gan=gan,
        backend=backend,
        workers=workers,
        image_set=image_set,
        steps=steps,
    )


def resolve_networks(
    recipe: Recipe, host: Host, backend: BackendEntry | None = None, *, logits: int | None = None
) -> Experiment:
    """The networks of a recipe that leaves nothing to its data set, which need not be there.

    logits: see `find_parts`.

    Raises:
        GanforgeError: whatever of the recipe cannot be.
    """
    parts = find_parts(recipe, host, data_set=False, logits=logits)
    resolved = recipe.with_run(backend=backend.name) if backend else recipe
    return Experiment(recipe=resolved, gan=build_gan(recipe, parts), backend=backend)


def decoded(experiment: Experiment, on_progress: OnProgress | None = None) -> Experiment:
    """The experiment with its images decoded, or taken from the cache, and its final number of steps.

    Images that cannot be read are left out, so that an epoch may have fewer steps than before.

    Raises:
        DataError: too few images are left, or see `prepare`.
    """
    assert experiment.image_set is not None, "resolve it with its data set"
    recipe, first = experiment.recipe, experiment.workers.shard.rank == 0
    data = decode(recipe, experiment.image_set, on_progress if first else None)
    steps = steps_in_all(recipe, len(data.images))
    return replace(experiment, recipe=recipe.with_run(steps=steps, epochs=None), data=data, steps=steps)


def images_hash(prepared: Prepared) -> str:
    """A hash that tells one prepared set from another: its shape, all labels, a thousand images spread over it."""
    digest = sha256(str(prepared.images.shape).encode())
    spread = np.linspace(0, len(prepared.images) - 1, min(len(prepared.images), 1000)).astype(np.int64)
    digest.update(np.ascontiguousarray(prepared.images[spread]).data)
    if prepared.labels is not None:
        digest.update(np.ascontiguousarray(prepared.labels).data)
    return digest.hexdigest()[:32]
