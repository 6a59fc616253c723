"""Other programs that compute the measures of quality."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pytest
from frameworks import need

DECLARED: list[Any] = []


def referee(module: str) -> Any:
    """A module of torch-fidelity or torchmetrics, which import torchvision; without that the test is skipped.

    A torchvision that was built for another torch has no operations, and cannot even be imported until those that it
    describes are declared. None of them is used here.
    """
    torch = need("torch")
    if find_spec("torchvision") is None:
        pytest.skip("no torchvision")
    try:
        import_module("torchvision")
    except RuntimeError:
        DECLARED.append(torch.library.Library("torchvision", "DEF"))  # forgotten, it takes back what it declares
        for name in ("nms", "qnms"):
            DECLARED[0].define(f"{name}(Tensor dets, Tensor scores, float limit) -> Tensor")
    return need(module)
