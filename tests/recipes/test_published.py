"""The recipes of published GANs: the paper's network at its size, any other size, the same numbers everywhere."""

from math import prod
from pathlib import Path
from typing import Any

import pytest
from frameworks import need
from tiers import few

import ganforge
from ganforge.errors import RecipeError, SpecError
from ganforge.plugins.host import default_host
from ganforge.spec.gan import NETWORKS, Gan
from ganforge.spec.layers import Attention, Conv, ConvTranspose, Dense, ProjectLabel
from ganforge.spec.layers.chain import walk
from ganforge.training.backends import find_backend
from ganforge.training.experiment import resolve_networks

PUBLISHED = (
    "acgan",
    "few-images",
    "light",
    "lsgan",
    "projection",
    "r3gan",
    "sagan",
    "sngan",
    "sngan-resnet",
    "wgan-gp",
)
BY_CLASS = ("acgan", "projection", "sagan")


def narrow(name: str) -> dict[str, Any]:
    """The setting that makes its networks as narrow as they can be."""
    if name == "few-images":
        return {"architecture.width": 2}
    return {"width": 4 if name == "sagan" else 2}  # attention takes an eighth of the channels


def small(name: str) -> dict[str, Any]:
    """Settings with which a step takes a moment. The digits have labels."""
    return {"training.batch_size": 4, "data.set": "digits", "image_size": [17, 20]} | narrow(name)


def built(name: str, **overrides: Any) -> Gan:
    """The GAN of a recipe, for images of three channels and, where it reads labels, ten classes."""
    names = [str(number) for number in range(10)] if name in BY_CLASS or overrides.get("conditional") else []
    given = {"channels": 3, "class_names": names} | overrides
    return resolve_networks(ganforge.load_recipe(name, overrides=given), default_host()).gan


def test_at_32_pixels_the_residual_networks_are_the_papers() -> None:
    """Their numbers of weights, block by block."""

    def conv(kernel: int, channels: int, filters: int) -> int:
        return kernel**2 * channels * filters + filters

    def weights(gan: Gan) -> list[int]:
        return [sum(prod(e.shape) for e in gan.parameters(each) if e.trained) for each in NETWORKS]

    def generator(wide: int) -> int:
        block = 2 * wide + conv(3, wide, wide) + 2 * wide + conv(3, wide, wide) + conv(1, wide, wide)
        return 129 * 16 * wide + 3 * block + 2 * wide + conv(3, wide, 3)

    first = conv(3, 3, 128) + conv(3, 128, 128) + conv(1, 3, 128)
    second = 2 * conv(3, 128, 128) + conv(1, 128, 128)
    discriminator = first + second + 2 * (2 * conv(3, 128, 128)) + 128 + 1
    assert weights(built("sngan-resnet")) == [generator(256), discriminator]
    assert weights(built("wgan-gp")) == [generator(128), discriminator]
    projection = weights(built("projection"))
    assert projection[0] == generator(256) + 9 * 3 * 4 * 256  # scale and offset of each class
    assert projection[1] == discriminator + 10 * 128


@pytest.mark.parametrize("name", PUBLISHED)
def test_any_size_from_16_pixels(name: str) -> None:
    for size in ((16, 16), (28, 28), (17, 40), (128, 128)):
        gan = built(name, image_size=size, **narrow(name))
        assert gan.image_shape == (*size, 3)
        sides = [min(node.output[:2]) for each in NETWORKS for node in walk(gan.nodes(each)) if len(node.output) == 3]
        assert 4 <= min(side for side in sides if side > 1) <= 8


@pytest.mark.parametrize("name", [name for name in PUBLISHED if name not in BY_CLASS])
def test_with_labels_on_request(name: str) -> None:
    assert built(name, conditional=True, **narrow(name)).classes == 10


@pytest.mark.parametrize("name", BY_CLASS)
def test_those_by_class_need_labels(name: str) -> None:
    with pytest.raises((SpecError, RecipeError), match="conditional = true"):
        built(name, conditional=False, class_names=[])


def test_what_is_normalised_by_its_spectrum() -> None:
    def normalised(name: str, network: Any) -> set[bool]:
        kinds = (Conv, ConvTranspose, Dense, ProjectLabel)
        nodes = walk(built(name, width=8).nodes(network))
        return {node.layer.spectral_norm for node in nodes if isinstance(node.layer, kinds)}

    for name in ("sngan", "sngan-resnet", "projection"):
        assert (normalised(name, "generator"), normalised(name, "discriminator")) == ({False}, {True}), name
    assert normalised("sagan", "generator") == normalised("sagan", "discriminator") == {True}
    assert normalised("wgan-gp", "discriminator") == {False}


def test_attention_stands_at_half_the_size_of_the_image() -> None:
    for size in (16, 32, 64):
        gan = built("sagan", image_size=size, width=8)
        places = [
            node.input[:2] for network in NETWORKS for node in gan.nodes(network) if type(node.layer) is Attention
        ]
        assert places == [(size // 2, size // 2)] * 2


def test_small_r3gan_begins_as_its_skeleton_and_has_no_norm() -> None:
    gan = built("r3gan", width=2)
    kinds = {type(node.layer).__name__ for network in NETWORKS for node in walk(gan.nodes(network))}
    assert not any("Norm" in kind for kind in kinds)
    state = gan.initial_state(0)
    last = [name for name in state if name.endswith("04_conv/kernel") and not name.startswith("optimizer/")]
    assert len(last) == 12  # a block at each of four sizes, in three lists of weights
    assert not any(state[name].any() for name in last)
    groups = {node.layer.groups for network in NETWORKS for node in walk(gan.nodes(network)) if _is_grouped(node)}
    assert groups == {2, 16}


def _is_grouped(node: Any) -> bool:
    return isinstance(node.layer, Conv | ConvTranspose) and node.layer.groups > 1


def test_the_classifier_reads_no_label_and_names_each() -> None:
    gan = built("acgan", width=2)
    assert gan.discriminator[-1].output == (11,)
    assert not any(node.layer.reads_labels for node in walk(gan.discriminator))


@pytest.mark.parametrize("name", few(PUBLISHED, ["acgan"]))
def test_trains_and_draws_and_goes_on_in_another_framework(name: str, tmp_path: Path) -> None:
    need("torch")
    run = ganforge.train(name, backend="torch", out=tmp_path / "run", steps=2, overrides=small(name))
    assert ganforge.load(run.folder).sample(3).shape == (3, 17, 20, 1)
    if name != "acgan":  # one in the fast tier is enough: TensorFlow compiles for seconds
        need("tensorflow")
        assert ganforge.resume(run.folder, backend="tensorflow", steps=3).step == 3


@pytest.mark.parametrize(
    ("name", "framework"),
    [
        pytest.param(name, framework, marks=[pytest.mark.slow] * ((name, framework) != ("acgan", "torch")))
        for name in PUBLISHED
        for framework in ("torch", "tensorflow", "jax")
        if framework != "jax" or name in ("acgan", "r3gan")  # which compiles each for most of a minute
    ],
)
def test_the_numbers_are_the_reference_s(name: str, framework: str) -> None:
    need(framework)
    need("autograd")
    from ganforge.parity import compare
    from ganforge.parity.trial import trial
    from ganforge.testing import REFERENCE

    made = trial(ganforge.load_recipe(name, overrides=small(name)), default_host())
    backend = find_backend(framework, default_host())
    report = compare(made.experiment.gan, REFERENCE, backend, inputs=made.inputs, state=made.state, steps=2)
    assert report.ok, report.first
