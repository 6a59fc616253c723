"""The JAX backend's entry. JAX itself is imported when a session is opened, not before."""

from collections.abc import Iterable, Mapping

from ganforge.backend import BackendEntry, DistributedSupport, Precision, Session, Workers
from ganforge.plugins import hookimpl
from ganforge.spec import Gan, State
from ganforge_jax import launch


def _open(gan: Gan, state: State, precision: Precision, device: str) -> Session:
    from ganforge_jax.runtime import open_session

    return open_session(gan, state, precision, device)


def _open_shared(gan: Gan, state: State, precision: Precision, device: str) -> Session:
    from ganforge_jax.workers import open_shared

    return open_shared(gan, state, precision, device)


def _join() -> Workers:
    from ganforge_jax.workers import join

    return join()


def _devices() -> Mapping[str, str]:
    from ganforge_jax import devices

    return devices.known()


@hookimpl
def ganforge_backends() -> Iterable[BackendEntry]:
    """JAX."""
    yield BackendEntry(
        name="jax",
        summary="JAX, the whole step in one compiled function",
        modules=("jax",),
        install="ganforge[jax]",
        rank=30,
        precisions=("float32", "float64", "bfloat16"),
        open=_open,
        distributed=DistributedSupport(started=launch.started, join=_join, open=_open_shared),
        devices=_devices,
    )
