"""Architectures: named builders that make a generator and a discriminator for any image size.

Depth and sizes follow the image: it is halved, rounding up, while its shorter side is at least 8, so that 28 becomes
14, 7 and 108x64 becomes 54x32, 27x16, 14x8, 7x4; the generator goes the same way back, given each size, and odd ones
come out right. A third party's architecture is an `ArchitectureEntry` from the hook `ganforge_architectures()`.
"""

from typing import Literal

import msgspec

from ganforge.errors import SpecError
from ganforge.spec.architectures import ArchitectureEntry, ArchitectureRequest
from ganforge.spec.layers import (
    BatchNorm,
    Conv,
    ConvTranspose,
    Dropout,
    Flatten,
    JoinLabel,
    LeakyRelu,
    Relu,
    Reshape,
    Sigmoid,
    Tanh,
)
from ganforge.spec.layers.contract import Count, Layer
from ganforge.spec.layers.initializers import Normal, Positive
from ganforge.spec.network import Network
from ganforge.spec.schedules import Fraction


def halvings(height: int, width: int) -> list[tuple[int, int]]:
    """Sizes from the image down, each half of the one before, rounded up, while the shorter side is at least 8."""
    sizes = [(height, width)]
    while min(sizes[-1]) >= 8:
        sizes.append((-(-sizes[-1][0] // 2), -(-sizes[-1][1] // 2)))
    return sizes


class DcganOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of `dcgan`."""

    width: Count = 64
    """Channels at the largest size; doubled at every halving."""
    kernel: Count = 4
    """4: what everybody uses today; 5: the paper's."""
    slope: Positive = 0.2
    decay: Fraction = 0.9
    epsilon: Positive = 1e-5
    weights: Positive = 0.02
    """Standard deviation of the initial kernels; the initial scales of batch norm are N(1, weights)."""
    discriminator_norm: bool = True
    """Batch norm in the discriminator, on all layers but its first."""
    dropout: Fraction = 0.0
    """Of the discriminator, after each of its activations."""
    output: Literal["tanh", "sigmoid"] = "tanh"
    join_labels: Literal["first", "every"] = "first"
    """Whether a label is joined before the first layer of each network or again before every one."""


def build_dcgan(request: ArchitectureRequest, options: DcganOptions) -> tuple[Network, Network]:
    """Radford, Metz and Chintala 2015, section 3: strided convolutions, batch norm, no hidden dense layers."""
    kernel_init, scale_init = Normal(std=options.weights), Normal(std=options.weights, mean=1.0)
    norm = BatchNorm(decay=options.decay, epsilon=options.epsilon, scale_init=scale_init)
    *upper, smallest = halvings(*request.image_shape[:2])
    if not upper:
        height, width, _ = request.image_shape
        raise SpecError(f"dcgan makes images of 8 pixels or more on each side, not {height}x{width}; set image_size")
    first_join, join = _joins(request, every=options.join_labels == "every")

    generator: list[Layer] = [
        *first_join,
        Reshape(shape=(1, 1, request.latent + request.classes)),
        ConvTranspose(
            filters=options.width * 2 ** (len(upper) - 1),
            kernel=smallest,
            padding="valid",
            kernel_init=kernel_init,
        ),
        norm,
        Relu(),
    ]
    for depth, size in reversed(list(enumerate(upper))):
        filters = options.width * 2 ** (depth - 1) if depth else request.image_shape[2]
        generator += [
            *join,
            ConvTranspose(filters=filters, kernel=options.kernel, stride=2, size=size, kernel_init=kernel_init),
        ]
        generator += [norm, Relu()] if depth else [Tanh() if options.output == "tanh" else Sigmoid()]

    discriminator: list[Layer] = [*first_join]
    for depth in range(len(upper)):
        filters = options.width * 2**depth
        discriminator += [*join] if depth else []
        discriminator += [Conv(filters=filters, kernel=options.kernel, stride=2, kernel_init=kernel_init)]
        discriminator += [norm] if depth and options.discriminator_norm else []
        discriminator += [LeakyRelu(slope=options.slope)]
        discriminator += [Dropout(rate=options.dropout)] if options.dropout else []
    discriminator += [
        *join,
        Conv(filters=request.logits, kernel=smallest, padding="valid", kernel_init=kernel_init),
        Flatten(),
    ]
    return (
        Network(input=(request.latent,), layers=tuple(generator), classes=request.classes),
        Network(input=request.image_shape, layers=tuple(discriminator), classes=request.classes),
    )


def _joins(request: ArchitectureRequest, *, every: bool) -> tuple[list[Layer], list[Layer]]:
    """The layer that joins the label before a network's first layer, and before each later one."""
    if not request.classes:
        return [], []
    return [JoinLabel()], [JoinLabel()] if every else []


ARCHITECTURES: tuple[ArchitectureEntry, ...] = (
    ArchitectureEntry(
        name="dcgan",
        summary="strided convolutions and batch norm, for any image of 8 pixels or more (Radford et al. 2015)",
        options=DcganOptions,
        build=build_dcgan,
    ),
)
