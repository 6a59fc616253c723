"""Labels embedded and projected; `run.labels` is one-hot."""

from ganforge.spec.layers import EmbedLabel, ProjectLabel
from ganforge.spec.layers.contract import Node, Pass
from ganforge.testing.definitions import spectral
from ganforge.testing.differentiable import Tensor, getval, np
from ganforge.testing.second_forms.form import Forms


def _embed_label(node: Node, x: Tensor, run: Pass) -> Tensor:
    rows = run.arrays[f"{node.name}/kernel"][getval(run.labels).argmax(axis=1)]
    shape = (len(x), *(1 for _ in x.shape[1:-1]), rows.shape[1])
    maps = np.broadcast_to(np.reshape(rows, shape), (*x.shape[:-1], rows.shape[1]))
    return np.concatenate([x, maps], axis=-1)


def _project_label(node: Node, x: Tensor, run: Pass) -> Tensor:
    kernel, u = run.arrays[f"{node.name}/kernel"], run.arrays.get(f"{node.name}/u")
    if u is not None:
        kernel, u, sigma = spectral(kernel, u, transposed=False)
        if run.moving:
            run.moved.update({f"{node.name}/u": u, f"{node.name}/sigma": sigma})
    columns = np.transpose(kernel)[getval(run.labels).argmax(axis=1)]
    return np.sum(x * columns, axis=1, keepdims=True)


LABELS: Forms = {EmbedLabel: _embed_label, ProjectLabel: _project_label}
