"""Shape inference against counting by hand."""

from itertools import pairwise, product

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from ganforge.errors import SpecError
from ganforge.spec.layers import (
    BatchNorm,
    Conv,
    ConvTranspose,
    Dense,
    Dropout,
    Flatten,
    JoinLabel,
    LeakyRelu,
    Relu,
    Reshape,
    Residual,
)
from ganforge.spec.layers.chain import walk
from ganforge.spec.layers.contract import Layer, Node, Shape
from ganforge.spec.layers.convolution import Padding, pair
from ganforge.spec.network import Network, layer_rows, resolve

SIZE, KERNEL, STRIDE = st.integers(1, 40), st.integers(1, 7), st.integers(1, 4)
SIDES = st.tuples(st.integers(0, 5), st.integers(0, 5))


def only(layer: Layer, shape: Shape, classes: int = 0) -> Node:
    (node,) = resolve(Network(input=shape, layers=(layer,), classes=classes))
    return node


def places(size: int, kernel: int, stride: int, low: int, high: int) -> int:
    """How often a kernel fits into a row, counted one by one."""
    return sum(1 for start in range(0, low + size + high, stride) if start + kernel <= low + size + high)


@given(SIZE, SIZE, KERNEL, KERNEL, STRIDE, STRIDE, SIDES, SIDES)
def test_conv_counts_the_places_of_its_kernel(
    height: int,
    width: int,
    tall: int,
    wide: int,
    down: int,
    across: int,
    rows: tuple[int, int],
    columns: tuple[int, int],
) -> None:
    assume(tall <= height + sum(rows) and wide <= width + sum(columns))
    node = only(
        Conv(filters=5, kernel=(tall, wide), stride=(down, across), padding=(rows, columns)), (height, width, 3)
    )
    assert node.output == (places(height, tall, down, *rows), places(width, wide, across, *columns), 5)
    assert node.padding == (rows, columns)


@given(SIZE, KERNEL, STRIDE)
def test_valid_is_no_padding(size: int, kernel: int, stride: int) -> None:
    assume(kernel <= size)
    node = only(Conv(filters=1, kernel=kernel, stride=stride, padding="valid"), (size, size, 1))
    assert node.output[0] == places(size, kernel, stride, 0, 0)
    assert node.padding == ((0, 0), (0, 0))


def tensorflow_same(size: int, kernel: int, stride: int) -> tuple[int, int, int]:
    """Outputs, low and high zeros, as TensorFlow's documentation of tf.nn.convolution writes them."""
    outputs = size // stride if size % stride == 0 else size // stride + 1
    total = max(kernel - stride, 0) if size % stride == 0 else max(kernel - size % stride, 0)
    return outputs, total // 2, total - total // 2


@given(SIZE, SIZE, KERNEL, KERNEL, STRIDE, STRIDE)
@example(5, 6, 4, 4, 2, 2)
def test_same_is_tensorflows_rule(height: int, width: int, tall: int, wide: int, down: int, across: int) -> None:
    node = only(Conv(filters=2, kernel=(tall, wide), stride=(down, across), padding="same"), (height, width, 1))
    rows, columns = tensorflow_same(height, tall, down), tensorflow_same(width, wide, across)
    assert node.output == (rows[0], columns[0], 2)
    assert node.padding == (rows[1:], columns[1:])


def reached(size: int, kernel: int, stride: int) -> set[int]:
    """Rows of the full result that some input pixel adds to."""
    return {i * stride + k for i, k in product(range(size), range(kernel))}


@given(SIZE, KERNEL, STRIDE, SIDES)
def test_transposed_conv_crops_its_full_result(size: int, kernel: int, stride: int, sides: tuple[int, int]) -> None:
    assume(kernel >= stride)
    full = reached(size, kernel, stride)
    left = sorted(full)[sides[0] : max(len(full) - sides[1], 0)]
    assume(left)
    node = only(ConvTranspose(filters=2, kernel=kernel, stride=stride, padding=(sides, sides)), (size, size, 3))
    assert node.output == (len(left), len(left), 2)
    assert node.padding == (sides, sides)


@given(SIZE, KERNEL, STRIDE)
def test_transposed_conv_has_no_gaps(size: int, kernel: int, stride: int) -> None:
    layer = ConvTranspose(filters=1, kernel=kernel, stride=stride, padding="valid")
    full = reached(size, kernel, stride)
    if kernel < stride:
        with pytest.raises(SpecError, match="gaps"):
            only(layer, (size, size, 1))
    else:
        assert full == set(range(only(layer, (size, size, 1)).output[0]))


@given(SIZE, SIZE, KERNEL, STRIDE)
def test_transposed_conv_same_undoes_conv_same(height: int, width: int, kernel: int, stride: int) -> None:
    """For every size; and it crops on the low side what the convolution adds there."""
    assume(kernel >= stride)
    down = only(Conv(filters=4, kernel=kernel, stride=stride), (height, width, 3))
    up = only(ConvTranspose(filters=3, kernel=kernel, stride=stride, size=(height, width)), down.output)
    assert up.output == (height, width, 3)
    for axis in (0, 1):
        assert up.padding[axis][0] == down.padding[axis][0]
        assert up.padding[axis][1] >= down.padding[axis][1]
        full = (up.input[axis] - 1) * stride + kernel
        assert up.padding[axis][0] + up.output[axis] + up.padding[axis][1] == full


@given(SIZE, KERNEL, STRIDE, SIDES | st.sampled_from(["valid", "same"]))
def test_conv_undoes_transposed_conv(size: int, kernel: int, stride: int, sides: str | tuple[int, int]) -> None:
    assume(kernel >= stride)
    padding: Padding = sides if isinstance(sides, str) else (sides, sides)  # type: ignore[assignment]
    low, high = (0, 0) if isinstance(sides, str) else sides
    assume((size - 1) * stride + kernel > low + high)
    up = only(ConvTranspose(filters=1, kernel=kernel, stride=stride, padding=padding), (size, size, 1))
    assert only(Conv(filters=1, kernel=kernel, stride=stride, padding=padding), up.output).output == (size, size, 1)


def test_transposed_same_doubles() -> None:
    node = only(ConvTranspose(filters=8, kernel=4, stride=2), (7, 5, 16))
    assert node.output == (14, 10, 8)
    assert node.padding == ((1, 1), (1, 1))  # PyTorch's kernel 4, stride 2, padding 1


def test_a_number_pads_all_four_sides() -> None:
    assert only(Conv(filters=1, kernel=4, stride=2, padding=1), (8, 8, 1)).padding == ((1, 1), (1, 1))
    assert only(ConvTranspose(filters=1, kernel=4, stride=2, padding=1), (4, 6, 1)).output == (8, 12, 1)


@pytest.mark.parametrize(
    ("layer", "shape", "output"),
    [
        (Dense(units=7), (3,), (7,)),
        (Reshape(shape=(2, 3, 4)), (24,), (2, 3, 4)),
        (Reshape(shape=(24,)), (2, 3, 4), (24,)),
        (Flatten(), (2, 3, 4), (24,)),
        (Flatten(), (5,), (5,)),
        (JoinLabel(), (5,), (8,)),
        (JoinLabel(), (4, 6, 2), (4, 6, 5)),
        (BatchNorm(decay=0.9, epsilon=1e-5), (4, 6, 2), (4, 6, 2)),
        (Relu(), (9,), (9,)),
        (Residual(layers=(Conv(filters=2, kernel=3), Relu())), (4, 4, 2), (4, 4, 2)),
    ],
    ids=repr,
)
def test_outputs(layer: Layer, shape: Shape, output: Shape) -> None:
    assert only(layer, shape, classes=3).output == output


@pytest.mark.parametrize(
    ("layer", "shape", "said"),
    [
        (Dense(units=7), (3, 3, 1), "00_dense needs a vector .*flatten"),
        (Conv(filters=1, kernel=3), (9,), "00_conv needs an image .*reshape"),
        (ConvTranspose(filters=1, kernel=3), (9,), "00_conv_transpose needs an image"),
        (Conv(filters=1, kernel=5, padding="valid"), (4, 9, 1), "kernel of 5 does not fit into 4"),
        (Conv(filters=1, kernel=0), (4, 4, 1), "must be at least 1"),
        (Conv(filters=1, kernel=2, stride=0), (4, 4, 1), "must be at least 1"),
        (Conv(filters=1, kernel=2, padding=-1), (4, 4, 1), "must not be negative"),
        (ConvTranspose(filters=1, kernel=2, stride=3), (4, 4, 1), "gaps"),
        (ConvTranspose(filters=1, kernel=4, stride=2, size=16), (7, 7, 1), "16 cannot come from 7 .* it would need 8"),
        (ConvTranspose(filters=1, kernel=4, stride=2, padding=1, size=20), (4, 4, 1), "at most 9"),
        (ConvTranspose(filters=1, kernel=3, padding=3), (2, 2, 1), "cannot be cropped"),
        (ConvTranspose(filters=1, kernel=3, size=0), (1, 1, 1), "cannot come from 1"),
        (ConvTranspose(filters=1, kernel=3, padding="valid", size=0), (1, 1, 1), "cannot be cropped"),
        (Reshape(shape=(5, 5, 1)), (24,), r"24 elements of \(24,\) cannot become \(5, 5, 1\), which has 25"),
        (Reshape(shape=(4, 6)), (24,), "neither"),
        (JoinLabel(), (5,), "no classes"),
        (Residual(layers=(Conv(filters=3, kernel=3),)), (4, 4, 2), r"must keep \(4, 4, 2\)"),
    ],
    ids=repr,
)
def test_refused_with_its_place(layer: Layer, shape: Shape, said: str) -> None:
    with pytest.raises(SpecError, match=said.replace("it would", r"\(it would")):
        only(layer, shape)


def test_the_message_names_the_layer_by_its_place() -> None:
    layers = (Relu(), Residual(layers=(Relu(), Conv(filters=1, kernel=9, padding="valid"))))
    with pytest.raises(SpecError, match="01_residual/01_conv"):
        resolve(Network(input=(4, 4, 1), layers=layers))


def test_names_and_numbers() -> None:
    """Names are where arrays are found in every checkpoint; numbers are part of every dropout mask."""
    inner = Residual(layers=(Relu(), Residual(layers=(Dropout(rate=0.5),)), Relu()))
    nodes = resolve(Network(input=(4,), layers=(Dense(units=4), inner, Dropout(rate=0.1))))
    assert [(node.name, node.number) for node in walk(nodes)] == [
        ("00_dense", 0),
        ("01_residual", 1),
        ("01_residual/00_relu", 2),
        ("01_residual/01_residual", 3),
        ("01_residual/01_residual/00_dropout", 4),
        ("01_residual/02_relu", 5),
        ("02_dropout", 6),
    ]


def test_each_layer_gets_what_the_one_before_makes() -> None:
    nodes = resolve(
        Network(input=(6,), classes=2, layers=(JoinLabel(), Dense(units=12), Reshape(shape=(2, 2, 3)), Flatten()))
    )
    assert nodes[0].input == (6,)
    assert all(one.output == other.input for one, other in pairwise(nodes))
    assert all(node.classes == 2 for node in nodes)


def test_pair() -> None:
    assert (pair(3), pair((4, 5))) == ((3, 3), (4, 5))


def test_the_layer_table_says_what_decides_a_layer() -> None:
    nodes = resolve(
        Network(
            input=(5, 8, 1),
            layers=(
                Conv(filters=2, kernel=4, stride=2, bias=False),
                BatchNorm(decay=0.9, epsilon=1e-5),
                LeakyRelu(slope=0.2),
                ConvTranspose(filters=1, kernel=(4, 3), stride=(2, 1), padding="valid"),
                Flatten(),
                Dense(units=1),
            ),
        )
    )
    assert layer_rows(nodes) == [
        ("00_conv", "4x4 stride 2x2 pad 1,2 x 1,1, no bias", (3, 4, 2)),
        ("01_batch_norm", "decay 0.9, epsilon 1e-05", (3, 4, 2)),
        ("02_leaky_relu", "slope 0.2", (3, 4, 2)),
        ("03_conv_transpose", "4x3 stride 2x1 crop 0,0", (8, 6, 1)),
        ("04_flatten", "", (48,)),
        ("05_dense", "", (1,)),
    ]
