"""The pieces of the PyTorch backend that torch does not have as the definitions want them."""

import numpy as np
import pytest
from fakes import SLOPES

from ganforge.spec import streams
from ganforge.spec.layers.contract import Layer
from ganforge.spec.network import Network, resolve

torch = pytest.importorskip("torch")

from ganforge_torch import dropout, layers, ops  # noqa: E402

CPU = torch.device("cpu")


@pytest.mark.parametrize("key", [0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x12345678])
@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.999])
def test_masks_are_those_of_the_streams(key: int, rate: float) -> None:
    for layer, count in ((0, 1), (3, 1001), (40, 70_000)):
        found = dropout.kept(key, layer, count, rate, CPU).numpy()
        assert np.array_equal(found, streams.dropout_mask(key, layer, count, rate))
        assert count < 1000 or abs(found.mean() - (1.0 - rate)) < 0.06


def test_pass_keys_are_mixed_and_wrap_around() -> None:
    for key in (0, 0xFFFFFFFE, 0xFFFFFFFF):
        words = (key + np.arange(4, dtype=np.uint64)) & np.uint64(0xFFFFFFFF)
        assert [dropout.pass_key(key, number) for number in range(4)] == streams.hash32(words).tolist()


def test_softplus_and_its_derivatives_are_exact_where_torch_s_default_is_not() -> None:
    x = torch.linspace(-60.0, 60.0, 4801, dtype=torch.float64, requires_grad=True)
    y = ops.softplus(x)
    (slope,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    (bend,) = torch.autograd.grad(slope.sum(), x)
    sigmoid = torch.sigmoid(x.detach())
    expected = torch.tensor(np.logaddexp(0.0, x.detach().numpy()))
    assert (y.detach() - expected).abs().max() < 1e-14
    assert (slope.detach() - sigmoid).abs().max() < 1e-14
    assert (bend - sigmoid * (1.0 - sigmoid)).abs().max() < 1e-14
    assert (torch.nn.functional.softplus(x.detach()) - expected).abs().max() > 1e-9


def test_a_gradient_can_be_differentiated_again() -> None:
    weight = torch.tensor(3.0, dtype=torch.float64, requires_grad=True)
    at = torch.tensor([[1.0], [2.0]], dtype=torch.float64)
    slope = ops.gradient(lambda x: weight * x**3, at)
    assert torch.equal(slope.detach(), 9.0 * at**2)
    (found,) = torch.autograd.grad(ops.mean(ops.sum_each(slope)), weight)
    assert float(found) == pytest.approx(3.0 * (1.0 + 4.0) / 2)
    assert not at.requires_grad
    assert torch.equal(ops.gradient(lambda x: ops.gradient(lambda y: y**3, x), at).detach(), 6.0 * at)


@pytest.mark.parametrize(("layer", "slopes", "bends"), SLOPES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_slopes_at_zero_and_far_out(layer: Layer, slopes: list[float], bends: list[float], dtype: torch.dtype) -> None:
    nodes = resolve(Network(input=(3,), layers=(layer,)))

    def slope(x: torch.Tensor) -> torch.Tensor:
        return ops.gradient(lambda y: layers.forward(nodes, {}, y, None), x)

    x = torch.tensor([[-800.0, 0.0, 800.0]], dtype=dtype)
    assert torch.equal(slope(x).detach(), torch.tensor([slopes], dtype=dtype))
    bend = ops.gradient(lambda x: slope(x) + 0.0 * x, x)  # a slope of numbers alone has no graph
    assert torch.equal(bend.detach(), torch.tensor([bends], dtype=dtype))
