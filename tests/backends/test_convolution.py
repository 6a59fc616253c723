"""Every form of a convolution is the same function, with the same gradients, once and twice differentiated."""

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import numpy as np
import pytest
from frameworks import FRAMEWORKS, Framework, framework

Size = tuple[int, int]
Sides = tuple[tuple[int, int], tuple[int, int]]

CASES = [
    # large size, kernel, stride, (low, high) of both axes
    pytest.param((8, 8), (4, 4), (2, 2), ((1, 1), (1, 1)), id="dcgan"),
    pytest.param((7, 9), (5, 5), (2, 2), ((1, 2), (1, 2)), id="odd"),
    pytest.param((14, 14), (5, 5), (2, 2), ((1, 2), (2, 1)), id="uneven"),
    pytest.param((9, 7), (3, 4), (3, 3), ((0, 2), (3, 0)), id="stride-3"),
    pytest.param((8, 6), (5, 3), (1, 1), ((2, 2), (1, 1)), id="stride-1"),
    pytest.param((6, 6), (2, 2), (2, 2), ((0, 0), (0, 0)), id="no-overlap"),
    pytest.param((7, 8), (2, 2), (2, 2), ((0, 0), (0, 0)), id="a-row-that-no-window-reaches"),
    pytest.param((7, 7), (3, 3), (2, 2), ((3, 3), (3, 3)), id="margin-as-wide-as-the-kernel"),
    pytest.param((4, 4), (4, 4), (1, 1), ((0, 0), (0, 0)), id="one-window"),
    pytest.param((8, 8), (4, 4), (2, 1), ((1, 1), (1, 2)), id="two-strides"),
    pytest.param((9, 9), (2, 2), (3, 3), ((0, 0), (0, 0)), id="gaps-between-windows"),
]
BOUNDS = [{"_FEW": few, "_MANY_OTHERWISE": many} for few, many in product((0, 10**9), (0, 10**9))]
"""Of the CPU's module, which force one of its forms or another on every shape."""
FORMS: dict[str, list[dict[str, int] | None]] = {
    "torch": [None, *BOUNDS],
    "tensorflow": [None, *BOUNDS],
    "jax": [None, {}],
}
"""The plain form, None, and the CPU's."""
LATER: dict[str, list[dict[str, int] | None]] = {"torch": [], "tensorflow": BOUNDS[:2], "jax": [*FORMS["jax"]]}
"""Those that the fast tier goes without, of a framework that compiles."""
IN_FORMS = [
    pytest.param(name, form, id=f"{name}-{number}", marks=[pytest.mark.slow] * (form in LATER[name]))
    for name in FRAMEWORKS
    for number, form in enumerate(FORMS[name])
]


@pytest.fixture
def there(name: str) -> Framework:
    return framework(name)


@pytest.fixture
def operations(there: Framework, form: dict[str, int] | None, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Those that compute a convolution in one of the forms."""
    if form is None:
        return there.ops
    for name, bound in form.items():
        monkeypatch.setattr(there.cpu, name, bound)
    return there.tuned


def by_torch(x: Any, kernel: Any, bias: Any, stride: Size, padding: Sides) -> Any:
    from torch.nn.functional import conv2d, pad

    (top, bottom), (left, right) = padding
    wide = pad(x.permute(0, 3, 1, 2), (left, right, top, bottom))
    return conv2d(wide, kernel.permute(3, 2, 0, 1), bias, stride).permute(0, 2, 3, 1)


def by_tensorflow(x: Any, kernel: Any, bias: Any, stride: Size, padding: Sides) -> Any:
    import tensorflow as tf

    return tf.nn.conv2d(tf.pad(x, [(0, 0), *padding, (0, 0)]), kernel, stride, "VALID") + bias


def by_jax(x: Any, kernel: Any, bias: Any, stride: Size, padding: Sides) -> Any:
    from jax import lax

    return lax.conv_general_dilated(x, kernel, stride, padding, dimension_numbers=("NHWC", "HWIO", "NHWC")) + bias


def back_by_torch(x: Any, kernel: Any, bias: Any, stride: Size, crop: Sides, size: Size) -> Any:
    from torch.nn.functional import conv_transpose2d

    (top, _), (left, _) = crop
    whole = conv_transpose2d(x.permute(0, 3, 1, 2), kernel.permute(3, 2, 0, 1), bias, stride)
    return whole[:, :, top : top + size[0], left : left + size[1]].permute(0, 2, 3, 1)


def back_by_tensorflow(x: Any, kernel: Any, bias: Any, stride: Size, crop: Sides, size: Size) -> Any:
    import tensorflow as tf

    (top, _), (left, _) = crop
    whole = [(n - 1) * step + width for n, step, width in zip(x.shape[1:3], stride, kernel.shape[:2], strict=True)]
    full = tf.nn.conv2d_transpose(x, kernel, (x.shape[0], *whole, kernel.shape[2]), stride, "VALID")
    return full[:, top : top + size[0], left : left + size[1]] + bias


def back_by_jax(x: Any, kernel: Any, bias: Any, stride: Size, crop: Sides, size: Size) -> Any:
    import jax

    whole = [(n - 1) * step + width for n, step, width in zip(x.shape[1:3], stride, kernel.shape[:2], strict=True)]
    wide = jax.ShapeDtypeStruct((x.shape[0], *whole, kernel.shape[2]), x.dtype)
    (full,) = jax.linear_transpose(lambda y: by_jax(y, kernel, 0.0, stride, ((0, 0), (0, 0))), wide)(x)
    (top, _), (left, _) = crop
    return full[:, top : top + size[0], left : left + size[1]] + bias


BY = {"torch": by_torch, "tensorflow": by_tensorflow, "jax": by_jax}
BACK_BY = {"torch": back_by_torch, "tensorflow": back_by_tensorflow, "jax": back_by_jax}


def arrays(there: Framework, *shapes: Sequence[int]) -> list[Any]:
    stream = np.random.default_rng(3)
    return [there.tensor(stream.normal(size=shape)) for shape in shapes]


def derived(there: Framework, function: Callable[..., Any], given: list[Any]) -> list[np.ndarray]:
    """Values, gradients, and gradients of the gradients' squares."""
    ops = there.ops

    def total(x: Any) -> Any:
        return ops.sum_over(x, tuple(range(len(x.shape))))

    def weighted(*given: Any) -> Any:
        y = function(*given)
        weights = np.linspace(-1.0, 1.0, int(np.prod(y.shape))).reshape(tuple(y.shape))
        return total(y * y * there.tensor(weights))

    def first(*given: Any) -> list[Any]:
        return there.gradients(weighted, list(given))

    def squared(*given: Any) -> Any:
        return sum(total(ops.square(each)) for each in first(*given))

    def found(*given: Any) -> list[Any]:
        return [function(*given), *first(*given), *there.gradients(squared, list(given))]

    return there.call(found, *given)


def agree(found: list[np.ndarray], expected: list[np.ndarray]) -> None:
    assert np.allclose(found[0], expected[0], rtol=1e-12, atol=1e-12)
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.shape == theirs.shape
        assert np.allclose(ours, theirs, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize(("name", "form"), IN_FORMS)
@pytest.mark.parametrize(("size", "kernel", "stride", "padding"), CASES)
def test_a_convolution_is_the_same_in_every_form(
    there: Framework, operations: Any, size: Size, kernel: Size, stride: Size, padding: Sides
) -> None:
    given = arrays(there, (2, *size, 3), (*kernel, 3, 4), (4,))
    plain = BY[there.name]
    agree(
        derived(there, lambda *given: operations.conv(*given, stride, padding), given),
        derived(there, lambda *given: plain(*given, stride, padding), given),
    )


@pytest.mark.parametrize(("name", "form"), IN_FORMS)
@pytest.mark.parametrize(("size", "kernel", "stride", "padding"), CASES)
def test_a_transposed_convolution_is_the_same_in_every_form(
    there: Framework, operations: Any, size: Size, kernel: Size, stride: Size, padding: Sides
) -> None:
    small = [
        (extent + low + high - width) // step + 1
        for extent, width, step, (low, high) in zip(size, kernel, stride, padding, strict=True)
    ]
    whole = [(n - 1) * step + width for n, step, width in zip(small, stride, kernel, strict=True)]
    height, width = (min(extent, reach - low) for extent, reach, (low, _) in zip(size, whole, padding, strict=True))
    size = height, width
    down, across = ((low, reach - low - extent) for extent, reach, (low, _) in zip(size, whole, padding, strict=True))
    crop = down, across
    given = arrays(there, (2, *small, 4), (*kernel, 3, 4), (3,))
    plain = BACK_BY[there.name]
    agree(
        derived(there, lambda *given: operations.conv_transpose(*given, stride, crop, size), given),
        derived(there, lambda *given: plain(*given, stride, crop, size), given),
    )


@pytest.mark.parametrize(("name", "form"), IN_FORMS)
def test_maps_of_one_position_are_a_matrix_product(there: Framework, operations: Any) -> None:
    given = arrays(there, (2, 1, 1, 5), (4, 4, 3, 5), (3,))
    sides = ((0, 0), (0, 0))
    plain = BACK_BY[there.name]
    agree(
        derived(there, lambda *given: operations.conv_transpose(*given, (1, 1), sides, (4, 4)), given),
        derived(there, lambda *given: plain(*given, (1, 1), sides, (4, 4)), given),
    )
