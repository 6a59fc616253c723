"""One update of one array, as docs/semantics.md has it. Plain NumPy, no derivatives."""

import numpy as np

from ganforge.spec.arrays import Array, State
from ganforge.spec.optimizers import SGD, Adam, Optimizer, RMSprop, Scale
from ganforge.testing.ops import NUMPY_OPS


def update(optimizer: Optimizer, weights: Array, gradient: Array, slots: State, scale: Scale) -> tuple[Array, State]:
    """The new weights and slots; `slots` by name (`m`, `v`, `b`), all of the shape of `weights`."""
    g = gradient if optimizer.clip is None else np.clip(gradient, -optimizer.clip, optimizer.clip)
    match optimizer:
        case Adam():
            return adam(optimizer, weights, g, slots, scale)
        case RMSprop():
            return rmsprop(optimizer, weights, g, slots, scale)
        case SGD():
            return sgd(optimizer, weights, g, slots, scale)
        case _:  # a plugin's: by its reference, which is its own formula unless it writes it twice
            updated = optimizer.reference(NUMPY_OPS, weights, g, slots, scale)
            return updated.weight, dict(updated.slots)


def adam(optimizer: Adam, weights: Array, g: Array, slots: State, scale: Scale) -> tuple[Array, State]:
    """Kingma and Ba 2015: epsilon is added to the corrected root (algorithm 1) or, where it is a hat, to sqrt(v)."""
    m = optimizer.beta1 * slots["m"] + (1.0 - optimizer.beta1) * g
    v = optimizer.beta2 * slots["v"] + (1.0 - optimizer.beta2) * g * g
    divisor = np.sqrt(v) + optimizer.epsilon if optimizer.epsilon_hat else np.sqrt(v) / scale.root + optimizer.epsilon
    return weights - scale.rate * m / divisor, {"m": m, "v": v}


def rmsprop(optimizer: RMSprop, weights: Array, g: Array, slots: State, scale: Scale) -> tuple[Array, State]:
    """Tieleman and Hinton 2012, lecture 6.5, with epsilon where the optimizer says."""
    v = optimizer.rho * slots["v"] + (1.0 - optimizer.rho) * g * g
    if optimizer.epsilon_inside_sqrt:
        return weights - scale.rate * g / np.sqrt(v + optimizer.epsilon), {"v": v}
    return weights - scale.rate * g / (np.sqrt(v) + optimizer.epsilon), {"v": v}


def sgd(optimizer: SGD, weights: Array, g: Array, slots: State, scale: Scale) -> tuple[Array, State]:
    """Gradient descent; the buffer holds gradients, not steps."""
    if not optimizer.momentum:
        return weights - scale.rate * g, {}
    b = optimizer.momentum * slots["b"] + g
    return weights - scale.rate * b, {"b": b}
