"""Every form of a convolution is the same function, with the same gradients, once and twice differentiated."""

from itertools import product

import numpy as np
import pytest

from ganforge.testing.reference import open_reference
from ganforge.testing.tiny import TINY, inputs

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402
from ganforge_torch import convolution, layers  # noqa: E402
from ganforge_torch.convolution import convolve, convolve_transposed  # noqa: E402
from ganforge_torch.session import open_session  # noqa: E402

CASES = [
    # large size, kernel, stride, (low, high) of both axes
    pytest.param((8, 8), (4, 4), (2, 2), ((1, 1), (1, 1)), id="dcgan"),
    pytest.param((7, 9), (5, 5), (2, 2), ((1, 2), (1, 2)), id="same-odd"),
    pytest.param((14, 14), (5, 5), (2, 2), ((1, 2), (2, 1)), id="uneven"),
    pytest.param((9, 7), (3, 4), (3, 3), ((0, 2), (3, 0)), id="stride-3"),
    pytest.param((8, 6), (5, 3), (1, 1), ((2, 2), (1, 1)), id="stride-1"),
    pytest.param((6, 6), (2, 2), (2, 2), ((0, 0), (0, 0)), id="no-overlap"),
    pytest.param((7, 7), (3, 3), (2, 2), ((3, 3), (3, 3)), id="margin-as-wide-as-the-kernel"),
    pytest.param((4, 4), (4, 4), (1, 1), ((0, 0), (0, 0)), id="one-window"),
    pytest.param((8, 8), (4, 4), (2, 1), ((1, 1), (1, 2)), id="two-strides"),
]
FORMS = list(product((0, 10**9), (0, 10**9)))


def plain(x, kernel, bias, stride, padding):
    (top, bottom), (left, right) = padding
    return F.conv2d(F.pad(x, (left, right, top, bottom)), kernel, bias, stride)


def plain_transposed(x, kernel, bias, stride, padding, size):
    (top, _), (left, _) = padding
    whole = F.conv_transpose2d(x, kernel, bias, stride)
    return whole[:, :, top : top + size[0], left : left + size[1]]


def agree(found, expected, inputs):
    """Values, gradients, and gradients of the gradients' squares."""
    assert torch.allclose(found, expected, rtol=1e-12, atol=1e-12)
    weights = torch.linspace(-1.0, 1.0, found.numel(), dtype=found.dtype).reshape(found.shape)
    first = [torch.autograd.grad((y * y * weights).sum(), inputs, create_graph=True) for y in (found, expected)]
    second = [torch.autograd.grad(sum(g.square().sum() for g in each), inputs) for each in first]
    for ours, theirs in (first, second):
        for mine, other in zip(ours, theirs, strict=True):
            assert torch.allclose(mine, other, rtol=1e-11, atol=1e-11)


@pytest.fixture(params=FORMS, ids=str)
def forms(request, monkeypatch):
    """Which shapes take which form, by force."""
    few, many = request.param
    monkeypatch.setattr(convolution, "_FEW", few)
    monkeypatch.setattr(convolution, "_MANY_OTHERWISE", many)


def arrays(*shapes):
    make = torch.Generator().manual_seed(3)
    return [torch.randn(shape, generator=make, dtype=torch.float64, requires_grad=True) for shape in shapes]


@pytest.mark.parametrize(("size", "kernel", "stride", "padding"), CASES)
def test_a_convolution_is_the_same_in_every_form(forms, size, kernel, stride, padding):
    inputs = arrays((2, 3, *size), (4, 3, *kernel), (4,))
    agree(convolve(*inputs, stride, padding), plain(*inputs, stride, padding), inputs)


@pytest.mark.parametrize(("size", "kernel", "stride", "padding"), CASES)
def test_a_transposed_convolution_is_the_same_in_every_form(forms, size, kernel, stride, padding):
    small = [
        (extent + low + high - width) // step + 1
        for extent, width, step, (low, high) in zip(size, kernel, stride, padding, strict=True)
    ]
    covered = [
        (n - 1) * step + width - low for n, step, width, (low, _) in zip(small, stride, kernel, padding, strict=True)
    ]
    size = tuple(min(extent, reach) for extent, reach in zip(size, covered, strict=True))
    padding = tuple(
        (low, (n - 1) * step + width - low - extent)
        for n, step, width, (low, _), extent in zip(small, stride, kernel, padding, size, strict=True)
    )
    inputs = arrays((2, 4, *small), (4, 3, *kernel), (3,))
    found = convolve_transposed(*inputs, stride, padding, size)
    agree(found, plain_transposed(*inputs, stride, padding, size), inputs)


@pytest.mark.parametrize("name", [name for name, gan in TINY.items() if gan.classes])
def test_labels_joined_to_pictures_may_be_biases(name, monkeypatch):
    gan = TINY[name]
    monkeypatch.setattr(layers, "_WORTH", -(10**12))
    fed, state = inputs(gan, 1, 0), gan.initial_state(1)
    session, reference = open_session(gan, state, "float64", "cpu"), open_reference(gan, state)
    found, expected = session.gradients(fed), reference.gradients(fed)
    for array, gradient in expected.items():
        assert np.allclose(found[array], gradient, rtol=1e-11, atol=1e-13), array
    scalars, exact = session.step(fed), reference.step(fed)
    assert all(abs(float(scalars[each]) - float(exact[each])) < 1e-12 for each in exact)


def test_maps_of_one_position_are_a_matrix_product():
    inputs = arrays((2, 5, 1, 1), (5, 3, 4, 4), (3,))
    sides = ((0, 0), (0, 0))
    agree(convolve_transposed(*inputs, (1, 1), sides, (4, 4)), F.conv_transpose2d(*inputs), inputs)
