"""Where two correct sessions may part: a ReLU's input so near to 0 that rounding decides on which side it falls.

The derivative jumps there, so a gradient differs by far more than rounding though both are right. In float64 that does
not happen in a lifetime; in float32 it does in some steps of a small network and in most of a large one. Which layers
have such corners, and where, each kind of layer says (`Layer.corners`).
"""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, TypeAlias

import numpy as np

from ganforge.backend.contract import (
    CONSISTENCY_FAKE_PASS,
    CONSISTENCY_REAL_PASS,
    FAKE_PASS,
    GENERATOR_PASS,
    PENALTY_PASS,
    REAL_PASS,
    DiscriminatorInputs,
    GeneratorInputs,
    Session,
    StepInputs,
)
from ganforge.backend.host_augmenting import augmented_on_host
from ganforge.spec import random_streams
from ganforge.spec.arrays import Array, Images, Labels, State
from ganforge.spec.augmentation import PROBABILITY, Augmentation
from ganforge.spec.gan import Gan, NetworkName
from ganforge.spec.layers.contract import Node
from ganforge.spec.layers.residual import chains

_ROUNDING = {"float32": 1e-3, "float64": 1e-12}
"""The most that outputs of a layer differ by between correct sessions, relative to the largest of them, or to 1."""
_TINY = np.finfo(np.float64).tiny


class Undecided(NamedTuple):
    """What rounding decides on in some steps: inputs at corners, and the share of each gradient that it is."""

    kinks: int
    doubts: State

    @property
    def derivatives(self) -> int:
        """How many rounding decides on: those at kinks, and gradients of which it decides on the sign."""
        return self.kinks + sum(int((each >= 1.0).sum()) for each in self.doubts.values())

    def joined(self, other: "Undecided") -> "Undecided":
        """Of both."""
        doubts = {name: np.maximum(each, self.doubts.get(name, 0.0)) for name, each in other.doubts.items()}
        return Undecided(self.kinks + other.kinks, doubts)


def kinks(a: Session, b: Session, gan: Gan, fed: StepInputs, before: State, after: State) -> int:
    """How many inputs of layers with a corner lie no further from it than twice what `a` and `b` differ by there.

    Twice, and no less than twice a rounding: a framework may round otherwise in a step than where it is looked at.

    before, after: a state before the step, and the one that it led to; where a network has several updates, the later
    ones are looked at as if they were the first. Leaves both sessions in another state.
    """
    judged = _judged(before, after)
    entering: list[list[_Entering]] = []
    for session in (a, b):
        session.load_state(before)
        shown = _shown(gan, before, gan.protocol.augment)
        found = [x for update in fed.discriminator for x in _discriminator(session, gan, update, shown)]
        session.load_state(judged)
        shown = _shown(gan, judged, gan.protocol.augment)
        entering.append(found + [x for update in fed.generator for x in _generator(session, gan, update, shown)])
    return sum(_near(x.values, y.values, x.corners) for x, y in zip(*entering, strict=True))


def doubts(a: Session, b: Session, fed: StepInputs, before: State, after: tuple[State, State]) -> State:
    """How large what `a` and `b` differ by in each gradient is beside the gradient: 1, and its sign is not known.

    Adam makes steps of full size of small gradients too. The generator's are those at the discriminator that each has
    after the step. Leaves both sessions in another state.
    """
    found: list[State] = []
    for session, own in zip((a, b), after, strict=True):
        session.load_state(before)
        first = session.gradients(fed)
        session.load_state(_judged(before, own))
        found.append({name: each for name, each in first.items() if not name.startswith("generator/")})
        found[-1] |= {name: each for name, each in session.gradients(fed).items() if name.startswith("generator/")}
    apart = {name: np.abs(x - found[1][name]) for name, x in found[0].items()}
    return {name: each / np.maximum(np.abs(found[1][name]), _TINY) for name, each in apart.items()}


def _judged(before: State, after: State) -> State:
    """A state in which the discriminator has had its updates and the generator not."""
    return before | {name: each for name, each in after.items() if name.startswith(("discriminator/", "augment/"))}


_Shown: TypeAlias = Callable[[Array, Array | None], Array]
"""`(images, draws)`: the images as the discriminator is shown them."""


class _Entering(NamedTuple):
    values: Array
    """What enters a layer with corners."""
    corners: tuple[float, ...]


def _near(x: Array, y: Array, corners: tuple[float, ...]) -> int:
    largest = np.abs(x).max(initial=0.0)
    # Two that run the same code when they are looked at may agree to the last bit there, and only there. What differs
    # by more than the largest rounding is wrong, and explains nothing.
    most = _ROUNDING[x.dtype.name] * max(largest, 1.0)
    apart = np.clip(np.abs(x - y).max(initial=0.0), np.finfo(x.dtype).eps * largest, most)
    # At the corner itself the derivative is defined.
    return sum(int(((np.abs(x - at) <= 2.0 * apart) & ((x != at) | (y != at))).sum()) for at in corners)


def _shown(gan: Gan, state: State, settings: Augmentation | None) -> _Shown:
    def shown(images: Array, draws: Array | None) -> Array:
        if settings is None or draws is None:
            return images
        given = settings.probability
        probability = given if isinstance(given, float) else float(state[PROBABILITY][0])
        return augmented_on_host(settings, images, draws.astype(images.dtype), probability, gan.pixel_range)

    return shown


def _discriminator(session: Session, gan: Gan, fed: DiscriminatorInputs, shown: _Shown) -> Iterator[_Entering]:
    fake, entering = _pass(session, gan, "generator", fed.latents, fed.labels, fed.key, GENERATOR_PASS)
    yield from entering
    real = _pixels(gan, fed.images, fake)
    looks = [(shown(real, fed.real_draws), REAL_PASS), (shown(fake, fed.fake_draws), FAKE_PASS)]
    labels, again = fed.labels, list(_again(gan, fed, looks[0][0], looks[1][0]))
    if gan.protocol.batches == "joint":
        both = None if labels is None else np.concatenate([labels, labels])
        joint = np.concatenate([looks[1][0], looks[0][0]])
        yield from _pass(session, gan, "discriminator", joint, both, fed.key, REAL_PASS)[1]
        looks = []
    looks += again
    if fed.interpolation is not None:
        interpolation = fed.interpolation.astype(real.dtype)
        between = real * interpolation + fake * (1 - interpolation)
        looks += [(shown(each, fed.real_draws), PENALTY_PASS) for each in (real, between)]
    for pictures, number in looks:
        yield from _pass(session, gan, "discriminator", pictures, labels, fed.key, number)[1]


def _again(gan: Gan, fed: DiscriminatorInputs, real: Array, fake: Array) -> Iterator[tuple[Array, int]]:
    """What consistency looks at once more."""
    if gan.protocol.consistency is None:
        return
    shown = _shown(gan, {}, gan.protocol.consistency.augment)
    if fed.real_consistency_draws is not None:
        yield shown(real, fed.real_consistency_draws), CONSISTENCY_REAL_PASS
    if fed.fake_consistency_draws is not None:
        yield shown(fake, fed.fake_consistency_draws), CONSISTENCY_FAKE_PASS


def _generator(session: Session, gan: Gan, fed: GeneratorInputs, shown: _Shown) -> Iterator[_Entering]:
    fake, entering = _pass(session, gan, "generator", fed.latents, fed.labels, fed.key, GENERATOR_PASS)
    yield from entering
    yield from _pass(session, gan, "discriminator", shown(fake, fed.fake_draws), fed.labels, fed.key, FAKE_PASS)[1]
    if gan.loss.generator_sees_real:
        real = shown(_pixels(gan, fed.images, fake), fed.real_draws)
        yield from _pass(session, gan, "discriminator", real, fed.labels, fed.key, REAL_PASS)[1]


def _pass(
    session: Session, gan: Gan, network: NetworkName, x: Array, labels: Labels | None, key: int, number: int
) -> tuple[Array, list[_Entering]]:
    """What comes out of a training pass, and what enters its layers with corners."""
    own = int(random_streams.hash32(np.array([(key + number) & 0xFFFFFFFF], dtype=np.uint64))[0])
    outputs = session.trace(network, x, labels, key=own)
    nodes = gan.nodes(network)
    return outputs[nodes[-1].name], list(_entering(nodes, x, outputs))


def _entering(nodes: tuple[Node, ...], x: Array, outputs: Mapping[str, Array]) -> Iterator[_Entering]:
    for node in nodes:
        if corners := node.layer.corners():
            yield _Entering(x, corners)
        for chain in chains(node):
            yield from _entering(chain, x, outputs)
        x = outputs[node.name]


def _pixels(gan: Gan, pictures: Images, like: Array) -> Array:
    x = pictures.astype(like.dtype)
    return x / 255.0 if gan.pixel_range[0] == 0.0 else x / 127.5 - 1.0
