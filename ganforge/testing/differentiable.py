"""NumPy with derivatives: the only import of autograd, and the one thing that it lacks.

Everything else in the reference is written over `np` from here and reads as plain NumPy; `gradient` differentiates it,
as often as wanted.
"""

import math
from typing import Any, TypeAlias

from ganforge.errors import PluginError

try:
    import autograd.numpy as np
    from autograd import elementwise_grad, grad
    from autograd.extend import defvjp, primitive
    from autograd.tracer import getval
except ImportError as error:
    raise PluginError(
        "the NumPy reference takes its derivatives with autograd, which is not installed; "
        "pip install 'ganforge[testing]'"
    ) from error

__all__ = ["Tensor", "elementwise_grad", "erf", "getval", "grad", "np", "put", "take"]

Tensor: TypeAlias = Any
"""A NumPy array, or autograd's box around one."""

# Indexing in autograd is differentiated by a scatter that is slow for slices. These two are linear and each other's
# transpose, which is all that derivatives of any order need.


@primitive  # type: ignore[untyped-decorator, unused-ignore]
def take(x: Tensor, index: tuple[Any, ...]) -> Tensor:
    """`x[index]`, for slices and integers."""
    return x[index]


@primitive  # type: ignore[untyped-decorator, unused-ignore]
def put(x: Tensor, index: tuple[Any, ...], shape: tuple[int, ...]) -> Tensor:
    """Zeros of `shape` with `x` at `index`."""
    result = np.zeros(shape, x.dtype)
    result[index] = x
    return result


_erf = np.vectorize(math.erf, otypes=[float])


@primitive  # type: ignore[untyped-decorator, unused-ignore]
def erf(x: Tensor) -> Tensor:
    """The error function, which NumPy lacks."""
    return _erf(x).astype(x.dtype)


defvjp(erf, lambda _, x: lambda g: g * (2.0 / math.sqrt(math.pi)) * np.exp(-x * x))
defvjp(take, lambda _, x, index: lambda g: put(g, index, x.shape), argnums=(0,))
defvjp(put, lambda _, x, index, shape: lambda g: take(g, index), argnums=(0,))
