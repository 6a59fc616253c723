"""Beginning a run with another's weights: every array whose name and shape fit, bit for bit.

The optimizers begin anew, since their corrections count updates from the first.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
    state: State
    taken: tuple[str, ...]
    """Names of the arrays that are the earlier model's."""
    new: tuple[str, ...]
    """Names of those that are drawn from the seed; of averaged ones, equal to the generator's."""
    unused: tuple[str, ...]
    """Names of the earlier model's arrays that were not taken."""

    @property
    def record(self) -> Mapping[str, Any]:
        """For the run's provenance."""
        return {
            "path": str(self.earlier.path.absolute()),
            "step": self.earlier.step,
            "taken": self.taken,
            "new": self.new,
            "unused": self.unused,
        }

    def told(self) -> str:
        """What was taken and what not, in lines."""
        of, theirs = len(self.taken) + len(self.new), self.earlier.state
        lines = [
            f"weights: {len(self.taken)} of {of} arrays are those of {self.earlier.path}, step {self.earlier.step}"
        ]
        lines += [f"  new: {name} {self.state[name].shape}" + _there(theirs, name) for name in self.new]
        lines += [f"  not taken: {name} {theirs[name].shape}" for name in self.unused if name not in self.state]
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


def begin_with(earlier: EarlierModel, gan: Gan, seed: int) -> Beginning:
    """The initial state of `gan`, with every array of the earlier model whose name and shape fit.

    Raises:
        RunError: none fits.
    """
    fitting = {name: each for name, each in earlier.state.items() if gan.shapes.get(name) == each.shape}
    if not fitting:
        name = next((name for name in gan.shapes if name in earlier.state), None)
        if name is not None:
            example = f"; {name} is {gan.shapes[name]} here" + _there(earlier.state, name)
        else:  # a layer's name has its place, which a join_label in front shifts
            example = f"; it has {_first(earlier.state)} and so on, these {_first(gan.shapes)}"
        raise RunError(
            f"{earlier.path} has no array whose name and shape fit these networks{example}; "
            "train the recipe of that model, at its size and width"
        )
    state = gan.initial_state(seed) | fitting
    averaged = [name for name in state if name.startswith("averaged/") and name not in fitting]
    state |= {name: state[f"generator/{name.removeprefix('averaged/')}"] for name in averaged}
    return Beginning(
        earlier=earlier,
        state=state,
        taken=tuple(fitting),
        new=tuple(name for name in state if _of_networks(name) and name not in fitting),
        unused=tuple(name for name in earlier.state if name not in fitting),
    )


def _of_networks(name: str) -> bool:
    """Not what an optimizer keeps, nor an adaptive probability or LeCam's averages: those begin anew."""
    return name.startswith(_PREFIXES)


def _first(names: Iterable[str]) -> str:
    return min((name for name in names if name.startswith("generator/")), default="none of a generator")


def _there(theirs: State, name: str) -> str:
    return f", there {theirs[name].shape}" if name in theirs else ""
