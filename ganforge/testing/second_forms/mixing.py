"""Attention, learned constants, and how much a batch varies."""

from typing import Any

from ganforge.spec.layers import Attention, LearnedConstant, MinibatchStd
from ganforge.spec.layers.contract import Node, Pass
from ganforge.testing.differentiable import Tensor, getval, np
from ganforge.testing.second_forms.form import Forms


def _attention(node: Node, x: Tensor, run: Pass) -> Tensor:
    query, key, value, output, *pools = node.body
    queries, keys, values = (run.chain((each,), x, run) for each in (query, key, value))
    if pools:
        keys, values = run.chain((pools[0],), keys, run), run.chain((pools[1],), values, run)
    scores = np.einsum("bhwk,bijk->bhwij", queries, keys)
    shares = np.exp(scores - np.max(scores, axis=(3, 4), keepdims=True))
    shares = shares / np.sum(shares, axis=(3, 4), keepdims=True)
    attended = np.einsum("bhwij,bijv->bhwv", shares, values)
    return x + run.arrays[f"{node.name}/gain"][0] * run.chain((output,), attended, run)


def _constant(node: Node, x: Tensor, run: Pass) -> Tensor:
    value = run.arrays[f"{node.name}/value"]
    return np.concatenate([x, np.stack([value] * len(x))], axis=-1)


def _minibatch_std(node: Node, x: Tensor, run: Pass) -> Tensor:
    layer: Any = node.layer
    level = run.arrays[f"{node.name}/level"]
    if run.key is not None:
        away = x - np.mean(x, axis=0)
        seen = np.reshape(np.mean(np.sqrt(np.mean(away * away, axis=0) + layer.epsilon)), (1,))
        if run.moving:
            run.moved[f"{node.name}/level"] = layer.decay * level + (1.0 - layer.decay) * getval(seen)
        level = seen
    return np.concatenate([x, np.broadcast_to(np.reshape(level, (1,) * x.ndim), (*x.shape[:-1], 1))], axis=-1)


MIXING: Forms = {Attention: _attention, LearnedConstant: _constant, MinibatchStd: _minibatch_std}
