"""The kinds of layers and of optimizers that come with ganforge."""

from ganforge.spec.kinds import Kinds, LayerEntry, OptimizerEntry
from ganforge.spec.layers import (
    LAYERS,
    Attention,
    AvgPool,
    BatchNorm,
    ConditionalBatchNorm,
    Conv,
    ConvTranspose,
    Dense,
    Dropout,
    Elu,
    EmbedLabel,
    Gelu,
    GlobalPool,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    LeakyRelu,
    LearnedConstant,
    MaxPool,
    MinibatchStd,
    PixelNorm,
    Prelu,
    ProjectLabel,
    Relu,
    Resample,
    Reshape,
    Residual,
    Silu,
    Upsample,
)
from ganforge.spec.layers.contract import Layer
from ganforge.spec.layers.initializers import Normal
from ganforge.spec.optimizers import OPTIMIZERS, SGD, Adam, Optimizer, RMSprop

_WIDE = Normal(std=0.4)

_LAYER_EXAMPLES: tuple[Layer, ...] = (
    Dense(units=5, bias_init=_WIDE),
    Dense(units=5, spectral_norm=True, bias_init=_WIDE),
    Conv(filters=4, kernel=(3, 2), groups=2, stride=2, spectral_norm=True, bias_init=_WIDE),
    ConvTranspose(filters=4, kernel=3, groups=2, stride=2, spectral_norm=True),
    Conv(filters=3, kernel=(3, 2), stride=2, bias_init=_WIDE),
    ConvTranspose(filters=3, kernel=(4, 3), stride=2, bias_init=_WIDE),
    BatchNorm(decay=0.8, epsilon=3e-4, scale_init=_WIDE, offset_init=_WIDE),
    LeakyRelu(slope=0.15),
    Elu(alpha=0.7),
    Dropout(rate=0.3),
    Dropout(rate=0.3, scale_at="inference"),
    Reshape(shape=(2, 3, 2)),
    Residual(layers=(Relu(), Dropout(rate=0.3))),
    Residual(
        layers=(Relu(), Conv(filters=2, kernel=3), AvgPool()),
        shortcut=(AvgPool(), Conv(filters=2, kernel=1)),
        scale=0.3,
    ),
    LayerNorm(epsilon=3e-4, scale_init=_WIDE, offset_init=_WIDE),
    InstanceNorm(epsilon=3e-4, scale_init=_WIDE, offset_init=_WIDE),
    GroupNorm(groups=2, epsilon=3e-4, scale_init=_WIDE, offset_init=_WIDE),
    GroupNorm(groups=1, epsilon=3e-4, scale=False, offset=False),
    PixelNorm(),
    Gelu(),
    Silu(),
    Prelu(),
    ConditionalBatchNorm(decay=0.8, epsilon=3e-4, scale_init=_WIDE, offset_init=_WIDE),
    EmbedLabel(units=2, kernel_init=_WIDE),
    ProjectLabel(),
    ProjectLabel(spectral_norm=True),
    Attention(ratio=2, value_ratio=2, gain_init=_WIDE),
    Attention(ratio=1, value_ratio=2, pool=2, spectral_norm=True, gain_init=_WIDE),
    LearnedConstant(channels=2),
    MinibatchStd(decay=0.8, epsilon=1e-3),
    AvgPool(),
    AvgPool(size=(3, 2), stride=(2, 1), padding="same"),
    MaxPool(),
    MaxPool(size=(2, 3), stride=(1, 2), padding="same"),
    GlobalPool(of="sum"),
    GlobalPool(of="mean"),
    Upsample(factor=(2, 3)),
    Upsample(size=(7, 9)),
    Upsample(method="bilinear", factor=2),
    Upsample(method="bilinear", size=(9, 7)),
    Resample(to="half"),
    Resample(to="double"),
    Resample(to="same"),
)
_OPTIMIZER_EXAMPLES: tuple[Optimizer, ...] = (
    Adam(learning_rate=1e-3, epsilon=1e-3, clip=0.05),
    Adam(learning_rate=1e-3, epsilon=1e-3, epsilon_hat=True, weight_decay=0.1),
    RMSprop(learning_rate=1e-3, epsilon=1e-4, rate_decay=0.1),
    RMSprop(learning_rate=1e-3, epsilon=1e-4, epsilon_inside_sqrt=True, weight_decay=0.1),
    SGD(learning_rate=0.02, clip=0.03),
    SGD(learning_rate=0.02, momentum=0.9, weight_decay=0.1),
)


def _first_line(documented: type) -> str:
    return (documented.__doc__ or "").partition("\n")[0]


LAYER_ENTRIES = tuple(
    LayerEntry(
        layer=kind,
        summary=_first_line(kind),
        examples=tuple(each for each in _LAYER_EXAMPLES if type(each) is kind),
    )
    for kind in LAYERS
)
OPTIMIZER_ENTRIES = tuple(
    OptimizerEntry(
        optimizer=kind,
        summary=_first_line(kind),
        examples=tuple(each for each in _OPTIMIZER_EXAMPLES if type(each) is kind),
    )
    for kind in OPTIMIZERS
)
SHIPPED_KINDS = Kinds.of(LAYER_ENTRIES, OPTIMIZER_ENTRIES)
"""What a recipe is read with where no plugins are asked."""
