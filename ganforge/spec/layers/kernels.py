"""The arrays of layers that multiply by a kernel: dense, convolutions and transposed ones."""

from typing import Protocol

from ganforge.errors import SpecError
from ganforge.spec.layers.contract import Node, Parameter, Place, Shape
from ganforge.spec.layers.initializers import ONES, Constant, Init, Normal


class KernelSettings(Protocol):
    """What such layers have in common."""

    @property
    def bias(self) -> bool:
        """Whether a bias is added."""
        ...

    @property
    def spectral_norm(self) -> bool:
        """Whether the kernel is divided by its largest singular value."""
        ...

    @property
    def kernel_init(self) -> Init:
        """Initial values of the kernel."""
        ...

    @property
    def bias_init(self) -> Init:
        """Initial values of the bias."""
        ...


def kernel_parameters(
    node: Node, layer: KernelSettings, shape: Shape, *, axis: int, outputs: int, fan_in: int, fan_out: int
) -> tuple[Parameter, ...]:
    """`kernel`, and `bias` (outputs,) where it has one; with spectral norm `u`, as long as that `axis`, and `sigma`.

    `sigma`, (1,), is what the last training pass of the network's own update divided by: to be looked at.
    """
    kernel = Parameter(name=f"{node.name}/kernel", shape=shape, init=layer.kernel_init, fan_in=fan_in, fan_out=fan_out)
    bias = Parameter(name=f"{node.name}/bias", shape=(outputs,), init=layer.bias_init)
    u = Parameter(name=f"{node.name}/u", shape=(shape[axis],), init=Normal(std=1.0), trained=False)
    sigma = Parameter(name=f"{node.name}/sigma", shape=(1,), init=ONES, trained=False)
    return (kernel, *((bias,) if layer.bias else ()), *((u, sigma) if layer.spectral_norm else ()))


def check_spectral(place: Place, layer: KernelSettings) -> None:
    """Check that a kernel with spectral norm has a norm.

    Raises:
        SpecError: it begins as zeros.
    """
    if layer.spectral_norm and layer.kernel_init == Constant(value=0.0):
        raise SpecError(
            f"layer {place.name}: spectral_norm divides by the norm of a kernel, which is 0 here; take "
            "another kernel_init, or leave spectral_norm out"
        )
