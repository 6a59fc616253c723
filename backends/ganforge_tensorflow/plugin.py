"""The TensorFlow backend's entry. TensorFlow itself is imported when a session is opened, not before."""

from collections.abc import Iterable, Mapping

from ganforge.backend import BackendEntry, DistributedSupport, Precision, Session, Workers
from ganforge.plugins import hookimpl
from ganforge.spec import Gan, State
from ganforge_tensorflow import launch
from ganforge_tensorflow.quiet import find_devices, quietly


def _open(gan: Gan, state: State, precision: Precision, device: str) -> Session:
    quietly(find_devices)
    from ganforge_tensorflow.runtime import open_session

    return open_session(gan, state, precision, device)


def _open_shared(gan: Gan, state: State, precision: Precision, device: str) -> Session:
    from ganforge_tensorflow.workers import open_shared

    return open_shared(gan, state, precision, device)


def _join() -> Workers:
    def join() -> Workers:
        from ganforge_tensorflow import workers

        return workers.join()

    return quietly(join)


def _devices() -> Mapping[str, str]:
    quietly(find_devices)
    from ganforge_tensorflow import devices

    return devices.known()


@hookimpl
def ganforge_backends() -> Iterable[BackendEntry]:
    """TensorFlow 2."""
    yield BackendEntry(
        name="tensorflow",
        summary="TensorFlow 2 and Keras 3, the whole step in one traced function",
        modules=("tensorflow",),
        install="ganforge[tensorflow]",
        rank=20,
        precisions=("float32", "float64", "bfloat16"),
        open=_open,
        devices=_devices,
        distributed=DistributedSupport(started=launch.started, join=_join, open=_open_shared),
    )
