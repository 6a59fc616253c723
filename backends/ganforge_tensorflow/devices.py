"""Which device a session's arrays lie on."""

import re

import tensorflow as tf

from ganforge.errors import PluginError, near_names


def find(name: str) -> str:
    """TensorFlow's full name of a device asked for as 'auto', 'cpu', 'gpu', 'GPU:1' or '/device:GPU:1'.

    On an accelerator float32 means float32 (no TF32), and operations whose sums have no fixed order are exchanged for
    others that have one: both are settings of TensorFlow as a whole. Operations on a CPU need neither.

    Raises:
        PluginError: TensorFlow sees no such device.
    """
    # Among workers the others' devices are listed too, by the name of their process and the same names after it.
    known = [re.sub("^.*(?=/device:)", "", device.name) for device in tf.config.list_logical_devices()]
    accelerators = [device for device in known if "CPU" not in device]
    if name == "auto":
        found = (accelerators or known)[0]
    else:
        kind, _, index = re.sub("^/?(device:)?", "", name, flags=re.IGNORECASE).partition(":")
        found = f"/device:{kind.upper()}:{index or 0}"
    if found not in known:
        short = [device.removeprefix("/device:") for device in known]
        raise PluginError(f"TensorFlow has no device {name!r}; {near_names(name.upper(), short)}")
    if found in accelerators:
        tf.config.experimental.enable_tensor_float_32_execution(False)
        tf.config.experimental.enable_op_determinism()
    return found
