"""Which device a session's arrays lie on."""

import os

import jax

from ganforge.errors import PluginError, near_names

_MEMORY = "XLA_PYTHON_CLIENT_PREALLOCATE"


def find(name: str) -> jax.Device:
    """The device asked for as 'auto', 'cpu', 'gpu', 'gpu:1' or 'tpu'; 'cuda' and 'rocm' are names of 'gpu'.

    Raises:
        PluginError: JAX sees no such device.
    """
    # JAX would take three quarters of a GPU's memory at once, other frameworks' share included. It looks at the
    # variable once, when it first looks for devices.
    asked = os.environ.get(_MEMORY)
    os.environ.setdefault(_MEMORY, "false")
    try:
        known = _known()
    finally:
        if asked is None:
            del os.environ[_MEMORY]
    kind, _, index = name.lower().partition(":")
    wanted = "gpu" if kind in ("cuda", "rocm") else kind
    found = known.get(f"{wanted}:{index or 0}") if name != "auto" else next(iter(known.values()))
    if found is None:
        raise PluginError(f"JAX has no device {name!r} on this machine; {near_names(name, ['auto', *known])}")
    return found


def _known() -> dict[str, jax.Device]:
    """By name, the ones that JAX itself would take first."""
    try:
        found = jax.local_devices()
    except RuntimeError as error:
        raise PluginError(f"JAX has no devices: {error}") from error
    try:
        found = [*found, *(each for each in jax.local_devices(backend="cpu") if each not in found)]
    except RuntimeError:  # JAX_PLATFORMS leaves the CPU out
        pass
    return {f"{each.platform}:{each.local_hardware_id or 0}": each for each in found}
