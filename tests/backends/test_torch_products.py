"""Large matrix products in float32, which oneDNN computes: values, gradients, and gradients of gradients."""

from collections.abc import Callable

import pytest
from frameworks import need

torch = need("torch")

from ganforge_torch import cpu
from ganforge_torch.cpu import product

Tensor = torch.Tensor

needs_onednn = pytest.mark.skipif(cpu._onednn() is None, reason="this torch has no oneDNN")


def made(*shape: int, transposed: bool = False) -> Tensor:
    """Float32, as it lies in memory or the other way round."""
    stream = torch.Generator().manual_seed(sum(shape))
    values = torch.randn(*(shape[::-1] if transposed else shape), generator=stream)
    return (values.t() if transposed else values).detach().requires_grad_()


def derivatives(multiply: Callable[..., Tensor], a: Tensor, b: Tensor, bias: Tensor | None) -> list[Tensor]:
    """The result, its gradients, and those of a penalty on the first of them."""
    given = [each for each in (a, b, bias) if each is not None]
    result = multiply(a, b, bias)
    first = torch.autograd.grad(result.tanh().sum(), given, create_graph=True)
    second = torch.autograd.grad(first[0].square().sum(), given)
    return [result, *first, *second]


@needs_onednn
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("transposed", [(False, False), (True, False), (False, True), (True, True)])
def test_results_and_gradients_of_both_orders(
    bias: bool, transposed: tuple[bool, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = made(5, 7, transposed=transposed[0]), made(7, 11, transposed=transposed[1])
    added = made(11) if bias else None
    monkeypatch.setattr(cpu, "_LARGE", 0)
    assert product(a, b).grad_fn.name() == "_ProductBackward"
    found = derivatives(product, a, b, added)
    wide = [None if each is None else each.detach().double().requires_grad_() for each in (a, b, added)]
    expected = derivatives(lambda a, b, bias: a @ b if bias is None else a @ b + bias, *wide)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one.double(), other, rtol=1e-5, atol=1e-5)


@needs_onednn
def test_only_large_ones_in_float32_take_the_detour(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = made(5, 7), made(7, 11)
    monkeypatch.setattr(cpu, "_LARGE", 5 * 7 * 11)
    assert product(a, b).grad_fn.name() == "MmBackward0"
    monkeypatch.setattr(cpu, "_LARGE", 5 * 7 * 11 - 1)
    assert product(a, b).grad_fn.name() == "_ProductBackward"
    assert product(a.double(), b.double()).grad_fn.name() == "MmBackward0"
    assert product(a.bfloat16(), b.bfloat16()).grad_fn.name() == "MmBackward0"
    assert product(a.detach().to("meta"), b.detach().to("meta")).device.type == "meta"


def test_without_onednn_torch_s_own_product_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b, bias = made(5, 7), made(7, 11), made(11)
    monkeypatch.setattr(cpu, "_LARGE", 0)
    monkeypatch.setattr(cpu, "_onednn", lambda: None)
    assert torch.equal(product(a, b, bias), torch.addmm(bias, a, b))


@needs_onednn
def test_a_gradient_lies_in_memory_as_its_kernel_does(monkeypatch: pytest.MonkeyPatch) -> None:
    # Else the optimizer copies it first, which for a large kernel takes as long as a product.
    monkeypatch.setattr(cpu, "_LARGE", 0)
    kernel = made(7, 11).t()  # (out, in), as layers have it
    (found,) = torch.autograd.grad(product(made(5, 7), kernel.t()).sum(), [kernel])
    assert found.stride() == kernel.stride()
