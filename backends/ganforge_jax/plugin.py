"""The JAX backend's entry. JAX itself is imported when a session is opened, not before."""

from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any

from ganforge.backend import BackendEntry, DistributedSupport, Precision, Session, Workers
from ganforge.errors import PluginError
from ganforge.plugins import hookimpl
from ganforge.spec import Gan, State
from ganforge_jax import launch

_OLDEST = (0, 10, 2)


def _module(name: str) -> Any:
    """A module of this backend that imports JAX.

    Raises:
        PluginError: JAX is too old.
    """
    import jax

    if jax.__version_info__ < _OLDEST:
        oldest = ".".join(map(str, _OLDEST))
        raise PluginError(
            f"backend 'jax' needs JAX {oldest} or newer, and {jax.__version__} is installed; pip install --upgrade "
            "'ganforge[jax]'"
        )
    return import_module(f"ganforge_jax.{name}")


def _open(gan: Gan, state: State, precision: Precision, device: str) -> Session:
    return _module("runtime").open_session(gan, state, precision, device)


def _open_shared(gan: Gan, state: State, precision: Precision, device: str) -> Session:
    return _module("workers").open_shared(gan, state, precision, device)


def _join() -> Workers:
    return _module("workers").join()


def _devices() -> Mapping[str, str]:
    return _module("devices").known()


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
