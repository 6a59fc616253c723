"""From a recipe to its two networks."""

from ganforge.errors import RecipeError, SpecError
from ganforge.recipes.kinds import reads_labels
from ganforge.recipes.schema import Recipe
from ganforge.recipes.templates import Measures, fill, reduction
from ganforge.spec.architectures import ArchitectureEntry, ArchitectureRequest
from ganforge.spec.checks import blamed, check_networks
from ganforge.spec.gan import Gan
from ganforge.spec.kinds import Kinds
from ganforge.spec.network import Network, resolve
from ganforge.spec.protocol import TargetChoice
from ganforge.training.parts import Part, Parts


def build_gan(recipe: Recipe, parts: Parts) -> Gan:
    """The GAN that a resolved recipe describes.

    Raises:
        RecipeError: a setting without effect, or unknown.
        SpecError: networks that cannot be built.
    """
    training, loss = recipe.training, parts.loss
    if training.targets != TargetChoice() and not loss.uses_targets:
        raise RecipeError(f"recipe {recipe.name!r}: [training.targets] has no effect, as loss {loss.name!r} has none")
    if recipe.channels is None or recipe.conditional != bool(recipe.class_names):
        raise RecipeError(f"recipe {recipe.name!r}: say channels, and class_names if it is conditional, or give data")
    request = ArchitectureRequest(
        image_shape=(*recipe.size, recipe.channels),
        classes=len(recipe.class_names),
        latent=training.latent.size,
        logits=loss.logits(len(recipe.class_names)),
    )
    if parts.architecture is None:
        generator, discriminator = _written_networks(recipe, request, parts.kinds, named=loss.classifies)
    else:
        generator, discriminator = _built_networks(request, parts.architecture)
    gan = Gan(
        generator_network=generator,
        discriminator_network=discriminator,
        protocol=training,
        loss=loss,
        penalty=parts.penalty,
    )
    if gan.image_shape != request.image_shape:
        raise RecipeError(
            f"recipe {recipe.name!r}: its generator makes images of {gan.image_shape}, image_size and channels say "
            f"{request.image_shape}"
        )
    return gan


def _built_networks(request: ArchitectureRequest, architecture: Part[ArchitectureEntry]) -> tuple[Network, Network]:
    who = f"architecture {architecture.entry.name!r} of plugin {architecture.plugin!r}"
    with blamed(who):
        built = architecture.entry.build(request, architecture.options)
    return check_networks(built, who)


def _written_networks(
    recipe: Recipe, request: ArchitectureRequest, kinds: Kinds, *, named: bool
) -> tuple[Network, Network]:
    """named: whether the discriminator names the label, so that it need not read it."""
    height, width, channels = request.image_shape
    numbers = {
        "channels": channels,
        "classes": request.classes,
        "latent": request.latent,
        "logits": request.logits,
        "reduction": reduction(height, width),
    }
    if recipe.width is not None:
        numbers["width"] = recipe.width
    measures = Measures(image=(height, width), numbers=numbers)
    layers = fill(recipe.written, recipe.layers, measures, f"recipe {recipe.name!r}", kinds.layers)
    generator = Network(input=(request.latent,), layers=layers.generator, classes=request.classes)
    discriminator = Network(input=request.image_shape, layers=layers.discriminator, classes=request.classes)
    for name, network in (("generator", generator), ("discriminator", discriminator)):
        told = named and network is discriminator
        if request.classes and not told and not reads_labels(network.layers):
            raise RecipeError(
                f"recipe {recipe.name!r} is conditional, but its {name} has no layer of kind 'join_label'; "
                "add one, or take --set conditional=false"
            )
        try:
            resolve(network)
        except SpecError as error:
            raise SpecError(f"recipe {recipe.name!r} cannot make images of {height}x{width}: {name} {error}") from error
    return generator, discriminator
