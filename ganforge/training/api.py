"""The Python face: `train`, `resume`, `load`, `build`. The command line calls these and adds nothing but words."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from ganforge._io.files import expanded, sweep
from ganforge._io.locks import alone
from ganforge.backend.contract import BackendEntry, Workers
from ganforge.data.contract import ImageSet
from ganforge.data.preparing import Prepared, prepare
from ganforge.errors import PluginError, RunError
from ganforge.generation.model import Model
from ganforge.plugins.host import Host, default_host
from ganforge.plugins.kinds import known_kinds
from ganforge.recipes.differences import differences
from ganforge.recipes.reading import apply_override, load_table, merge, parse, to_table
from ganforge.recipes.schema import Recipe
from ganforge.spec.gan import Gan
from ganforge.training import checkpoint
from ganforge.training.distributed import check_batch_divides, check_same_inputs, from_first, gather, open_shard
from ganforge.training.experiment import (
    build_gan,
    images_hash,
    missing_modules,
    open_data,
    open_session,
    resolve_recipe,
    steps_in_all,
)
from ganforge.training.run import Run
from ganforge.training.run_checkpoints import newest_good
from ganforge.training.run_folder import CHECKPOINTS, check_folder_free, new_folder, read_recipe, write_recipe
from ganforge.training.running import train_run

DEFAULT_RECIPE = "digits"
OnProgress = Callable[[int, int], None]
"""Called with the number of pictures prepared and of all."""


def load_recipe(
    recipe: str | Recipe = DEFAULT_RECIPE,
    *,
    dataset: str | None = None,
    data: str | Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    assignments: tuple[str, ...] = (),
) -> Recipe:
    """The typed recipe: the named one with what is given laid on it.

    Args:
        recipe: a name, the path of a TOML file, or what this function gave.
        dataset: another data set; the recipe's options for its own are then dropped.
        data: where its pictures lie.
        overrides: further values as nested tables, `{"training": {"batch_size": 32}}`.
        assignments: the same as text, `training.batch_size=32`.
    """
    table = to_table(recipe) if isinstance(recipe, Recipe) else load_table(recipe, default_host())
    if dataset is not None:
        table = merge(table, {"data": {"set": dataset}})
    table = merge(table, overrides or {})
    for assignment in assignments:
        table = apply_override(table, assignment)
    if data is not None:  # last, since another data set would drop it
        table = merge(table, {"data": {"path": str(expanded(data).absolute())}})
    return parse(table, known_kinds(default_host()))


def plan(recipe: Recipe, backend: str | None = None) -> tuple[Recipe, Gan]:
    """The resolved recipe and its GAN, from the data set's first picture and its labels; nothing is decoded or built.

    `backend`: a name that must be known; its framework may be missing.
    """
    if backend is not None:
        default_host().find("ganforge_backends", BackendEntry, backend, "backend")
    image_set = open_data(recipe, default_host())
    resolved = resolve_recipe(recipe, image_set)
    gan = build_gan(resolved, default_host())
    steps_in_all(resolved, len(image_set))
    return resolved, gan


def train(
    recipe: str | Recipe = DEFAULT_RECIPE,
    *,
    backend: str | None = None,
    dataset: str | None = None,
    data: str | Path | None = None,
    out: str | Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    quiet: bool = True,
    on_progress: OnProgress | None = None,
) -> Run:
    """Train a recipe from its first step to its last; returns the finished run.

    Args:
        recipe: a name, the path of a TOML file, or what `describe` gave.
        backend: by default the first whose framework is installed.
        dataset, data, overrides: see `describe`.
        out: the run's folder, which must not exist; by default the next number under `runs`.
        quiet: whether nothing is printed.
        preparing: told how far the preparation of the pictures has come.

    Raises:
        GanforgeError: whatever of this cannot be; no folder has been made then.
    """
    given = load_recipe(recipe, dataset=dataset, data=data, overrides=overrides)
    chosen = backend or given.run.backend or default_backend(default_host())
    workers = gather(chosen, default_host())
    if out is not None:
        check_folder_free(Path(out))  # again below, but a full folder should not cost the time that the pictures take
    image_set = open_data(given, default_host())
    resolved = resolve_recipe(given, image_set)
    gan = build_gan(resolved, default_host())
    check_batch_divides(gan, workers.shard)
    steps_in_all(resolved, len(image_set))  # so that too few pictures are refused before they are decoded
    pictures = prepared(resolved, image_set, on_progress if workers.shard.rank == 0 else None)
    steps = steps_in_all(resolved, len(pictures.images))
    resolved = _with_run(resolved, steps=steps, backend=chosen)
    session = open_shard(gan, gan.initial_state(resolved.run.seed), resolved, chosen, default_host(), workers.shard)
    check_same_inputs(workers, resolved, pictures, start=0)
    asked = Path(out) if out is not None else None
    run = Run(
        folder=Path(from_first(workers, lambda: str(new_folder(resolved, chosen, asked)))),
        recipe=resolved,
        model=Model(recipe=resolved, gan=gan, session=session),
        data=pictures,
        host=default_host(),
        stop=steps,
        quiet=quiet,
        workers=workers,
    )
    with _held(run.folder, workers) as writes:
        if writes:
            check_folder_free(run.folder)  # another process may have trained in it between that look and this lock
            sweep(run.folder)
            write_recipe(run.folder, resolved)
        train_run(run)
    return run


def resume(
    folder: str | Path,
    *,
    backend: str | None = None,
    steps: int | None = None,
    data: str | Path | None = None,
    quiet: bool = True,
    on_progress: OnProgress | None = None,
) -> Run:
    """Go on with a run from its last checkpoint, in any framework; returns the finished run.

    Args:
        folder: the run's.
        backend: by default the one that it ran on last.
        steps: another number of steps in all.
        data: where its pictures lie now, if they have moved.
        quiet, preparing: see `train`.

    Raises:
        RunError: no run, nothing left to do, a checkpoint of another recipe, or other pictures than it began with.
    """
    folder = Path(folder)
    recipe = load_recipe(read_recipe(folder, known_kinds(default_host())), data=data)
    chosen = backend or recipe.run.backend or default_backend(default_host())
    workers = gather(chosen, default_host())
    recipe = _with_run(recipe, steps=steps or recipe.run.steps, backend=chosen)
    with _held(folder, workers) as writes:
        if writes:
            sweep(folder)
        run = _taken_up(folder, recipe, chosen, on_progress, workers)
        run.quiet = quiet
        train_run(run)
    return run


@contextmanager
def _held(folder: Path, workers: Workers) -> Iterator[bool]:
    """Hold a run's folder against other trainings, on the one of these workers that writes; whether this is it."""
    if workers.shard.rank:
        yield False
        return
    with alone(folder, default_host().warn):
        yield True


def _taken_up(folder: Path, recipe: Recipe, backend: str, on_progress: OnProgress | None, workers: Workers) -> Run:
    """A run at its newest checkpoint, or at its beginning where it has none."""
    found = newest_good(folder, default_host().warn)
    if found is None:
        default_host().warn(f"run {folder} was stopped before its first checkpoint; it begins anew")
    else:
        _refuse_other_recipe(folder, recipe, found[0].recipe)
    start = found[0].step if found else 0
    stop = recipe.run.steps or 0
    if start >= stop:
        raise RunError(f"run {folder} has done its {start} steps; give --steps with a larger number to go on")
    image_set = open_data(recipe, default_host())
    resolved = resolve_recipe(recipe, image_set)
    if found is not None:  # once more: the data may have other channels or classes now
        _refuse_other_recipe(folder, resolved, found[0].recipe)
    gan = build_gan(resolved, default_host())
    check_batch_divides(gan, workers.shard)
    pictures = prepared(resolved, image_set, on_progress if workers.shard.rank == 0 else None)
    steps_in_all(resolved, len(pictures.images))
    if found is not None and found[0].data != images_hash(pictures):
        raise RunError(
            f"the pictures of data set {recipe.data.set!r} are not those that run {folder} was trained on, so it "
            "cannot go on exactly; give the old ones with --data, or train anew"
        )
    state = found[1] if found else gan.initial_state(resolved.run.seed)
    session = open_shard(gan, state, resolved, backend, default_host(), workers.shard)
    check_same_inputs(workers, resolved, pictures, start)
    if workers.shard.rank == 0:
        checkpoint.set_aside(folder / CHECKPOINTS, start)
        write_recipe(folder, resolved)
    return Run(
        folder=folder,
        recipe=resolved,
        model=Model(recipe=resolved, gan=gan, session=session),
        data=pictures,
        host=default_host(),
        start=start,
        step=start,
        stop=stop,
        saved=start,
        seconds_before=found[0].seconds if found else 0.0,
        workers=workers,
    )


def load(folder: str | Path, *, backend: str | None = None) -> Model:
    """The trained model of a run, from its newest checkpoint; no pictures are needed.

    Raises:
        RunError: no run, or one without a checkpoint.
    """
    folder = Path(folder)
    recipe = read_recipe(folder, known_kinds(default_host()))
    found = newest_good(folder, default_host().warn)
    if found is None:
        raise RunError(f"run {folder} has no checkpoint yet")
    about, state = found
    _refuse_other_recipe(folder, recipe, about.recipe)
    gan = build_gan(recipe, default_host())
    chosen = backend or recipe.run.backend or default_backend(default_host())
    session = open_session(gan, state, recipe, chosen, default_host())
    return Model(recipe=recipe, gan=gan, session=session, step=about.step)


def build(
    recipe: str | Recipe,
    *,
    backend: str | None = None,
    data: str | Path | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Model:
    """A recipe's networks with initial weights, untrained.

    Channels and class names that the recipe leaves open come from its data set, or from `overrides`, as
    `{"channels": 1, "class_names": ["cat", "dog"]}`.
    """
    given = load_recipe(recipe, data=data, overrides=overrides)
    if given.channels is None or (given.conditional and not given.class_names):
        given = resolve_recipe(given, open_data(given, default_host()))
    gan = build_gan(given, default_host())
    chosen = backend or given.run.backend or default_backend(default_host())
    session = open_session(gan, gan.initial_state(given.run.seed), given, chosen, default_host())
    return Model(recipe=given, gan=gan, session=session)


def default_backend(host: Host) -> str:
    """The most preferred backend whose framework is installed.

    Raises:
        PluginError: none is; the message has the lines that install one, or says that no plugin gives a backend.
    """
    entries = [provided.entry for provided in host.entries("ganforge_backends", BackendEntry).values()]
    ranked = sorted((entry.rank, entry.name, entry) for entry in entries if entry.rank is not None)
    for _, name, entry in ranked:
        if not missing_modules(entry):
            return name
    if not ranked:
        raise PluginError("no backend plugin is loaded; see `ganforge plugins`, and GANFORGE_PLUGINS if it is set")
    lines = "".join(f"\n    pip install '{entry.install}'" for _, _, entry in ranked)
    raise PluginError(f"no framework is installed; run one of:{lines}")


def prepared(recipe: Recipe, image_set: ImageSet, on_progress: OnProgress | None = None) -> Prepared:
    """The pictures of a resolved recipe's data set, decoded or from the cache."""
    assert recipe.channels is not None, "resolve the recipe first"
    return prepare(
        image_set,
        name=recipe.data.set,
        shape=(*recipe.size, recipe.channels),
        fit=recipe.data.fit,
        crop=recipe.data.crop_size,
        max_bad=recipe.data.max_bad,
        progress=on_progress,
        waiting=lambda: default_host().warn(
            f"data set {recipe.data.set!r}: another process prepares its pictures; waiting"
        ),
    )


def _with_run(recipe: Recipe, *, steps: int | None, backend: str) -> Recipe:
    run = msgspec.structs.replace(recipe.run, steps=steps, epochs=None, backend=backend)
    return msgspec.structs.replace(recipe, run=run)


def _refuse_other_recipe(folder: Path, recipe: Recipe, trained: dict[str, Any]) -> None:
    # Both by way of `parse`, so that a field that is new since the checkpoint has its default in both.
    lines = differences(to_table(recipe), to_table(parse(trained, known_kinds(default_host()))))
    if lines:
        listed = "".join(f"\n    {line}" for line in lines)
        raise RunError(f"run {folder}: recipe.toml and the checkpoint's recipe differ:{listed}")
