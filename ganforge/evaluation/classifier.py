"""Features of a network that has learned the classes of the real images: the last hidden layer of a small classifier.

Any backend trains it, as the discriminator of a GAN whose loss looks at the real images alone: their classes come in as
targets. The generator beside it, which makes one grey image and learns nothing, costs two passes that are not used.

Trained once for a data set and kept in the cache: <cache>/classifiers/<key>.safetensors.
"""

from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import safetensors
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays

from ganforge._io.files import write_whole
from ganforge.backend.contract import Session
from ganforge.data.cache import default_cache
from ganforge.data.contract import ImageShape
from ganforge.data.extractors import Extractor, Learner, OnProgress
from ganforge.errors import EvaluationError, StateError, WriteError
from ganforge.plugins.host import default_host
from ganforge.spec import random_streams
from ganforge.spec.arrays import Array, Images, Labels, State
from ganforge.spec.gan import Gan
from ganforge.spec.layers import Conv, Dense, Flatten, Relu, Reshape, Tanh
from ganforge.spec.layers.contract import Layer
from ganforge.spec.layers.initializers import HeNormal
from ganforge.spec.losses import LossEntry, Targets
from ganforge.spec.network import Network
from ganforge.spec.ops import Ops, Tensor
from ganforge.spec.optimizers import Adam
from ganforge.spec.protocol import Latent, Player, Protocol
from ganforge.training.backends import default_backend, find_backend
from ganforge.training.batches import Batches, batch_indices, draw_step

FEATURES = 128
_BATCH, _STEPS, _PASSES = 64, 3000, 40
"""Images in a batch; steps at most, and passes over the images at most."""
_HELD_OUT = 6
"""One image of so many is not learned from: the accuracy is that on these."""
_SMALLEST = 4
"""Side of the maps of the last convolution, or less."""
_SEED = 0


def open_classifier(shape: ImageShape, argument: str | None) -> Learner:
    """What learns the classes of images of `shape`. Raises `EvaluationError`: an argument, of which there is none."""
    if argument is not None:
        raise EvaluationError(f"extractor classifier: it takes nothing after its name, not {argument!r}")
    default_backend(default_host())  # that no framework is installed is said before images are prepared
    return Learner(learn=learn)


def learn(
    images: Images, labels: Labels, class_names: tuple[str, ...], on_progress: OnProgress | None = None
) -> Extractor:
    """The features of a classifier of these images, trained now or long ago.

    Args:
        images: (N, height, width, channels).
        labels: (N,), positions in `class_names`.
        class_names: two or more.
        on_progress: told of the steps done and of all.

    Raises:
        EvaluationError: fewer than two classes, or too few images to hold some out.
        PluginError: no backend's framework is installed.
    """
    found = len(np.unique(labels))
    if found < 2 or len(images) < 2 * _HELD_OUT:
        raise EvaluationError(
            f"extractor classifier: {len(images):,} real images of {found} class{'es' * (found != 1)} are too few to "
            f"learn classes from; {2 * _HELD_OUT} images of two classes are the least, thousands are better"
        )
    host = default_host()
    order = random_streams.generator(_SEED, "classifier").permutation(len(images))
    held_out, learned = np.sort(order[: len(order) // _HELD_OUT]), np.sort(order[len(order) // _HELD_OUT :])
    gan = _gan((*images.shape[1:],), len(class_names), min(_BATCH, len(learned)))
    session = find_backend(default_backend(host), host).open(gan, gan.initial_state(_SEED), "float32", "cpu")
    path = default_cache() / "classifiers" / f"{_key(images, labels, gan)}.safetensors"
    if not _restored(session, gan, path):
        _train(session, gan, images[learned], labels[learned], on_progress)
        with suppress(WriteError):  # a cache that cannot be written to costs the time of the next training, no more
            write_whole(path, save_arrays(dict(session.state())))
    return _extractor(_Classifier(session=session, gan=gan), images[held_out], labels[held_out], len(class_names))


@dataclass(frozen=True, kw_only=True)
class _Classifier:
    """The trained network."""

    session: Session
    gan: Gan

    def features(self, images: Images) -> Array:
        """(N, FEATURES), what the last hidden layer gives."""
        parts = [self._traced(images[at : at + _BATCH])[-2] for at in range(0, len(images), _BATCH)]
        return np.concatenate(parts).astype(np.float64)

    def classes(self, features: Array) -> Labels:
        """(N,), the class of the largest logit of features (N, FEATURES)."""
        state, last = self.session.state(), f"discriminator/{self.gan.discriminator[-1].name}"
        logits = features @ state[f"{last}/kernel"] + state[f"{last}/bias"]
        return np.asarray(logits.argmax(axis=1), dtype=np.int64)

    def _traced(self, images: Images) -> list[Array]:
        return list(self.session.trace("discriminator", images / 127.5 - 1.0, None).values())


def _extractor(classifier: _Classifier, held_out: Images, labels: Labels, classes: int) -> Extractor:
    right = float((classifier.classes(classifier.features(held_out)) == labels).mean())
    digest = sha256(save_arrays(dict(classifier.session.state()))).hexdigest()
    return Extractor(
        dimension=FEATURES,
        fingerprint=f"classifier 1, weights {digest[:12]}, {classes} classes, right on {right:.1%} of {len(labels):,} "
        "images held out",
        resizing="none",
        function=classifier.features,
        classify=classifier.classes,
    )


def _gan(shape: tuple[int, int, int], classes: int, batch: int) -> Gan:
    height, width, channels = shape
    layers: list[Layer] = []
    filters, side = 16, max(height, width)
    while side > _SMALLEST or not layers:
        layers += [Conv(filters=filters, kernel=3, stride=2, padding="same", kernel_init=HeNormal()), Relu()]
        filters, side = min(2 * filters, FEATURES), (side + 1) // 2
    layers += [Flatten(), Dense(units=FEATURES, kernel_init=HeNormal()), Relu(), Dense(units=classes)]
    grey = (Dense(units=height * width * channels), Reshape(shape=shape), Tanh())
    return Gan(
        generator_network=Network(input=(1,), layers=grey),
        discriminator_network=Network(input=shape, layers=tuple(layers)),
        protocol=Protocol(
            batch_size=batch,
            latent=Latent(size=1),
            discriminator=Player(optimizer=Adam(learning_rate=1e-3, beta1=0.9, beta2=0.999, rate_decay=1e-3)),
        ),
        loss=_loss(classes),
    )


def _loss(classes: int) -> LossEntry:
    """Softmax cross-entropy of the real images' logits with their classes, which are the targets, as numbers."""

    def discriminator(ops: Ops, real: Tensor, fake: Tensor, targets: Targets) -> tuple[Tensor, Tensor]:
        # 1 where the target is the class, 0 where it is another whole number
        hot = ops.concat([ops.relu(1.0 - ops.square(targets.real - float(each))) for each in range(classes)], 1)
        return -float(classes) * ops.mean(hot * ops.log_softmax(real)), 0.0 * ops.mean(fake)

    def generator(ops: Ops, real: Tensor, fake: Tensor, targets: Targets) -> Tensor:
        return 0.0 * ops.mean(fake)

    return LossEntry(
        name="classes",
        summary="cross-entropy with the classes of real images",
        discriminator=discriminator,
        generator=generator,
        outputs=classes,
        realness=lambda logits: logits[:, 0:1],
        uses_targets=True,
    )


def _train(session: Session, gan: Gan, images: Images, labels: Labels, on_progress: OnProgress | None) -> None:
    batch, count = gan.protocol.batch_size, len(images)
    steps = min(_STEPS, _PASSES * (count // batch))
    batches = Batches(gan=gan, images=images, labels=None, seed=_SEED)
    for number in range(steps):
        inputs = draw_step(batches, number)
        targets = labels[batch_indices(count, batch, number, seed=_SEED, shuffled=True)][:, None].astype(np.float64)
        session.step(replace(inputs, discriminator=(replace(inputs.discriminator[0], real_targets=targets),)))
        if on_progress is not None:
            on_progress(number + 1, steps)


def _restored(session: Session, gan: Gan, path: Path) -> bool:
    """Whether the session has taken over what is kept; what is damaged is not."""
    try:
        state: State = load_arrays(path.read_bytes())
        gan.check_state(state)
    except (OSError, ValueError, KeyError, safetensors.SafetensorError, StateError):
        return False
    if not all(np.isfinite(array).all() for array in state.values()):
        return False
    session.load_state(state)
    return True


def _key(images: Images, labels: Labels, gan: Gan) -> str:
    digest = sha256(f"1 {images.shape} {gan.discriminator_network} {gan.protocol}".encode())
    digest.update(np.ascontiguousarray(images).data)
    digest.update(np.ascontiguousarray(labels).data)
    return digest.hexdigest()[:32]
