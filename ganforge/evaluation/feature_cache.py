"""Features of real images are kept beside the prepared images, so that they are computed once.

    <cache>/features/<key>.npy     float64 (N, d)

The key is a hash of the images themselves and of the extractor's name and fingerprint. What is damaged is made again.
"""

import io
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import numpy as np

from ganforge._io.files import write_whole
from ganforge.data.cache import default_cache
from ganforge.data.extractors import OnProgress
from ganforge.errors import WriteError
from ganforge.evaluation.extracting import Opened, extract
from ganforge.evaluation.features import Features
from ganforge.spec.arrays import Images


def cached_features(
    opened: Opened, images: Images, who: str, on_progress: OnProgress | None = None, *, cache: Path | None = None
) -> Features:
    """Features of images, from the cache if they are there. Raises as `extract`.

    A cache that cannot be written to costs the time of the next call, no more.
    """
    if not opened.cached:
        return extract(opened, images, who, on_progress)
    root = default_cache() if cache is None else cache
    path = root / "features" / f"{_key(opened, images)}.npy"
    shape = (len(images), opened.extractor.dimension)
    with suppress(OSError, ValueError, EOFError):
        found = np.load(path, allow_pickle=False)
        if found.shape == shape and found.dtype == np.float64 and np.isfinite(found).all():
            return np.asarray(found)
    features = extract(opened, images, who, on_progress)
    content = io.BytesIO()
    np.save(content, features, allow_pickle=False)
    with suppress(WriteError):
        write_whole(path, content.getvalue())
    return features


def _key(opened: Opened, images: Images) -> str:
    digest = sha256(f"1 {opened.name} {opened.extractor.fingerprint} {images.shape}".encode())
    digest.update(np.ascontiguousarray(images).data)
    return digest.hexdigest()[:32]
