"""Which device a session's arrays lie on."""

import os

import jax

from ganforge.backend import choose_device, common_name
from ganforge.errors import PluginError

_MEMORY = "XLA_PYTHON_CLIENT_PREALLOCATE"


def find(name: str) -> jax.Device:
    """The device of a common name, as 'auto', 'cpu', 'cuda:1' or 'tpu:0'.

    Raises:
        PluginError: JAX sees no such device.
    """
    return choose_device(name, _found(), "JAX")[1]


def known() -> dict[str, str]:
    """What each device is, by its common name, the best first."""
    return {name: "" if each.platform == "cpu" else each.device_kind for name, each in _found().items()}


def _found() -> dict[str, jax.Device]:
    """By common name, the ones that JAX itself would take first."""
    # JAX would take three quarters of a GPU's memory at once, other frameworks' share included. It looks at the
    # variable once, when it first looks for devices.
    asked = os.environ.get(_MEMORY)
    os.environ.setdefault(_MEMORY, "false")
    try:
        found = jax.local_devices()
        try:
            found = [*found, *(each for each in jax.local_devices(backend="cpu") if each not in found)]
        except RuntimeError:  # JAX_PLATFORMS leaves the CPU out
            pass
    except RuntimeError as error:
        raise PluginError(f"JAX has no devices: {error}") from error
    finally:
        if asked is None:
            del os.environ[_MEMORY]
    return {common_name(f"{each.platform}:{each.local_hardware_id or 0}"): each for each in found}
