"""Importing TensorFlow without the lines that it writes to the terminal whatever it is told."""

import os
import re
import sys
import tempfile
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_NOTICE = re.compile(rb"WARNING: All log messages before absl|[IWE]\d{4} |To enable the following instructions:")


def find_devices() -> None:
    """Import TensorFlow and find its devices."""
    import tensorflow as tf

    tf.config.list_logical_devices()


def quietly(import_it: Callable[[], T]) -> T:
    """What `import_it`, the first to import TensorFlow, gives; notices of the C++ part are dropped, all else passed on.

    A person who has set TF_CPP_MIN_LOG_LEVEL wants to see them, and does. TensorFlow would also take all memory of
    every GPU at once, PyTorch's share included; TF_FORCE_GPU_ALLOW_GROWTH is set where it is not.
    """
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    level = os.environ.get("TF_CPP_MIN_LOG_LEVEL")
    asked = level is not None and not (level == "1" and "jax" in sys.modules)  # JAX sets it to 1 where nobody has
    if "tensorflow" in sys.modules or asked:
        return import_it()
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    # The variable alone does not silence what is logged before absl is set up, which is during the import and the first
    # look for devices, so the file descriptor itself is turned aside for as long as that takes.
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as aside:
        os.dup2(aside.fileno(), 2)
        try:
            return import_it()
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)
            aside.seek(0)
            for line in aside:
                if not _NOTICE.match(line):
                    os.write(2, line)
