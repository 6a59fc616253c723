"""The digits of scikit-learn: 1,797 real handwritten digits of 8x8, labelled, that need no download."""

from collections.abc import Iterable
from pathlib import Path

from ganforge.data import DatasetEntry, ImageSet, NoOptions
from ganforge.errors import DataError
from ganforge.plugins import hookimpl


def open_digits(path: Path | None, options: NoOptions) -> ImageSet:
    """The digits; they come with scikit-learn, so a path is refused.

    Raises:
        DataError: a path was given.
    """
    if path is not None:
        raise DataError(f"digits carries its own images and does not read {path}: leave --data out")
    from ganforge_digits.digits import Digits

    return Digits.load()


@hookimpl
def ganforge_datasets() -> Iterable[DatasetEntry]:
    """The one entry."""
    yield DatasetEntry(
        name="digits",
        summary="1,797 handwritten digits, 8x8, grey, ten classes; installed with ganforge",
        license="CC BY 4.0",
        source="https://doi.org/10.24432/C50P49 (Alpaydin and Kaynak, test part), as carried by scikit-learn",
        open=open_digits,
        needs_path=False,
    )
