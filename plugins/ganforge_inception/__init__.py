"""Features of Inception-v3 as FID is defined on them, from a weights file that the user has, by torch-fidelity."""

from collections.abc import Iterable

from ganforge.data import Extractor, ExtractorEntry, ImageShape
from ganforge.errors import EvaluationError
from ganforge.plugins import hookimpl


def open_inception(shape: ImageShape, argument: str | None) -> Extractor:
    """The network with the weights in the file that `argument` names.

    Raises:
        EvaluationError: no file is given, or it does not hold these weights.
    """
    if argument is None:
        raise EvaluationError(
            "extractor inception needs the file of its weights, which ganforge does not download: "
            "--extractor inception:FILE, where FILE is torch-fidelity's weights-inception-2015-12-05-6726825d.pth"
        )
    from ganforge_inception.network import open_network

    return open_network(argument)


@hookimpl
def ganforge_extractors() -> Iterable[ExtractorEntry]:
    """The one entry."""
    yield ExtractorEntry(
        name="inception",
        summary="Inception-v3 of FID, 2,048 features, weights from a file of yours: inception:FILE",
        open=open_inception,
        modules=("torch", "torch_fidelity"),
        install="torch-fidelity",
        frechet="FID",
    )
