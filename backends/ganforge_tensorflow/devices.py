"""Which device a session's arrays lie on."""

import re
import sys

import tensorflow as tf

from ganforge.backend import choose_device, common_name


def find(name: str) -> str:
    """TensorFlow's full name of a device, /device:GPU:1, by its common name, as 'auto', 'cpu' or 'cuda:1'.

    On an accelerator float32 means float32 (no TF32), and operations whose sums have no fixed order are exchanged for
    others that have one: both are settings of TensorFlow as a whole. Operations on a CPU need neither.

    Raises:
        PluginError: TensorFlow sees no such device.
    """
    _, found = choose_device(name, _found(), "TensorFlow")
    if "CPU" not in found:
        tf.config.experimental.enable_tensor_float_32_execution(False)
        tf.config.experimental.enable_op_determinism()
    return found


def known() -> dict[str, str]:
    """What each device is, by its common name, the best first."""
    physical = {device.name.removeprefix("/physical_device:"): device for device in tf.config.list_physical_devices()}
    about = {name: tf.config.experimental.get_device_details(each) for name, each in physical.items()}
    return {
        name: about.get(full.removeprefix("/device:"), {}).get("device_name", "") for name, full in _found().items()
    }


def _found() -> dict[str, str]:
    """TensorFlow's full names by the common ones."""
    # Among workers the others' devices are listed too, by the name of their process and the same names after it.
    full = [re.sub("^.*(?=/device:)", "", device.name) for device in tf.config.list_logical_devices()]
    return {common(name): name for name in sorted(full, key=lambda name: "CPU" in name)}


def common(full: str) -> str:
    """The common name of a device by TensorFlow's full one."""
    # Apple's plugin calls its device GPU:0.
    return "mps" if sys.platform == "darwin" and full == "/device:GPU:0" else common_name(full)
