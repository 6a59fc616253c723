"""Real images that are not the same every time: mirrored and moved, by draw."""

import numpy as np

from ganforge.spec import random_streams
from ganforge.spec.arrays import Images
from ganforge.spec.protocol import Protocol


def varied(protocol: Protocol, images: Images, rows: slice, *, seed: int, number: int) -> Images:
    """The images of a batch's `rows` as update `number` of the discriminator is fed them.

    What is drawn for a row does not depend on the others, so that each worker draws the same.
    """
    if protocol.mirror:
        lots = random_streams.generator(seed, "mirror", number).random(protocol.batch_size)[rows]
        images = np.where(lots[:, None, None, None] < 0.5, images[:, :, ::-1], images)
    if protocol.random_crop:
        most = protocol.random_crop
        wide = np.pad(images, ((0, 0), (most, most), (most, most), (0, 0)), "reflect")
        stream = random_streams.generator(seed, "random-crop", number)
        top, left = stream.integers(0, 2 * most + 1, (protocol.batch_size, 2))[rows].T
        height, width = images.shape[1:3]
        down, across = top[:, None] + np.arange(height), left[:, None] + np.arange(width)
        images = wide[np.arange(len(images))[:, None, None], down[:, :, None], across[:, None, :]]
    return images
