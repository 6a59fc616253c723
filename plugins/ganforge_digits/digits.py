"""The digits as an image set."""

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.datasets import load_digits

from ganforge.dataset import Pixels

_BRIGHTEST = 16.0  # each pixel counts the inked ones among 4x4 of the scanned form


@dataclass(frozen=True, kw_only=True)
class Digits:
    """The 1,797 digits, in scikit-learn's order."""

    pictures: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]

    @staticmethod
    def load() -> "Digits":
        """Read them; a value v of 0 .. 16 becomes round(v * 255 / 16), so all 17 stay distinct."""
        bunch = load_digits()
        pictures = np.rint(bunch.images * (255.0 / _BRIGHTEST)).astype(np.uint8)
        return Digits(pictures=pictures[..., np.newaxis], labels=bunch.target.astype(np.int64))

    @property
    def fingerprint(self) -> str:
        """Hash of all pixels and labels."""
        return "digits " + hashlib.sha256(self.pictures.tobytes() + self.labels.tobytes()).hexdigest()

    @property
    def class_names(self) -> tuple[str, ...]:
        """'0' to '9'."""
        return tuple("0123456789")

    def __len__(self) -> int:
        return len(self.pictures)

    def label(self, index: int) -> int:
        """The digit that was written."""
        return int(self.labels[index])

    def where(self, index: int) -> str:
        """Its number in scikit-learn's order."""
        return f"digit {index} of scikit-learn"

    def read(self, index: int) -> Pixels:
        """Picture `index`: uint8 (8, 8, 1)."""
        picture: Pixels = self.pictures[index]
        return picture
