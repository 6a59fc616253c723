"""Features without a network: the pixels themselves, of large images after shrinking."""

import numpy as np

from ganforge.data.contract import ImageShape
from ganforge.data.extractors import Extractor
from ganforge.data.resizing import fit_image
from ganforge.data.resizing_settings import Resizing
from ganforge.errors import EvaluationError
from ganforge.spec.arrays import Array, Images

_LARGEST = 32
"""Side to which larger images are shrunk: 3,072 features of colour, which the measures still take."""


def open_pixels(shape: ImageShape, argument: str | None) -> Extractor:
    """Grey levels / 255 of images of `shape`; of sides above 32 pixels, or those of `argument`, after shrinking.

    Raises:
        EvaluationError: the argument is not a number of pixels.
    """
    side = _side(argument)
    height, width, channels = shape
    small = (min(height, side), min(width, side), channels)
    whole = small == shape

    def features(images: Images) -> Array:
        stretch = Resizing(fit="stretch")
        fitted = images if whole else np.stack([fit_image(image, small, stretch) for image in images])
        return fitted.reshape(len(images), -1) / 255.0

    return Extractor(
        dimension=small[0] * small[1] * channels,
        fingerprint=f"pixels 1, {small[0]}x{small[1]}x{channels}",
        resizing="none" if whole else f"shrunk to {small[0]}x{small[1]}, bicubic with antialiasing",
        function=features,
    )


def _side(argument: str | None) -> int:
    if argument is None:
        return _LARGEST
    if not argument.isdecimal() or not 1 <= int(argument) <= 64:
        raise EvaluationError(f"extractor pixels: {argument!r} is no side in pixels from 1 to 64, as pixels:16")
    return int(argument)
