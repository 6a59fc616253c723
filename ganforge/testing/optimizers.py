"""One update of one array, as docs/semantics.md has it. Plain NumPy, no derivatives."""

import numpy as np

from ganforge.spec.arrays import Array, State
from ganforge.spec.optimizers import SGD, Adam, Optimizer, RMSprop, Scale
from ganforge.spec.schedules import Schedule
from ganforge.testing.ops import NUMPY_OPS


def update(optimizer: Optimizer, weights: Array, gradient: Array, slots: State, scale: Scale) -> tuple[Array, State]:
    """The new weights and slots; `slots` by name (`m`, `v`, `b`), all of the shape of `weights`."""
    g = gradient if optimizer.clip is None else np.clip(gradient, -optimizer.clip, optimizer.clip)
    match optimizer:
        case Adam():
            return adam(optimizer, decayed(optimizer, weights, scale), g, slots, scale)
        case RMSprop():
            return rmsprop(optimizer, decayed(optimizer, weights, scale), g, slots, scale)
        case SGD():
            return sgd(optimizer, decayed(optimizer, weights, scale), g, slots, scale)
        case _:  # a plugin's: by its reference, which is its own formula unless it writes it twice
            updated = optimizer.reference(NUMPY_OPS, weights, g, slots, scale)
            return updated.weight, dict(updated.slots)


def decayed(optimizer: Adam | RMSprop | SGD, weights: Array, scale: Scale) -> Array:
    """Loshchilov and Hutter 2019, algorithm 2, line 12: decoupled weight decay, by the learning rate as it is now."""
    return weights * (1.0 - scale.shrink) if optimizer.weight_decay else weights


def adam(optimizer: Adam, weights: Array, g: Array, slots: State, scale: Scale) -> tuple[Array, State]:
    """Kingma and Ba 2015: epsilon is added to the corrected root (algorithm 1) or, where it is a hat, to sqrt(v)."""
    beta2 = scale.kept if isinstance(optimizer.beta2, Schedule) else optimizer.beta2
    m = optimizer.beta1 * slots["m"] + (1.0 - optimizer.beta1) * g
    v = beta2 * slots["v"] + (1.0 - beta2) * g * g
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
