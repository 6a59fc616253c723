"""What an update does to the arrays of a network: the optimizer's formula, state that moved, the average."""

from collections.abc import Mapping
from functools import reduce
from operator import add

from ganforge.backend.network_views import View
from ganforge.backend.runtime import Runtime, Tensors, UpdatedList
from ganforge.spec.gan import Gan
from ganforge.spec.ops import Number, Ops
from ganforge.spec.optimizers import Optimizer, Scale


def apply_update(
    runtime: Runtime,
    gan: Gan,
    view: View,
    arrays: Tensors,
    gradients: Tensors,
    moved: Tensors,
    scale: Scale,
) -> Tensors:
    """The network's arrays and its optimizer's after one update, by their names in a state.

    moved: arrays that no optimizer touches, by their names in a state.
    """
    player = gan.protocol.player(view.prefix)
    optimizer: Optimizer = player.optimizer
    if player.clip_norm is not None:
        gradients = clipped_by_norm(runtime.ops, gradients, player.clip_norm)
    weights = {name: arrays[view.names[name]] for name in gradients}
    slots = {slot: {name: arrays[names[name]] for name in gradients} for slot, names in view.slots.items()}
    form = runtime.fast.optimizers.get(type(optimizer))
    if form is not None:
        found = form(optimizer, weights, gradients, slots, scale)
    else:
        found = _one_by_one(runtime, optimizer, weights, gradients, slots, scale)
    if not runtime.replicas.one_batch:  # each worker has moved its running values by its own rows
        moved = dict(zip(moved, runtime.replicas.average(list(moved.values())), strict=True))
    changed = view.in_state(found.weights) | moved
    for slot, kept in found.slots.items():
        changed |= {view.slots[slot][name]: each for name, each in kept.items()}
    return changed


def clipped_by_norm(ops: Ops, gradients: Tensors, limit: float) -> Tensors:
    """All gradients times limit / max(norm, limit), the norm being that of all their elements together."""
    squares = [ops.sum_over(ops.square(each), tuple(range(len(each.shape)))) for each in gradients.values()]
    norm = ops.sqrt(reduce(add, squares))
    factor = limit / ops.where(norm > limit, norm, limit)
    return {name: factor * each for name, each in gradients.items()}


def _one_by_one(
    runtime: Runtime,
    optimizer: Optimizer,
    weights: Tensors,
    gradients: Tensors,
    slots: Mapping[str, Tensors],
    scale: Scale,
) -> UpdatedList:
    found = UpdatedList({}, {slot: {} for slot in slots})
    for name, gradient in gradients.items():
        if optimizer.clip is not None:
            gradient = runtime.ops.clip(gradient, -optimizer.clip, optimizer.clip)
        own = {slot: kept[name] for slot, kept in slots.items()}
        updated = optimizer.update(runtime.ops, weights[name], gradient, own, scale)
        found.weights[name] = updated.weight
        for slot, value in updated.slots.items():
            found.slots[slot][name] = value
    return found


def move_average(runtime: Runtime, view: View, arrays: Tensors, *, kept: Number, taken: Number) -> Tensors:
    """The averaged weights after a step: kept * averaged + taken * weights, by their names in a state.

    view: of the averaged weights.
    """
    averaged = view.arrays(arrays)
    weights = {name: arrays[f"generator/{name}"] for name in averaged}
    if runtime.fast.average is not None:
        found = runtime.fast.average(averaged, weights, kept, taken)
    else:
        found = {name: kept * each + taken * weights[name] for name, each in averaged.items()}
    return {view.names[name]: each for name, each in found.items()}
