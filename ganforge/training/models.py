"""Networks with weights, in a framework: loaded from a run, or built anew."""

from collections.abc import Mapping
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

import msgspec

from ganforge.backend.contract import BackendEntry
from ganforge.backend.devices import AUTO
from ganforge.data.memory import NAME, handed_over
from ganforge.errors import RunError, SpecError
from ganforge.generation.model import Model
from ganforge.generation.model_files import is_weight, read_model
from ganforge.plugins.host import Host, default_host
from ganforge.plugins.kinds import known_kinds
from ganforge.recipes.reading import read
from ganforge.recipes.schema import Recipe
from ganforge.spec.arrays import Array, State
from ganforge.spec.gan import NETWORKS
from ganforge.spec.losses import LossEntry
from ganforge.spec.optimizers import SGD
from ganforge.training.backends import choose_backend, on_device
from ganforge.training.best_checkpoint import step_of_best
from ganforge.training.data_sets import with_data
from ganforge.training.experiment import Experiment, resolve_networks
from ganforge.training.observers import journal
from ganforge.training.parts import find_data_set
from ganforge.training.run_checkpoints import check_same_recipe, load_checkpoint, newest_good
from ganforge.training.run_folder import read_recipe


def open_model(
    experiment: Experiment, state: State, *, step: int = 0, history: Mapping[str, Array] | None = None
) -> Model:
    """The experiment's networks in its framework, with the arrays of `state`, which `step` steps have made.

    Where several workers train, the session is fed this one's shard of every batch.
    """
    entry, settings = experiment.backend, experiment.recipe.run
    assert entry is not None, "choose a backend"
    opener = entry.distributed if entry.distributed and experiment.workers.shard.count > 1 else entry
    session = opener.open(experiment.gan, state, settings.precision, settings.device)
    return Model(recipe=experiment.recipe, gan=experiment.gan, session=session, step=step, history=history or {})


def load(
    folder: str | PathLike[str],
    *,
    best: bool = False,
    checkpoint: int | None = None,
    backend: str | None = None,
    device: str | None = None,
) -> Model:
    """The trained model of a run, from its newest checkpoint or another one, or of a file that `Model.save` wrote.

    It draws images and gives its networks away; `resume` is for training on. Hence the optimizers' arrays are not
    read, and neither images nor the plugins of the run's data set, loss and penalty are needed.

    Args:
        folder: the run's, a `Run`, or the path of a file.
        best: take the checkpoint that `keep_best` has kept.
        checkpoint: take the checkpoint of this step.
        backend: by default the one that it ran on last.
        device: "cpu", "cuda", "cuda:1", "mps" or "auto", the best on this machine (default).

    Raises:
        RunError: no run, one without that checkpoint, or a damaged file; or `best` or `checkpoint` of a file.
        ValueError: both `best` and `checkpoint`.
    """
    if best and checkpoint is not None:
        raise ValueError("best and checkpoint both choose a checkpoint; give one of them")
    host, folder = default_host(), Path(folder)
    kinds = known_kinds(host)
    device = device or AUTO
    if folder.is_file():
        if best or checkpoint is not None:
            raise RunError(f"{folder} is the file of one model, not a run's folder; it has no checkpoints")
        table, state, step = read_model(folder)
        recipe = read(table, host, kinds, backend=backend, device=device)
        return _drawing(recipe, state, host, step=step)
    recipe = read(read_recipe(folder, kinds), host, kinds, backend=backend, device=device)
    chosen = step_of_best(folder) if best else checkpoint
    found = newest_good(folder, host.warn, is_weight) if chosen is None else load_checkpoint(folder, chosen, is_weight)
    if found is None:
        raise RunError(f"run {folder} has no checkpoint yet")
    about, state = found
    check_same_recipe(folder, recipe, about, kinds)
    return _drawing(recipe, state, host, step=about.step, history=journal.history(folder))


def _drawing(
    recipe: Recipe, state: State, host: Host, *, step: int, history: Mapping[str, Array] | None = None
) -> Model:
    """A model for drawing: its optimizers keep no arrays, and neither loss nor penalty need be installed."""
    chosen = choose_backend(recipe, host)
    experiment = _networks_of(state, on_device(recipe, chosen), host, chosen)
    gan = experiment.gan
    plain = {
        network: msgspec.structs.replace(gan.protocol.player(network), optimizer=SGD(learning_rate=1.0))
        for network in NETWORKS
    }
    without = replace(gan, protocol=msgspec.structs.replace(gan.protocol, **plain))
    if not any(name.startswith("discriminator/") for name in state):  # left out of a model's file
        state = without.initial_state(recipe.run.seed) | state
    return open_model(replace(experiment, gan=without), state, step=step, history=history)


def build(
    recipe: str | Path | Mapping[str, Any] | Recipe,
    *,
    backend: str | None = None,
    data: Any = None,
    seed: int | None = None,
    precision: str | None = None,
    device: str | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Model:
    """A recipe's networks with initial weights, untrained.

    Channels and class names that the recipe leaves open come from its data set, or from `overrides`, as
    `{"channels": 1, "class_names": ["cat", "dog"]}`. For the arguments see `train`.
    """
    host, image_set = default_host(), handed_over(data)
    given = read(
        recipe,
        host,
        known_kinds(host),
        data=data if image_set is None else None,
        dataset=None if image_set is None else NAME,
        overrides=overrides,
        backend=backend,
        seed=seed,
        precision=precision,
        device=device,
    )
    chosen = choose_backend(given, host)
    given = on_device(given, chosen)
    if given.channels is None or (given.conditional and not given.class_names):
        given, _ = with_data(given, find_data_set(given, host), image_set)
    experiment = resolve_networks(given, host, chosen)
    return open_model(experiment, experiment.gan.initial_state(given.run.seed))


def _networks_of(state: State, recipe: Recipe, host: Host, backend: BackendEntry) -> Experiment:
    """A recipe's networks, of which `state` has the arrays.

    Only a loss knows how many logits the discriminator has. Where its plugin is missing, it is the number with which
    the discriminator has the arrays of `state`: the length of the last axis of one of them.
    """
    shapes = {name: each.shape for name, each in state.items() if name.startswith("discriminator/")}
    known = recipe.training.loss.name in host.entries("ganforge_losses", LossEntry)
    lengths = set[int]() if known else {shape[-1] for shape in shapes.values() if shape}
    found, refused = list[Experiment](), list[SpecError]()
    for logits in sorted({1} | lengths):
        try:
            found.append(resolve_networks(recipe, host, backend, logits=logits))
        except SpecError as error:
            refused.append(error)
        else:
            expected = found[-1].gan.shapes
            if all(expected.get(name) == shape for name, shape in shapes.items()):
                return found[-1]
    if not found:
        raise refused[0]
    return found[0]
