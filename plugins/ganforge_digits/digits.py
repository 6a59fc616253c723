"""The digits as an image set."""

import hashlib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ganforge.data import Pixels

_TABLE = Path("datasets", "data", "digits.csv.gz")  # in scikit-learn: 64 pixels and the label in a line
_BRIGHTEST = 16.0  # each pixel counts the inked ones among 4x4 of the scanned form


@dataclass(frozen=True, kw_only=True)
class Digits:
    """The 1,797 digits, in scikit-learn's order."""

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]

    @staticmethod
    def load() -> "Digits":
        """Read them; a value v of 0 .. 16 becomes round(v * 255 / 16), so all 17 stay distinct."""
        table = _table()
        images = np.rint(table[:, :-1] * (255.0 / _BRIGHTEST)).astype(np.uint8)
        return Digits(images=images.reshape(-1, 8, 8, 1), labels=table[:, -1].astype(np.int64))

    @property
    def fingerprint(self) -> str:
        """Hash of all pixels and labels."""
        return "digits " + hashlib.sha256(self.images.tobytes() + self.labels.tobytes()).hexdigest()

    @property
    def class_names(self) -> tuple[str, ...]:
        """'0' to '9'."""
        return tuple("0123456789")

    def __len__(self) -> int:
        return len(self.images)

    def label(self, index: int) -> int:
        """The digit that was written."""
        return int(self.labels[index])

    def where(self, index: int) -> str:
        """Its number in scikit-learn's order."""
        return f"digit {index} of scikit-learn"

    def read(self, index: int) -> Pixels:
        """Image `index`: uint8 (8, 8, 1)."""
        image: Pixels = self.images[index]
        return image


def _table() -> npt.NDArray[np.float64]:
    """(1797, 65): pixels and label, from where scikit-learn keeps them, or from itself should they lie elsewhere.

    To import it takes as long as all else before the first step of a small GAN.
    """
    found = find_spec("sklearn")
    for folder in (found.submodule_search_locations or ()) if found else ():
        if (Path(folder) / _TABLE).is_file():
            return np.loadtxt(Path(folder) / _TABLE, delimiter=",")
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return np.column_stack([bunch.data, bunch.target])
