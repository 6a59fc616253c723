"""The TensorFlow backend's entry. TensorFlow itself is imported when a session is opened, not before."""

from collections.abc import Iterable

from ganforge.backend import BackendEntry, Precision, Session
from ganforge.gan import Gan
from ganforge.hookspecs import hookimpl
from ganforge.parameters import State
from ganforge_tensorflow.quiet import quiet_import


def _open(gan: Gan, state: State, precision: Precision, device: str) -> Session:
    quiet_import()
    from ganforge_tensorflow.session import open_session

    return open_session(gan, state, precision, device)


@hookimpl
def ganforge_backends() -> Iterable[BackendEntry]:
    """TensorFlow 2."""
    yield BackendEntry(
        name="tensorflow",
        summary="TensorFlow 2 and Keras 3, the whole step in one traced function",
        modules=("tensorflow",),
        install="ganforge[tensorflow]",
        rank=20,
        open=_open,
    )
