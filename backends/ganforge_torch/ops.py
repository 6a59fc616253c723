"""The `Ops` of ganforge.spec.losses in torch; this module itself is what a loss is given."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

mean = torch.mean
square = torch.square
sqrt = torch.sqrt
relu = F.relu


def sum_each(x: Tensor) -> Tensor:
    """Sum over all axes but the first."""
    return x.flatten(1).sum(1)


def softplus(x: Tensor) -> Tensor:
    """log(1 + exp(x))."""
    # Beyond the threshold torch takes x itself: exact from 40 on, where exp(-x) is 4e-18, but not from its default, 20.
    return F.softplus(x, threshold=40.0)


def log_softmax(x: Tensor) -> Tensor:
    """Over the last axis."""
    return F.log_softmax(x, dim=-1)


def gradient(function: Callable[[Tensor], Tensor], at: Tensor) -> Tensor:
    """Gradient of sum(function(at)) with respect to `at`, itself differentiable."""
    point = at if at.requires_grad else at.detach().requires_grad_()
    (found,) = torch.autograd.grad(function(point).sum(), point, create_graph=True)
    return found
