"""What ganforge is told about this backend, without importing torch."""

from collections.abc import Iterable, Mapping

from ganforge.backend import BackendEntry, DistributedSupport, Precision, Session, Workers
from ganforge.plugins import hookimpl
from ganforge.spec import Gan, State
from ganforge_torch import launch


def _open(gan: Gan, state: State, precision: Precision, device: str) -> Session:
    from ganforge_torch.runtime import open_session

    return open_session(gan, state, precision, device)


def _open_shared(gan: Gan, state: State, precision: Precision, device: str) -> Session:
    from ganforge_torch.workers import open_shared

    return open_shared(gan, state, precision, device)


def _join() -> Workers:
    from ganforge_torch.workers import join

    return join()


def _devices() -> Mapping[str, str]:
    from ganforge_torch import devices

    return devices.known()


@hookimpl
def ganforge_backends() -> Iterable[BackendEntry]:
    """PyTorch."""
    yield BackendEntry(
        name="torch",
        summary="PyTorch, on CPU or GPU",
        modules=("torch",),
        install="ganforge[torch]",
        rank=10,
        precisions=("float32", "float64", "bfloat16"),
        open=_open,
        devices=_devices,
        distributed=DistributedSupport(started=launch.started, join=_join, open=_open_shared),
    )
