"""Distances between all rows of two sets of features, a block at a time: N x M of them are never held at once."""

from collections.abc import Iterator

import numpy as np

from ganforge.evaluation.features import Features

_BLOCK = 1024
"""Rows of a block."""
_SAME = 1e-12
"""Squared distances below this share of the longest vectors' squares are 0: what the rounding of |x|^2 - 2 x.y + |y|^2
leaves of two equal rows."""


def radii(features: Features, k: int) -> Features:
    """Squared distance of each row to its k-th nearest other row, (N,). Needs N > k."""
    squares = np.square(features).sum(axis=1)
    nearest = np.full((len(features), k), np.inf)
    starts = range(0, len(features), _BLOCK)
    for at in starts:
        for other in range(at, len(features), _BLOCK):  # the blocks below the diagonal are those above it, turned
            rows, columns = slice(at, at + _BLOCK), slice(other, other + _BLOCK)
            block = _squared(features[rows], features[columns], squares[rows], squares[columns])
            if at == other:
                np.fill_diagonal(block, np.inf)
            else:
                nearest[columns] = _smallest(nearest[columns], block.T, k)
            nearest[rows] = _smallest(nearest[rows], block, k)
    return np.asarray(nearest.max(axis=1))


def distances(x: Features, y: Features) -> Iterator[tuple[slice, Features]]:
    """Squared distances of blocks of rows of `x` to all rows of `y`: (rows, (block, M))."""
    x_squares, y_squares = np.square(x).sum(axis=1), np.square(y).sum(axis=1)
    for at in range(0, len(x), _BLOCK):
        rows = slice(at, min(at + _BLOCK, len(x)))
        yield rows, _squared(x[rows], y, x_squares[rows], y_squares)


def centred(x: Features, y: Features) -> tuple[Features, Features]:
    """Both, moved so that the mean of `x` is 0: distances stay, and less of them is lost to rounding."""
    mean = x.mean(axis=0)
    return x - mean, y - mean


def _squared(x: Features, y: Features, x_squares: Features, y_squares: Features) -> Features:
    block = x @ y.T
    block *= -2
    block += x_squares[:, None]
    block += y_squares
    block[block < _SAME * (x_squares.max() + y_squares.max())] = 0
    return block


def _smallest(known: Features, block: Features, k: int) -> Features:
    """The k smallest of each row of both, in any order."""
    if block.shape[1] > k:
        block = np.partition(block, k - 1, axis=1)[:, :k]
    return np.partition(np.concatenate([known, block], axis=1), k - 1, axis=1)[:, :k]
