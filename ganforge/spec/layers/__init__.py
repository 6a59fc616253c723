"""The kinds of layers, a file for each family; `contract` says what a kind is."""

from ganforge.spec.layers.activations import Elu, Gelu, LeakyRelu, Prelu, Relu, Sigmoid, Silu, Tanh
from ganforge.spec.layers.attention import Attention
from ganforge.spec.layers.contract import Layer
from ganforge.spec.layers.convolution import Conv, ConvTranspose
from ganforge.spec.layers.dense import Dense
from ganforge.spec.layers.dropout import Dropout
from ganforge.spec.layers.example_norms import GroupNorm, InstanceNorm, LayerNorm, PixelNorm
from ganforge.spec.layers.joining import LearnedConstant, MinibatchStd
from ganforge.spec.layers.labels import EmbedLabel, JoinLabel, ProjectLabel
from ganforge.spec.layers.normalization import BatchNorm, ConditionalBatchNorm
from ganforge.spec.layers.pooling import AvgPool, GlobalPool, MaxPool
from ganforge.spec.layers.reshaping import Flatten, Reshape
from ganforge.spec.layers.residual import Residual
from ganforge.spec.layers.resizing import Resample, Upsample

LAYERS: tuple[type[Layer], ...] = (
    Dense,
    Conv,
    ConvTranspose,
    BatchNorm,
    Relu,
    LeakyRelu,
    Elu,
    Tanh,
    Sigmoid,
    Dropout,
    Reshape,
    Flatten,
    JoinLabel,
    Residual,
    AvgPool,
    MaxPool,
    GlobalPool,
    Upsample,
    Resample,
    LayerNorm,
    InstanceNorm,
    GroupNorm,
    PixelNorm,
    Gelu,
    Silu,
    Prelu,
    ConditionalBatchNorm,
    EmbedLabel,
    ProjectLabel,
    Attention,
    LearnedConstant,
    MinibatchStd,
)
"""The kinds that come with ganforge."""

__all__ = [
    "LAYERS",
    "Attention",
    "AvgPool",
    "BatchNorm",
    "ConditionalBatchNorm",
    "Conv",
    "ConvTranspose",
    "Dense",
    "Dropout",
    "Elu",
    "EmbedLabel",
    "Flatten",
    "Gelu",
    "GlobalPool",
    "GroupNorm",
    "InstanceNorm",
    "JoinLabel",
    "LayerNorm",
    "LeakyRelu",
    "LearnedConstant",
    "MaxPool",
    "MinibatchStd",
    "PixelNorm",
    "Prelu",
    "ProjectLabel",
    "Relu",
    "Resample",
    "Reshape",
    "Residual",
    "Sigmoid",
    "Silu",
    "Tanh",
    "Upsample",
]
