"""dcgan fits for every image: any size from 8, square or not, grey or colour, with labels or without."""

from dataclasses import replace
from itertools import pairwise
from math import prod
from typing import Any

import msgspec
import pytest
from fakes import loss
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ganforge.errors import SpecError
from ganforge.spec.architecture_library import ARCHITECTURES, DcganOptions, build_dcgan, halvings
from ganforge.spec.architectures import ArchitectureEntry, ArchitectureRequest
from ganforge.spec.gan import Gan
from ganforge.spec.layers import BatchNorm, Conv, ConvTranspose, Dropout, JoinLabel, Sigmoid, Tanh
from ganforge.spec.protocol import Latent, Protocol

SIDE = st.integers(8, 256)


def dcgan(shape: tuple[int, int, int] = (64, 64, 3), classes: int = 0, latent: int = 5, **options: Any) -> Gan:
    logits = options.pop("logits", 1)
    request = ArchitectureRequest(image_shape=shape, classes=classes, latent=latent, logits=logits)
    generator, discriminator = build_dcgan(request, DcganOptions(**options))
    return Gan(
        generator_network=generator,
        discriminator_network=discriminator,
        protocol=Protocol(batch_size=4, latent=Latent(size=latent)),
        loss=loss("bce" if logits == 1 else "softmax"),
    )


@settings(max_examples=300)
@given(
    SIDE,
    SIDE,
    st.sampled_from([1, 3]),
    st.sampled_from([0, 1, 10]),
    st.integers(2, 6),
    st.sampled_from([1, 2]),
    st.booleans(),
)
@example(8, 8, 1, 0, 4, 1, True)
@example(256, 8, 3, 10, 5, 2, False)
@example(9, 255, 1, 1, 3, 1, True)
@example(28, 28, 1, 10, 5, 1, False)
def test_it_fits_any_image(
    height: int, width: int, channels: int, classes: int, kernel: int, logits: int, every: bool
) -> None:
    """`Gan` refuses what does not fit; beyond that each network goes through the halvings, down and back up."""
    gan = dcgan(
        (height, width, channels),
        classes,
        width=1,
        kernel=kernel,
        logits=logits,
        join_labels="every" if every else "first",
    )
    assert gan.image_shape == (height, width, channels)
    assert gan.discriminator[-1].output == (logits,)
    sizes = halvings(height, width)
    up = [node.output[:2] for node in gan.generator if isinstance(node.layer, ConvTranspose)]
    down = [node.output[:2] for node in gan.discriminator if isinstance(node.layer, Conv)]
    assert up == sizes[::-1]
    assert down == [*sizes[1:], (1, 1)]


@given(SIDE, SIDE)
def test_halvings_halve_rounding_up_until_a_side_is_below_8(height: int, width: int) -> None:
    sizes = halvings(height, width)
    assert sizes[0] == (height, width)
    for (tall, wide), (half_tall, half_wide) in pairwise(sizes):
        assert (half_tall, half_wide) == ((tall + 1) // 2, (wide + 1) // 2)
        assert min(tall, wide) >= 8
    assert 4 <= min(sizes[-1]) < 8


def test_sizes_by_hand() -> None:
    assert halvings(28, 28) == [(28, 28), (14, 14), (7, 7)]
    assert halvings(108, 64) == [(108, 64), (54, 32), (27, 16), (14, 8), (7, 4)]
    assert halvings(8, 8) == [(8, 8), (4, 4)]


def test_the_papers_network_for_64_pixels() -> None:
    """Radford et al. 2015, figure 1: channels halve each time, here from 512; 6.3 million weights."""
    gan = dcgan((64, 64, 3), latent=100)
    maps = [node.output for node in gan.generator if isinstance(node.layer, ConvTranspose)]
    assert maps == [(4, 4, 512), (8, 8, 256), (16, 16, 128), (32, 32, 64), (64, 64, 3)]
    maps = [node.output for node in gan.discriminator if isinstance(node.layer, Conv)]
    assert maps == [(32, 32, 64), (16, 16, 128), (8, 8, 256), (4, 4, 512), (1, 1, 1)]
    weights = sum(
        prod(each.shape)
        for name in ("generator", "discriminator")
        for each in gan.parameters(name)
        if each.name.endswith("kernel")
    )
    assert weights == 3_574_784 + 2_763_776


def norms(gan: Gan, network: Any) -> list[str]:
    """The kind of layer that each batch norm stands behind."""
    nodes = gan.nodes(network)
    return [type(before.layer).__name__ for before, node in pairwise(nodes) if isinstance(node.layer, BatchNorm)]


def test_batch_norm_spares_the_generators_output_and_the_discriminators_ends() -> None:
    gan = dcgan((32, 32, 1))
    assert norms(gan, "generator") == ["ConvTranspose"] * 3
    assert norms(gan, "discriminator") == ["Conv"] * 2
    assert norms(dcgan((32, 32, 1), discriminator_norm=False), "discriminator") == []


def count(gan: Gan, network: Any, kind: type) -> int:
    return sum(isinstance(node.layer, kind) for node in gan.nodes(network))


def test_labels_join_first_or_before_every_convolution() -> None:
    assert [count(dcgan((32, 32, 1)), name, JoinLabel) for name in ("generator", "discriminator")] == [0, 0]
    first = dcgan((32, 32, 1), 10)
    assert [count(first, name, JoinLabel) for name in ("generator", "discriminator")] == [1, 1]
    every = dcgan((32, 32, 1), 10, join_labels="every")
    assert count(every, "generator", JoinLabel) == count(every, "generator", ConvTranspose) == 4
    assert count(every, "discriminator", JoinLabel) == count(every, "discriminator", Conv) == 4


def test_dropout_follows_each_activation_of_the_discriminator_alone() -> None:
    gan = dcgan((32, 32, 1), dropout=0.3)
    assert [count(gan, name, Dropout) for name in ("generator", "discriminator")] == [0, 3]
    assert count(dcgan((32, 32, 1)), "discriminator", Dropout) == 0


def test_the_output() -> None:
    assert isinstance(dcgan().generator[-1].layer, Tanh)
    gan = dcgan(output="sigmoid")
    assert isinstance(gan.generator[-1].layer, Sigmoid)
    assert gan.pixel_range == (0.0, 1.0)


def test_a_shift_invariant_loss_stills_its_last_bias() -> None:
    gan = replace(dcgan((8, 8, 1)), loss=loss("wasserstein"))
    assert [each.name for each in gan.parameters("discriminator") if each.zero_gradient][-1] == "02_conv/bias"


@pytest.mark.parametrize("size", [(7, 64), (64, 7), (1, 1)])
def test_too_small_a_image_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(SpecError, match=rf"8 pixels or more on each side, not {size[0]}x{size[1]}; set image_size"):
        dcgan((*size, 1))


def test_a_kernel_that_leaves_gaps_is_refused() -> None:
    with pytest.raises(SpecError, match="gaps"):
        dcgan((8, 8, 1), kernel=1)


@pytest.mark.parametrize(
    "given",
    [{"width": 0}, {"dropout": 1.0}, {"dropout": -0.1}, {"output": "relu"}, {"join_labels": "all"}, {"widht": 3}],
    ids=str,
)
def test_options_that_are_refused(given: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(given, DcganOptions)


def test_it_comes_by_the_hook() -> None:
    (entry,) = ARCHITECTURES
    assert isinstance(entry, ArchitectureEntry)
    assert (entry.name, entry.options, entry.build) == ("dcgan", DcganOptions, build_dcgan)
