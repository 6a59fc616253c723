"""The network of torch-fidelity with weights from a file."""

from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

from ganforge.data import Extractor
from ganforge.errors import EvaluationError
from ganforge.spec import Array, Images

ORIGINAL = "6726825d"
"""How the SHA-256 of the file begins in which torch-fidelity keeps the original weights."""
_BATCH = 16


def open_network(argument: str) -> Extractor:
    """The features after the last average, at 299x299.

    Raises:
        EvaluationError: the file is not there or does not hold the original weights.
    """
    path = Path(argument).expanduser()
    try:
        digest = sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise EvaluationError(f"extractor inception: {path} cannot be read: {error.strerror}") from error
    if not digest.startswith(ORIGINAL):
        raise EvaluationError(
            f"extractor inception: {path} has SHA-256 {digest[:8]}..., not {ORIGINAL}...; with other weights the "
            "distance would be no FID. Take torch-fidelity's weights-inception-2015-12-05-6726825d.pth"
        )
    network = FeatureExtractorInceptionV3("inception-v3-compat", ["2048"], feature_extractor_weights_path=str(path))

    def features(images: Images) -> Array:
        return np.concatenate([_batch(network, images[at : at + _BATCH]) for at in range(0, len(images), _BATCH)])

    return Extractor(
        dimension=2048,
        fingerprint=f"inception-v3 1, weights {digest[:12]}, torch-fidelity",
        resizing="to 299x299 as TensorFlow 1 does, bilinear without antialiasing",
        function=features,
    )


def _batch(network: Any, images: Images) -> Array:
    colour = np.repeat(images, 3 // images.shape[3], axis=3)
    with torch.inference_mode():
        (found,) = network(torch.from_numpy(colour).permute(0, 3, 1, 2))
        return np.asarray(found.double().numpy())
