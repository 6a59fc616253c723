"""Which batch would fit where memory has run out."""

from collections.abc import Iterator
from contextlib import contextmanager

from ganforge.backend.contract import Precision
from ganforge.backend.memory import host_memory_told
from ganforge.errors import OutOfMemoryError
from ganforge.spec.costs import batch_that_fits
from ganforge.spec.gan import Gan

_BYTES = {"float32": 4, "float64": 8, "bfloat16": 2}


@contextmanager
def fitting_batch_told(gan: Gan, precision: Precision) -> Iterator[None]:
    """While steps of a GAN are done, an error about memory says which batch would fit.

    Raises:
        OutOfMemoryError: memory ran out.
    """
    try:
        with host_memory_told():
            yield
    except OutOfMemoryError as error:
        raise OutOfMemoryError(f"{error}. {_advice(gan, precision, error.total)}", total=error.total) from error


def _advice(gan: Gan, precision: Precision, total: int | None) -> str:
    batch = gan.protocol.batch_size
    if total is None:
        return f"A batch of {batch} does not fit; try --batch-size {max(1, batch // 2)}"
    fits = min(batch_that_fits(gan, total, item=_BYTES[precision]), batch // 2)
    if not fits:
        return "Not even a batch of one image would fit; take smaller images, or layers with fewer filters"
    fits = 1 << (fits.bit_length() - 1)
    return (
        f"A batch of {batch} does not fit. By the sizes of the arrays, which is an estimate, one of {fits} would: "
        f"--batch-size {fits}"
    )
