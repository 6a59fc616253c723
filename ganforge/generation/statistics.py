"""Batch statistics estimated anew, for weights that the running ones were not taken with: averaged ones above all.

The average of the weights shares the generator's own running means and variances, which belong to other weights.
Brock et al. 2019 (BigGAN) call the remedy standing statistics.
"""

from collections.abc import Iterator

import numpy as np

from ganforge.backend.contract import Session
from ganforge.errors import GanforgeError
from ganforge.generation.model import latents_of
from ganforge.spec import random_streams
from ganforge.spec.arrays import Array, State
from ganforge.spec.gan import Gan
from ganforge.spec.layers import BatchNorm, ConditionalBatchNorm
from ganforge.spec.layers.contract import Node
from ganforge.spec.layers.residual import chains

_FIRST_SEED = 10**9
"""Away from the seeds of samples, so that these are not among what is estimated from."""


def estimate_statistics(gan: Gan, session: Session, batches: int) -> None:
    """Set the running values of the generator's batch norms to means over so many of its batches.

    Each batch is a forward pass in training mode with the weights that images are drawn with, the averaged ones if
    there are any. A mean becomes the mean of the batches' means, a variance that of their unbiased variances. Labels
    take turns.

    Raises:
        GanforgeError: the generator has no batch norm; nothing is changed.
    """
    norms = [(node, source) for node, source in _with_sources(gan.generator, None) if _is_norm(node)]
    if not norms:
        raise GanforgeError("the generator has no batch norm, so there are no statistics to estimate")
    before = session.state()
    found: dict[str, list[Array]] = {}
    try:
        session.load_state(before | _drawn_with(before))
        for number in range(batches):
            for name, value in _of_a_batch(gan, session, norms, number).items():
                found.setdefault(name, []).append(value)
    finally:
        session.load_state(before)
    session.load_state(before | {name: np.mean(values, axis=0) for name, values in found.items()})


def _of_a_batch(gan: Gan, session: Session, norms: list[tuple[Node, str | None]], number: int) -> State:
    """Mean and unbiased variance of what enters each of `norms`, by the names of running values."""
    size = gan.protocol.batch_size
    seeds = range(_FIRST_SEED + number * size, _FIRST_SEED + (number + 1) * size)
    latents = latents_of(gan.protocol.latent, seeds)
    labels = np.array([seed % gan.classes for seed in seeds]) if gan.classes else None
    outputs = session.trace("generator", latents, labels, key=random_streams.key(0, "statistics", number))
    found: State = {}
    for node, source in norms:
        entering = latents if source is None else outputs[source]
        axes = tuple(range(entering.ndim - 1))
        found[f"generator/{node.name}/mean"] = entering.mean(axes, dtype=np.float64)
        found[f"generator/{node.name}/variance"] = entering.var(axes, dtype=np.float64, ddof=1)
    return found


def _with_sources(nodes: tuple[Node, ...], source: str | None) -> Iterator[tuple[Node, str | None]]:
    """Every node, inner ones too, and the name of the one whose output enters it; None: the latents do."""
    for node in nodes:
        yield node, source
        for chain in chains(node):
            yield from _with_sources(chain, source)
        source = node.name


def _is_norm(node: Node) -> bool:
    return isinstance(node.layer, BatchNorm | ConditionalBatchNorm)


def _drawn_with(state: State) -> State:
    """The averaged weights under the names of the generator's own."""
    averaged = "averaged/"
    return {f"generator/{name.removeprefix(averaged)}": state[name] for name in state if name.startswith(averaged)}
