"""The recipes that reproduce published systems: what they say, any size they are asked for, and both frameworks."""

from pathlib import Path
from typing import Any

import pytest
from frameworks import need
from msgspec.structs import replace
from tiers import few, slow

import ganforge
from ganforge.data import Resizing
from ganforge.errors import RecipeError, SpecError
from ganforge.plugins.host import default_host
from ganforge.spec.gan import Gan
from ganforge.spec.layers import BatchNorm, Conv, ConvTranspose, Dense, Dropout, LeakyRelu
from ganforge.spec.layers.chain import walk
from ganforge.spec.layers.contract import Node
from ganforge.spec.layers.convolution import pair
from ganforge.spec.layers.initializers import ONES, ZEROS, GlorotUniform, HeNormal, Normal, TruncatedNormal
from ganforge.spec.optimizers import Adam, RMSprop
from ganforge.spec.protocol import Average, Latent, LossChoice, Player, Protocol, TargetChoice
from ganforge.training.experiment import resolve_networks

SYSTEMS = ("faces", "frogs", "celeba", "anime", "carpedm20", "cgan-mnist")
TINY = {"width": 2, "image_size": [27, 24], "training": {"batch_size": 4}, "data": {"set": "digits"}}
"""So that a framework's step takes a moment; the size that every recipe can make, odd on one side."""


def built(name: str, **overrides: Any) -> Gan:
    """The GAN of a shipped recipe: images of three channels and ten labels where it does not say otherwise."""
    recipe = ganforge.load_recipe(name)
    given: dict[str, Any] = {"channels": recipe.channels or 3, "conditional": recipe.conditional} | overrides
    given["class_names"] = [str(number) for number in range(10)] if given["conditional"] else []
    return resolve_networks(ganforge.load_recipe(name, overrides=given), default_host()).gan


def written(nodes: tuple[Node, ...]) -> str:
    """The layers in short: kind, output shape where it changes, kernel and stride."""
    lines = []
    for node in walk(nodes):
        line = node.layer.__struct_config__.tag
        if node.output != node.input:
            line += f" {'x'.join(map(str, node.output))}"
        if isinstance(node.layer, Conv | ConvTranspose):
            line += f" k{pair(node.layer.kernel)[0]} s{pair(node.layer.stride)[0]}"
        lines.append(str(line))
    return ", ".join(lines)


NETWORKS = {
    "faces": (
        "dense 16384, reshape 4x4x1024, batch_norm, relu, conv_transpose 8x8x512 k5 s2, batch_norm, relu, "
        "conv_transpose 16x16x256 k5 s2, batch_norm, relu, conv_transpose 32x32x128 k5 s2, batch_norm, relu, "
        "conv_transpose 64x64x3 k5 s2, tanh",
        "conv 32x32x64 k5 s2, batch_norm, leaky_relu, conv 16x16x128 k5 s2, batch_norm, leaky_relu, "
        "conv 8x8x256 k5 s2, batch_norm, leaky_relu, conv 4x4x512 k5 s2, batch_norm, leaky_relu, flatten 8192, dense 1",
    ),
    "frogs": (
        "dense 32768, leaky_relu, reshape 16x16x128, conv 16x16x256 k5 s1, leaky_relu, conv_transpose 32x32x256 k4 s2, "
        "leaky_relu, conv k5 s1, leaky_relu, conv k5 s1, leaky_relu, conv 32x32x3 k7 s1, tanh",
        "conv 30x30x128 k3 s1, leaky_relu, conv 14x14x128 k4 s2, leaky_relu, conv 6x6x128 k4 s2, leaky_relu, "
        "conv 2x2x128 k4 s2, leaky_relu, flatten 512, dropout, dense 1",
    ),
    "celeba": (
        "reshape 1x1x100, batch_norm, conv_transpose 4x4x512 k4 s1, leaky_relu, batch_norm, "
        "conv_transpose 8x8x256 k4 s2, leaky_relu, batch_norm, conv_transpose 16x16x128 k4 s2, leaky_relu, batch_norm, "
        "conv_transpose 32x32x64 k4 s2, leaky_relu, batch_norm, conv_transpose 64x64x3 k4 s2, tanh",
        "conv 32x32x64 k4 s2, leaky_relu, batch_norm, conv 16x16x128 k4 s2, leaky_relu, batch_norm, "
        "conv 8x8x256 k4 s2, leaky_relu, batch_norm, conv 4x4x512 k4 s2, leaky_relu, batch_norm, "
        "conv 1x1x1 k4 s1, flatten 1",
    ),
    "anime": (
        "dense 18432, batch_norm, relu, reshape 6x6x512, residual, conv k3 s1, batch_norm, relu, conv k3 s1, "
        "batch_norm, relu, conv_transpose 12x12x256 k4 s2, batch_norm, relu, conv_transpose 24x24x128 k4 s2, "
        "batch_norm, relu, conv_transpose 48x48x64 k4 s2, batch_norm, relu, conv_transpose 96x96x3 k4 s2, tanh",
        "conv 48x48x64 k4 s2, leaky_relu, dropout, conv 24x24x128 k4 s2, batch_norm, leaky_relu, dropout, "
        "conv 12x12x256 k4 s2, batch_norm, leaky_relu, dropout, conv 6x6x512 k4 s2, batch_norm, leaky_relu, dropout, "
        "flatten 18432, dense 2",
    ),
    "carpedm20": (
        "dense 8192, reshape 4x4x512, batch_norm, relu, conv_transpose 8x8x256 k5 s2, batch_norm, relu, "
        "conv_transpose 16x16x128 k5 s2, batch_norm, relu, conv_transpose 32x32x64 k5 s2, batch_norm, relu, "
        "conv_transpose 64x64x3 k5 s2, tanh",
        "conv 32x32x64 k5 s2, leaky_relu, conv 16x16x128 k5 s2, batch_norm, leaky_relu, conv 8x8x256 k5 s2, "
        "batch_norm, leaky_relu, conv 4x4x512 k5 s2, batch_norm, leaky_relu, flatten 8192, dense 1",
    ),
    "cgan-mnist": (
        "join_label 110, dense 1024, batch_norm, relu, join_label 1034, dense 6272, batch_norm, relu, reshape 7x7x128, "
        "join_label 7x7x138, conv_transpose 14x14x128 k5 s2, batch_norm, relu, join_label 14x14x138, "
        "conv_transpose 28x28x1 k5 s2, sigmoid",
        "join_label 28x28x11, conv 14x14x11 k5 s2, leaky_relu, join_label 14x14x21, conv 7x7x74 k5 s2, batch_norm, "
        "leaky_relu, flatten 3626, join_label 3636, dense 1024, batch_norm, leaky_relu, join_label 1034, dense 1",
    ),
}

GLOROT, NORMAL = GlorotUniform(), Normal(std=0.02)
SETTINGS: dict[str, dict[str, Any]] = {
    "faces": {"norm": (0.99, 1e-3), "slope": 0.2, "dense": GLOROT, "conv": GLOROT, "transposed": GLOROT},
    "frogs": {"slope": 0.3, "dropout": 0.4, "dense": GLOROT, "conv": GLOROT, "transposed": GLOROT},
    "celeba": {"norm": (0.9, 1e-5), "slope": 0.2, "conv": NORMAL, "transposed": NORMAL},
    "anime": {
        "norm": (0.5, 1e-5),
        "slope": 0.2,
        "dropout": 0.4,
        "dense": GLOROT,
        "conv": HeNormal(),
        "transposed": GLOROT,
    },
    "carpedm20": {
        "norm": (0.9, 1e-5),
        "slope": 0.2,
        "dense": NORMAL,
        "conv": TruncatedNormal(std=0.02),
        "transposed": NORMAL,
    },
}
SETTINGS["cgan-mnist"] = SETTINGS["carpedm20"]


def adam(rate: float, beta1: float, *, hat: bool, **player: Any) -> Player:
    optimizer = Adam(learning_rate=rate, beta1=beta1, beta2=0.999, epsilon=1e-8, epsilon_hat=hat)
    return Player(optimizer=optimizer, **player)


def rmsprop(rate: float) -> Player:
    return Player(optimizer=RMSprop(learning_rate=rate, rho=0.9, epsilon=1e-7, rate_decay=1e-8, clip=1.0))


UNIFORM = Latent(size=100, distribution="uniform", low=-1.0, high=1.0)
TRAINING = {
    "faces": Protocol(
        batch_size=64,
        latent=UNIFORM,
        discriminator=adam(5e-5, 0.5, hat=True),
        generator=adam(5e-5, 0.5, hat=True),
        order="sequential",
    ),
    "frogs": Protocol(
        batch_size=20,
        latent=Latent(size=32),
        loss=LossChoice(name="bce", discriminator_scale=0.5),
        targets=TargetChoice(real=0.0, fake=1.0, noise=0.05),
        discriminator=rmsprop(8e-4),
        generator=rmsprop(4e-4),
        batches="joint",
        order="sequential",
    ),
    "celeba": Protocol(
        batch_size=128,
        latent=Latent(size=100),
        loss=LossChoice(name="bce", discriminator_scale=0.5),
        discriminator=adam(2e-4, 0.5, hat=False),
        generator=adam(2e-4, 0.5, hat=False),
        order="sequential",
        keep_last=True,
        running_values="every_pass",
    ),
    "anime": Protocol(
        batch_size=100,
        latent=Latent(size=72, distribution="uniform", low=0.0, high=1.0),
        loss=LossChoice(name="softmax"),
        discriminator=adam(2e-4, 0.8, hat=True),
        generator=adam(2e-4, 0.8, hat=True),
    ),
    "carpedm20": Protocol(
        batch_size=64,
        latent=UNIFORM,
        discriminator=adam(2e-4, 0.5, hat=True),
        generator=adam(2e-4, 0.5, hat=True, updates=2),
        latents="shared",
        running_values="every_pass",
    ),
}
TRAINING["cgan-mnist"] = replace(TRAINING["carpedm20"], average=Average(decay=0.995))


# What they say -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_networks(name: str) -> None:
    gan = built(name)
    assert (written(gan.generator), written(gan.discriminator)) == NETWORKS[name]


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_settings_of_every_layer(name: str) -> None:
    gan, expected = built(name), SETTINGS[name]
    for node in (*walk(gan.generator), *walk(gan.discriminator)):
        match node.layer:
            case BatchNorm() as layer:
                assert (layer.decay, layer.epsilon) == expected["norm"]
                assert layer.scale_init == (Normal(mean=1.0, std=0.02) if name == "celeba" else ONES)
            case LeakyRelu(slope=slope):
                assert slope == expected["slope"]
            case Dropout(rate=rate, scale_at=scale_at):
                assert rate == expected["dropout"]
                assert scale_at == ("inference" if name == "anime" else "training")
            case Dense() | Conv() | ConvTranspose() as layer:
                kinds = {Dense: "dense", Conv: "conv", ConvTranspose: "transposed"}
                assert layer.kernel_init == expected[kinds[type(layer)]]
                assert (layer.bias, layer.bias_init) == (True, ZEROS)


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_training(name: str) -> None:
    assert ganforge.load_recipe(name).training == TRAINING[name]


@pytest.mark.parametrize("name", SYSTEMS)
def test_at_even_sizes_same_is_the_padding_of_the_original(name: str) -> None:
    """4x4 kernels with stride 2 have one row or column on every side, as PyTorch and Paddle write it."""
    gan = built(name)
    seen = {
        node.padding
        for node in (*walk(gan.generator), *walk(gan.discriminator))
        if isinstance(node.layer, Conv | ConvTranspose) and (pair(node.layer.kernel)[0], node.layer.stride) == (4, 2)
    }
    valid = {((0, 0), (0, 0))} if name == "frogs" else set()
    assert seen <= {((1, 1), (1, 1))} | valid


def test_the_pixels_lie_where_the_generator_can_reach_them() -> None:
    assert {name: built(name).pixel_range for name in SYSTEMS} == dict.fromkeys(SYSTEMS, (-1.0, 1.0)) | {
        "cgan-mnist": (0.0, 1.0)
    }


# Any size, channels, labels ------------------------------------------------------------------------------------------


SIZES = (8, 28, 31, 96, "108x64", "64x108", "33x257", 256)
UNPADDED = ("frogs", 8)
"""Its convolutions without padding leave nothing of 8 pixels; `test_frogs_needs_24_pixels_and_says_so` has the rest."""


@pytest.mark.parametrize(
    ("name", "size"),
    [
        (name, size) if size in (8, 31) else slow(name, size)
        for name in SYSTEMS
        for size in SIZES
        if (name, size) != UNPADDED
    ],
)
def test_any_size(name: str, size: int | str) -> None:
    height, width = (size, size) if isinstance(size, int) else map(int, size.split("x"))
    for channels in (1, 3):
        for conditional in (False, True):
            gan = built(name, image_size=size, channels=channels, conditional=conditional)
            assert gan.image_shape == (height, width, channels)
            assert gan.classes == (10 if conditional else 0)


def test_frogs_needs_24_pixels_and_says_so() -> None:
    assert built("frogs", image_size=24).image_shape == (24, 24, 3)
    with pytest.raises(SpecError, match=r"recipe 'frogs' cannot make images of 23x64: discriminator layer 06_conv"):
        built("frogs", image_size="23x64")


def test_the_width_is_that_of_all_layers() -> None:
    wide, narrow = built("anime"), built("anime", width=16)
    for one, other in zip(walk(wide.generator)[:-2], walk(narrow.generator)[:-2], strict=True):
        assert one.output[-1] == 4 * other.output[-1]


def test_another_loss_has_its_own_number_of_logits() -> None:
    gan = built("anime", training={"loss": {"name": "hinge"}})
    assert gan.discriminator[-1].output == (1,)


def test_a_conditional_recipe_whose_network_never_sees_the_label() -> None:
    layers = {"generator": [{"kind": "dense", "units": "channels"}], "discriminator": [{"kind": "join_label"}]}
    with pytest.raises(RecipeError, match=r"recipe 'faces' is conditional, but its generator has no .* 'join_label'"):
        built("faces", conditional=True, **layers)


@pytest.mark.parametrize("key", ["width", "layers"])
def test_an_architecture_takes_neither_width_nor_layers(key: str) -> None:
    value = {"width": 8, "layers": {"conv": {"kernel": 3}}}[key]
    with pytest.raises(RecipeError, match=r"have no effect where no layers are written out; .* architecture.width"):
        ganforge.load_recipe("dcgan", overrides={key: value})


def test_a_value_of_all_layers_of_a_kind_can_be_set() -> None:
    recipe = ganforge.load_recipe("frogs", assignments=("layers.dropout.rate=0.6", "channels=3"))
    gan = resolve_networks(recipe, default_host()).gan
    assert [node.layer.rate for node in gan.discriminator if isinstance(node.layer, Dropout)] == [0.6]


# In both frameworks --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", few(SYSTEMS, ["faces"]))
def test_trains_and_is_resumed_in_both(name: str, tmp_path: Path) -> None:
    need("torch")
    need("tensorflow")
    overrides = TINY | {"run": {"steps": 1, "log_every": 1}}
    run = ganforge.train(name, backend="torch", out=tmp_path / "run", overrides=overrides)
    run = ganforge.resume(run.folder, backend="tensorflow", steps=2)
    run = ganforge.resume(run.folder, backend="torch", steps=3)
    assert run.step == 3
    assert (run.recipe.generator, run.recipe.width) == (ganforge.load_recipe(name).generator, 2)
    images = ganforge.load(run.folder).sample(4)
    assert images.shape == (4, 27, 24, run.recipe.channels)


@pytest.mark.parametrize("name", few(SYSTEMS, ["cgan-mnist"]))
def test_both_compute_the_same(name: str) -> None:
    need("torch")
    need("tensorflow")
    from ganforge.parity import compare
    from ganforge.parity.trial import find_backends, trial

    made = trial(ganforge.load_recipe(name, overrides=TINY), default_host())
    report = compare(
        made.experiment.gan,
        *find_backends(["torch", "tensorflow"], default_host()),
        inputs=made.inputs,
        state=made.state,
        steps=3,
    )
    assert report.ok, report.first


@pytest.mark.parametrize(
    ("recipe", "resizing"),
    [
        ("celeba", Resizing(fit="resize_crop", filter="bilinear", crop_rounding="even")),
        ("carpedm20", Resizing(crop=(108, 108), crop_rounding="even", crop_small="keep", filter="bilinear")),
        ("faces", Resizing(filter="nearest")),
        ("anime", Resizing()),
        ("frogs", Resizing()),
        ("dcgan", Resizing()),
    ],
)
def test_images_are_resized_as_the_original_did(recipe: str, resizing: Resizing) -> None:
    assert ganforge.load_recipe(recipe).data.resizing == resizing
