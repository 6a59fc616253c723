"""From a recipe to what it names: the opened data set, the two networks, the loss. Names become things here alone."""

from hashlib import sha256
from importlib.util import find_spec
from typing import TypeVar

import msgspec
import numpy as np

from ganforge._io.convert import convert
from ganforge._io.files import expanded
from ganforge.backend.contract import BackendEntry, Session
from ganforge.data.checks import check_image_set
from ganforge.data.contract import DatasetEntry, ImageSet
from ganforge.data.preparing import Prepared, image_channels
from ganforge.errors import DataError, PluginError, RecipeError, SpecError
from ganforge.plugins.host import Host, Named
from ganforge.plugins.kinds import known_kinds
from ganforge.recipes.kinds import reads_labels
from ganforge.recipes.schema import ArchitectureSettings, Recipe
from ganforge.recipes.templates import Measures, fill
from ganforge.spec.architectures import ArchitectureEntry, ArchitectureRequest
from ganforge.spec.arrays import State
from ganforge.spec.checks import blamed, check_networks, checked_loss, checked_penalty
from ganforge.spec.gan import Gan
from ganforge.spec.kinds import Kinds
from ganforge.spec.losses import LossEntry, PenaltyEntry
from ganforge.spec.network import Network, resolve
from ganforge.spec.protocol import TargetChoice

E = TypeVar("E", bound=Named)


def open_data(recipe: Recipe, host: Host) -> ImageSet:
    """The recipe's data set, opened, not yet decoded.

    Raises:
        PluginError: no data set of that name. RecipeError: an option that it does not have. DataError: not there.
    """
    settings = recipe.data
    entry, who = _provided(host, "ganforge_datasets", DatasetEntry, settings.set, "data set")
    options = convert(settings.options, entry.options, f"recipe {recipe.name!r}: data set {entry.name!r}")
    path = expanded(settings.path) if settings.path is not None else None
    if entry.needs_path and path is None:
        raise DataError(f"data set {entry.name!r} needs to know where its pictures lie: --data PATH")
    with blamed(who):
        image_set = entry.open(path, options)
    return check_image_set(image_set, who)


def _provided(host: Host, hook: str, kind: type[E], name: str, word: str) -> tuple[E, str]:
    """An entry, and what it is called where its plugin has to be named."""
    given = host.provided(hook, kind, name, word)
    return given.entry, f"{word} {name!r} of plugin {given.plugin!r}"


def resolve_recipe(recipe: Recipe, image_set: ImageSet) -> Recipe:
    """The recipe with what it leaves to the data: channels as the first picture, class names.

    Raises:
        DataError: labels are asked of a set that has none.
    """
    names = tuple(image_set.class_names)
    if recipe.conditional and not names:
        raise DataError(
            f"recipe {recipe.name!r} trains on labels, but data set {recipe.data.set!r} has none here; "
            "take a labelled set, or --set conditional=false"
        )
    channels = recipe.channels or (1 if image_channels(image_set) == 1 else 3)
    return msgspec.structs.replace(recipe, channels=channels, class_names=names if recipe.conditional else ())


def build_gan(recipe: Recipe, host: Host) -> Gan:
    """The GAN that a resolved recipe describes.

    Raises:
        PluginError: no architecture, loss or penalty of that name. RecipeError: a setting without effect, or unknown.
        SpecError: networks that cannot be built.
    """
    training = recipe.training
    loss, who = _provided(host, "ganforge_losses", LossEntry, training.loss.name, "loss")
    loss = checked_loss(loss, who)
    if training.targets != TargetChoice() and not loss.uses_targets:
        raise RecipeError(f"recipe {recipe.name!r}: [training.targets] has no effect, as loss {loss.name!r} has none")
    penalty = None
    if training.penalty is not None:
        penalty = checked_penalty(*_provided(host, "ganforge_losses", PenaltyEntry, training.penalty.name, "penalty"))
    if recipe.channels is None or recipe.conditional != bool(recipe.class_names):
        raise RecipeError(f"recipe {recipe.name!r}: say channels, and class_names if it is conditional, or give data")
    request = ArchitectureRequest(
        image_shape=(*recipe.size, recipe.channels),
        classes=len(recipe.class_names),
        latent=training.latent.size,
        logits=loss.outputs,
    )
    generator, discriminator = _networks(recipe, request, host)
    gan = Gan(
        generator_network=generator,
        discriminator_network=discriminator,
        protocol=training,
        loss=loss,
        penalty=penalty,
    )
    if gan.image_shape != request.image_shape:
        raise RecipeError(
            f"recipe {recipe.name!r}: its generator makes pictures of {gan.image_shape}, image_size and channels say "
            f"{request.image_shape}"
        )
    return gan


def _networks(recipe: Recipe, request: ArchitectureRequest, host: Host) -> tuple[Network, Network]:
    if recipe.generator is not None and recipe.discriminator is not None:
        return _written_networks(recipe, request, known_kinds(host))
    settings = recipe.architecture or ArchitectureSettings()
    entry, who = _provided(host, "ganforge_architectures", ArchitectureEntry, settings.name, "architecture")
    options = convert(settings.options, entry.options, f"recipe {recipe.name!r}: architecture {entry.name!r}")
    with blamed(who):
        built = entry.build(request, options)
    return check_networks(built, who)


def _written_networks(recipe: Recipe, request: ArchitectureRequest, kinds: Kinds) -> tuple[Network, Network]:
    height, width, channels = request.image_shape
    numbers = {"channels": channels, "classes": request.classes, "latent": request.latent, "logits": request.logits}
    if recipe.width is not None:
        numbers["width"] = recipe.width
    measures = Measures(picture=(height, width), numbers=numbers)
    layers = fill(recipe.written, recipe.layers, measures, f"recipe {recipe.name!r}", kinds.layers)
    generator = Network(input=(request.latent,), layers=layers.generator, classes=request.classes)
    discriminator = Network(input=request.image_shape, layers=layers.discriminator, classes=request.classes)
    for name, network in (("generator", generator), ("discriminator", discriminator)):
        if request.classes and not reads_labels(network.layers):
            raise RecipeError(
                f"recipe {recipe.name!r} is conditional, but its {name} has no layer of kind 'join_label'; "
                "add one, or take --set conditional=false"
            )
        try:
            resolve(network)
        except SpecError as error:
            raise SpecError(
                f"recipe {recipe.name!r} cannot make pictures of {height}x{width}: {name} {error}"
            ) from error
    return generator, discriminator


def find_backend(name: str, host: Host) -> BackendEntry:
    """A backend whose framework is installed.

    Raises:
        PluginError: no such backend, or its framework is missing; the message has the line that installs it.
    """
    entry = host.find("ganforge_backends", BackendEntry, name, "backend")
    missing = missing_modules(entry)
    if missing:
        raise PluginError(
            f"backend {name!r} needs {' and '.join(missing)}, which is not installed; "
            f"run: pip install '{entry.install}'"
        )
    return entry


def missing_modules(entry: BackendEntry) -> list[str]:
    """The modules that a backend needs and that are not installed; none is imported to find out."""
    # Of `jax.numpy` only `jax` is looked for: to find the rest, Python would have to import it.
    return [module for module in entry.modules if find_spec(module.partition(".")[0]) is None]


def open_session(gan: Gan, state: State, recipe: Recipe, backend: str, host: Host) -> Session:
    """A session of `backend` that holds `state`, in the recipe's precision and on its device."""
    return find_opener(recipe, backend, host).open(gan, state, recipe.run.precision, recipe.run.device)


def find_opener(recipe: Recipe, backend: str, host: Host) -> BackendEntry:
    """A backend whose framework is installed and that computes in the recipe's precision.

    Raises:
        PluginError: there is none, or it does not; the message has what there is.
    """
    entry, precision = find_backend(backend, host), recipe.run.precision
    if precision not in entry.precisions:
        raise PluginError(f"backend {backend!r} has no {precision}; take --precision {' or '.join(entry.precisions)}")
    return entry


def steps_in_all(recipe: Recipe, pictures: int) -> int:
    """How many steps a run of the recipe takes on so many pictures.

    Raises:
        DataError: fewer pictures than a batch.
    """
    batch = recipe.training.batch_size
    if pictures < batch:
        raise DataError(
            f"pictures in data set {recipe.data.set!r}: {pictures}, fewer than a batch of {batch}; "
            f"take --batch-size {max(pictures, 1)} or less, or more pictures"
        )
    if recipe.run.steps is not None:
        return recipe.run.steps
    return max(1, (recipe.run.epochs or 1) * (pictures // batch) // recipe.training.discriminator.updates)


def images_hash(prepared: Prepared) -> str:
    """A hash that tells one prepared set from another: its shape, all labels, a thousand pictures spread over it."""
    digest = sha256(str(prepared.images.shape).encode())
    spread = np.linspace(0, len(prepared.images) - 1, min(len(prepared.images), 1000)).astype(np.int64)
    digest.update(np.ascontiguousarray(prepared.images[spread]).data)
    if prepared.labels is not None:
        digest.update(np.ascontiguousarray(prepared.labels).data)
    return digest.hexdigest()[:32]
