"""The traps of torch's own operations that the backend avoids: each is shown to be one."""

import numpy as np
import pytest
from frameworks import framework, need

torch = need("torch")

OPS = framework("torch").ops


def test_torch_s_softplus_is_not_exact() -> None:
    x = torch.linspace(-60.0, 60.0, 4801, dtype=torch.float64)
    expected = torch.tensor(np.logaddexp(0.0, x.numpy()))
    assert (torch.nn.functional.softplus(x) - expected).abs().max() > 1e-9


def test_a_gradient_leads_to_weights_and_leaves_its_place_alone() -> None:
    weight = torch.tensor(3.0, dtype=torch.float64, requires_grad=True)
    at = torch.tensor([[1.0], [2.0]], dtype=torch.float64)
    slope = OPS.gradient(lambda x: weight * x**3, at)
    assert torch.equal(slope.detach(), 9.0 * at**2)
    (found,) = torch.autograd.grad(OPS.mean(OPS.sum_each(slope)), weight)
    assert float(found) == pytest.approx(3.0 * (1.0 + 4.0) / 2)
    assert not at.requires_grad
    assert torch.equal(OPS.gradient(lambda x: OPS.gradient(lambda y: y**3, x), at).detach(), 6.0 * at)
