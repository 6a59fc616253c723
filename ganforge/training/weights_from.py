"""Beginning a run with another's weights: every array whose layer and shape fit, bit for bit.

The optimizers begin anew, since their corrections count updates from the first.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from ganforge._io.paths import expanded
from ganforge.backend.devices import AUTO
from ganforge.errors import RunError
from ganforge.generation.model_files import read_model
from ganforge.plugins.host import Host
from ganforge.plugins.kinds import known_kinds
from ganforge.recipes.reading import read
from ganforge.recipes.schema import Recipe
from ganforge.spec.arrays import State
from ganforge.spec.gan import NETWORKS, Gan
from ganforge.training.experiment import Experiment
from ganforge.training.matching import counterparts
from ganforge.training.run_checkpoints import newest_good
from ganforge.training.run_folder import read_recipe

_PREFIXES = (*(f"{network}/" for network in NETWORKS), "averaged/")
_MOST_LINES = 12


@dataclass(frozen=True, kw_only=True)
class EarlierModel:
    """A trained model, as far as another run can begin with it."""

    path: Path
    step: int
    recipe: Recipe
    """On whatever device is best."""
    state: State
    """The arrays of both networks, and the averaged ones."""


@dataclass(frozen=True, kw_only=True)
class Beginning:
    """A state before the first step, partly of an earlier model."""

    earlier: EarlierModel
    experiment: Experiment
    """What is trained; an average that is the earlier model's begins without the warm-up that would overwrite it."""
    state: State
    taken: Mapping[str, str]
    """By the name of each array that is the earlier model's, its name there."""
    new: tuple[str, ...]
    """Names of those that are drawn from the seed; of averaged ones, equal to the generator's."""
    unused: tuple[str, ...]
    """Names of the earlier model's arrays that were not taken."""
    others: Mapping[str, str]
    """By the name of each new array, that of the earlier model's array of the same layer.

    Its shape differs, or it is a running value and a trained array of its layer was not taken.
    """
    settled: bool
    """Whether the recipe's average has lost its warm-up."""

    @property
    def record(self) -> Mapping[str, Any]:
        """For the run's provenance."""
        return {
            "path": str(self.earlier.path.absolute()),
            "step": self.earlier.step,
            "taken": tuple(self.taken),
            "renamed": {name: there for name, there in self.taken.items() if name != there},
            "new": self.new,
            "unused": self.unused,
        }

    def told(self) -> str:
        """What was taken and what not, in lines."""
        of, theirs = len(self.taken) + len(self.new), self.earlier.state
        lines = [
            f"weights: {len(self.taken)} of {of} arrays are those of {self.earlier.path}, step {self.earlier.step}"
        ]
        renamed = [f"{name}, there {there}" for name, there in self.taken.items() if name != there]
        lines += [f"  {len(renamed)} of them by the order of the layers, such as {example}" for example in renamed[:1]]
        lines += ["  the average begins with these weights, without warm-up"] * self.settled
        shapes = {name: self.state[name].shape for name in self.new}
        lines += [f"  new: {name} {shape}" + _there(theirs, name, shape, self.others) for name, shape in shapes.items()]
        told = set(self.others.values())
        lines += [f"  not taken: {name} {theirs[name].shape}" for name in self.unused if name not in told]
        more = len(lines) - 1 - _MOST_LINES
        return "\n".join(lines[: _MOST_LINES + 1] + ([f"  and {more} more; see provenance.jsonl"] if more > 0 else []))


def read_earlier(path: str | Path, host: Host) -> EarlierModel:
    """The newest checkpoint of a run, or a file that `Model.save` wrote.

    Raises:
        RunError: it is neither, has no checkpoint, or is damaged.
    """
    path, kinds = expanded(path), known_kinds(host)
    if path.is_file():
        table, found, step = read_model(path)
        state = {name: each for name, each in found.items() if _of_networks(name)}
        return EarlierModel(path=path, step=step, recipe=read(table, host, kinds, device=AUTO), state=state)
    recipe = read(read_recipe(path, kinds), host, kinds, device=AUTO)
    saved = newest_good(path, host.warn, _of_networks)
    if saved is None:
        raise RunError(f"run {path} has no checkpoint yet, so there are no weights to begin with")
    about, state = saved
    return EarlierModel(path=path, step=about.step, recipe=recipe, state=state)


def begin_with(earlier: EarlierModel, experiment: Experiment) -> Beginning:
    """The initial state of an experiment, with every array of the earlier model whose layer and shape fit.

    Raises:
        RunError: none fits.
    """
    gan, theirs = experiment.gan, {name: each.shape for name, each in earlier.state.items()}
    matched = counterparts(gan.shapes, theirs)
    taken = _whole(gan, {name: there for name, there in matched.items() if gan.shapes[name] == theirs[there]})
    others = {name: there for name, there in matched.items() if name not in taken}
    if not taken:
        name = next((name for name, there in others.items() if gan.shapes[name] != theirs[there]), None)
        if name is not None:
            shape = gan.shapes[name]
            example = f"; {name} is {shape} here" + _there(earlier.state, name, shape, others)
        else:
            example = f"; it has {_first(earlier.state)} and so on, these {_first(gan.shapes)}"
        raise RunError(
            f"{earlier.path} has no array whose layer and shape fit these networks{example}; "
            "train the recipe of that model, at its size and width"
        )
    state = gan.initial_state(experiment.recipe.run.seed)
    state |= {name: earlier.state[there] for name, there in taken.items()}
    averaged = {name: name.replace("averaged/", "generator/", 1) for name in state if name.startswith("averaged/")}
    state |= {name: state[of] for name, of in averaged.items() if name not in taken}
    settled = _settled(experiment) if all(name in taken or of in taken for name, of in averaged.items()) else experiment
    used = set(taken.values())
    return Beginning(
        earlier=earlier,
        experiment=settled,
        state=state,
        taken=taken,
        new=tuple(name for name in state if _of_networks(name) and name not in taken),
        unused=tuple(name for name in earlier.state if name not in used),
        others=others,
        settled=settled is not experiment,
    )


def _whole(gan: Gan, fitting: Mapping[str, str]) -> dict[str, str]:
    """What fits, but running values of layers whose trained arrays do not all: they are those of other weights."""
    trained = {f"{network}/{each.name}": each.trained for network in NETWORKS for each in gan.parameters(network)}
    partial = {_layer(name) for name, learned in trained.items() if learned and name not in fitting}
    return {name: there for name, there in fitting.items() if trained.get(name, True) or _layer(name) not in partial}


def _settled(experiment: Experiment) -> Experiment:
    """The experiment with an average that keeps as much from its first step on as after a warm-up.

    A warm-up forgets random weights soon. The weights that this average begins with are trained.
    """
    training = experiment.recipe.training
    average = training.average
    if average is None or not (average.ramp_up if average.half_life is not None else average.warmup):
        return experiment
    training = msgspec.structs.replace(training, average=msgspec.structs.replace(average, warmup=False, ramp_up=None))
    recipe = msgspec.structs.replace(experiment.recipe, training=training)
    return replace(experiment, recipe=recipe, gan=replace(experiment.gan, protocol=training))


def _layer(name: str) -> str:
    return name.rpartition("/")[0]


def _of_networks(name: str) -> bool:
    """Not what an optimizer keeps, nor an adaptive probability or LeCam's averages: those begin anew."""
    return name.startswith(_PREFIXES)


def _first(names: Iterable[str]) -> str:
    return min((name for name in names if name.startswith("generator/")), default="none of a generator")


def _there(theirs: State, name: str, shape: tuple[int, ...], others: Mapping[str, str]) -> str:
    """The earlier model's array of the same layer if its shape is another, and its name where it has another."""
    there = others.get(name)
    if there is None or theirs[there].shape == shape:
        return ""
    return f", there {theirs[there].shape}" if there == name else f", there {there} {theirs[there].shape}"
