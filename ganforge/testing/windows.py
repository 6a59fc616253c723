"""Pooling and resizing written plainly: the pixels that windows meet, and shares of neighbours."""

from functools import reduce
from itertools import product

import numpy

from ganforge.spec.ops import Sides, Size
from ganforge.testing.convolution import pad
from ganforge.testing.differentiable import Tensor, getval, np, take


def around(x: Tensor, sides: Sides, value: float) -> Tensor:
    """(B, H, W, c) with rows and columns of `value` at its sides."""
    inside = pad(numpy.ones(x.shape, bool), sides)
    return np.where(inside, pad(x, sides), numpy.full(inside.shape, value, getval(x).dtype))


def met(x: Tensor, size: Size, stride: Size) -> list[Tensor]:
    """For every place in a window, row by row: the pixels that it meets, one for each window."""
    rows, columns = ((x.shape[1 + axis] - size[axis]) // stride[axis] * stride[axis] + 1 for axis in (0, 1))
    return [
        take(x, (slice(None), slice(i, i + rows, stride[0]), slice(j, j + columns, stride[1])))
        for i, j in product(range(size[0]), range(size[1]))
    ]


def first_largest(places: list[Tensor]) -> Tensor:
    """The largest of every window; of equal ones the first has the derivative."""
    return reduce(lambda x, y: np.where(y > x, y, x), places)


def between(x: Tensor, size: int, axis: int) -> Tensor:
    """`x` with one axis of another size, between neighbours in proportion; centres lie at halves."""
    count, before = x.shape[axis], (slice(None),) * axis
    rows = []
    for i in range(size):
        place = min(max((i + 0.5) * count / size - 0.5, 0.0), count - 1.0)
        low = int(place)
        high = min(low + 1, count - 1)
        share = getval(x).dtype.type(place - low)
        rows.append((1 - share) * take(x, (*before, low)) + share * take(x, (*before, high)))
    return np.stack(rows, axis=axis)
