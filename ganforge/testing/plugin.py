"""The reference as a backend that can be asked for by name: `ganforge parity --backends numpy,torch`."""

from collections.abc import Iterable

from ganforge.backend.contract import BackendEntry, Precision, Session
from ganforge.plugins.markers import hookimpl
from ganforge.spec.arrays import State
from ganforge.spec.gan import Gan


def _open(gan: Gan, state: State, precision: Precision, device: str) -> Session:
    from ganforge.testing.reference import open_reference

    return open_reference(gan, state, precision, device)


REFERENCE = BackendEntry(
    name="numpy",
    summary="plain NumPy, slow and obvious: the judge of all other backends",
    modules=("autograd",),
    install="ganforge[testing]",
    rank=None,
    open=_open,
)


@hookimpl
def ganforge_backends() -> Iterable[BackendEntry]:
    """The NumPy reference."""
    return (REFERENCE,)
