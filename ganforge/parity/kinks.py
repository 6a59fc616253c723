"""Where two correct backends may part: a ReLU's input that is rounding away from 0 falls on the other side in one.

The derivative jumps there, so a gradient differs by far more than rounding though both are right. In float64 that does
not happen in a lifetime; in float32 it does in some steps of a small network and in most of a large one.
"""

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ganforge import streams
from ganforge.backend import (
    FAKE_PASS,
    GENERATOR_PASS,
    PENALTY_PASS,
    REAL_PASS,
    DiscriminatorInputs,
    GeneratorInputs,
    Labels,
    Pictures,
    Session,
    StepInputs,
)
from ganforge.gan import Gan, NetworkName
from ganforge.parameters import Array, State
from ganforge.shapes import walk
from ganforge.spec import Elu, LeakyRelu, Relu

Signs: TypeAlias = npt.NDArray[np.bool_]


def crossings(a: Session, b: Session, gan: Gan, fed: StepInputs, before: State, after: State) -> int:
    """How many inputs of ReLUs have another sign in `a` than in `b` in the passes of one step.

    before, after: a state before the step, and the one that it led to; where a network has several updates, the later
    ones are looked at as if they were the first. Leaves both sessions in another state.
    """
    judged = before | {name: each for name, each in after.items() if name.startswith("discriminator/")}
    signs: list[list[Signs]] = []
    for session in (a, b):
        session.load_state(before)
        found = [sign for update in fed.discriminator for sign in _discriminator(session, gan, update)]
        session.load_state(judged)
        signs.append(found + [sign for update in fed.generator for sign in _generator(session, gan, update)])
    return sum(int((x != y).sum()) for x, y in zip(*signs, strict=True))


def _discriminator(session: Session, gan: Gan, fed: DiscriminatorInputs) -> Iterator[Signs]:
    fake, signs = _pass(session, gan, "generator", fed.latents, fed.labels, fed.key, GENERATOR_PASS)
    yield from signs
    real = _pixels(gan, fed.images, fake)
    looks: list[tuple[Array, int]] = [(real, REAL_PASS), (fake, FAKE_PASS)]
    labels = fed.labels
    if gan.protocol.batches == "joint":
        both = None if labels is None else np.concatenate([labels, labels])
        yield from _pass(session, gan, "discriminator", np.concatenate([fake, real]), both, fed.key, REAL_PASS)[1]
        looks = []
    if gan.penalty:
        mix = fed.mix.astype(real.dtype)
        looks += [(real, PENALTY_PASS), (real * mix + fake * (1 - mix), PENALTY_PASS)]
    for pictures, number in looks:
        yield from _pass(session, gan, "discriminator", pictures, labels, fed.key, number)[1]


def _generator(session: Session, gan: Gan, fed: GeneratorInputs) -> Iterator[Signs]:
    fake, signs = _pass(session, gan, "generator", fed.latents, fed.labels, fed.key, GENERATOR_PASS)
    yield from signs
    yield from _pass(session, gan, "discriminator", fake, fed.labels, fed.key, FAKE_PASS)[1]
    if gan.loss.generator_sees_real:
        real = _pixels(gan, fed.images, fake)
        yield from _pass(session, gan, "discriminator", real, fed.labels, fed.key, REAL_PASS)[1]


def _pass(
    session: Session, gan: Gan, network: NetworkName, x: Array, labels: Labels | None, key: int, number: int
) -> tuple[Array, list[Signs]]:
    """What comes out of a training pass, and the signs of what enters its ReLUs."""
    own = int(streams.mix(np.array([(key + number) & 0xFFFFFFFF], dtype=np.uint64))[0])
    outputs = session.trace(network, x, labels, key=own)
    nodes = gan.nodes(network)
    kinks = [node.name for node in walk(nodes) if isinstance(node.layer, Relu | LeakyRelu | Elu)]
    return outputs[nodes[-1].name], [outputs[name] > 0 for name in kinks]


def _pixels(gan: Gan, pictures: Pictures, like: Array) -> Array:
    x = pictures.astype(like.dtype)
    return x / 255.0 if gan.pixel_range[0] == 0.0 else x / 127.5 - 1.0
