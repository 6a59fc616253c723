"""Training a recipe from its first step to its last."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ganforge._io.files import sweep
from ganforge.data.contract import ImageSet
from ganforge.data.memory import NAME, handed_over
from ganforge.plugins.host import Host, default_host
from ganforge.plugins.kinds import known_kinds
from ganforge.recipes.reading import DEFAULT_RECIPE, read
from ganforge.recipes.schema import Recipe
from ganforge.training.backends import choose_backend, known_backend, on_device
from ganforge.training.batches import check_last_batch
from ganforge.training.callbacks import Listeners, listeners
from ganforge.training.data_sets import OnProgress, account_of, record_account
from ganforge.training.distributed import check_same_inputs, from_first, gather
from ganforge.training.experiment import Experiment, decoded, resolve
from ganforge.training.looking import FOLDER, look, open_at
from ganforge.training.models import open_model
from ganforge.training.observers.notebook import is_quiet
from ganforge.training.provenance import made_with, record
from ganforge.training.run import Run
from ganforge.training.run_events import ask_plugins
from ganforge.training.run_folder import check_folder_free, held, new_folder, write_recipe
from ganforge.training.train_run import train_run
from ganforge.training.weights_from import EarlierModel, begin_with, read_earlier


def train(
    recipe: str | Path | Mapping[str, Any] | Recipe | None = None,
    *,
    data: Any = None,
    dataset: str | None = None,
    backend: str | None = None,
    steps: int | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    seed: int | None = None,
    precision: str | None = None,
    device: str | None = None,
    overrides: Mapping[str, Any] | None = None,
    weights_from: str | Path | None = None,
    out: str | Path | None = None,
    callbacks: Sequence[object] = (),
    quiet: bool | None = None,
    on_progress: OnProgress | None = None,
) -> Run:
    """Train a recipe from its first step to its last; returns the finished run.

    An interrupt (Ctrl-C, or a notebook's stop button) finishes the step, saves a checkpoint and returns the run with
    `run.interrupted` set.

    Args:
        recipe: a name, the path of a TOML file, a recipe's table as a dict, or what `load_recipe` returns. By default
            that of `weights_from`, or "digits", or for `data` a DCGAN at a size that fits them, by class where there
            are classes.
        data: where the data set's images lie, or the images: an array (N, height, width, channels), `(images, labels)`,
            or a data set of PyTorch, TensorFlow or Hugging Face; see `ganforge.data.as_image_set`.
        dataset: another data set; the recipe's options for its own are then dropped.
        backend: by default the recipe's, or the first whose framework is installed.
        steps: of the run.
        epochs: passes over the data set, instead of `steps`.
        batch_size: images in a batch.
        seed: of all randomness.
        precision: "float32", "float64" or "bfloat16".
        device: "cpu", "cuda", "cuda:1", "mps" or "auto", the best on this machine (default).
        overrides: further values of the recipe: `{"training.latent.size": 64}`, or tables,
            `{"training": {"latent": {"size": 64}}}`. They are laid on after the arguments above.
        weights_from: a run's folder, or a file that `Model.save` wrote: every array whose layer and shape fit is its
            array instead of a random one. The optimizers begin anew; an average of weights that are all taken begins
            with them, without `warmup` or `ramp_up`. What was taken and what not is in the run's `provenance.jsonl`.
        out: the run's folder, which must not exist; by default the next number under `runs`.
        callbacks: functions of `(run, step, scalars)`, called after every step, with `scalars` None where the step
            is not logged; or objects with any of the methods `run_started(run)`, `step_finished(run, step, scalars)`,
            `epoch_finished(run, epoch, means, steps)`, `checkpoint_saved(run, path)` and `run_finished(run, error)`.
            They are called for this run alone, and an exception in one stops it.
        quiet: whether nothing is shown; by default progress is shown in a notebook, and nothing elsewhere.
        on_progress: called with the number of images decoded and of all, while they are decoded.

    Raises:
        GanforgeError: anything of this is wrong; no folder has been made then.
    """
    told, host, shows_nothing = listeners(callbacks), default_host(), is_quiet(quiet)
    image_set = handed_over(data)
    if image_set is not None:
        data, dataset = None, NAME
    earlier = None if weights_from is None else read_earlier(weights_from, host)
    found = None
    if earlier is not None:
        recipe = recipe or earlier.recipe
    if recipe is None and (data is not None or image_set is not None):
        opened = open_at(data, dataset, overrides or {}, host) if image_set is None else image_set
        found = look(opened, dataset or FOLDER)
        recipe, dataset = found.table, found.dataset
    given = read(
        recipe or DEFAULT_RECIPE,
        host,
        known_kinds(host),
        data=data,
        dataset=dataset,
        overrides=overrides,
        backend=backend,
        steps=steps,
        epochs=epochs,
        batch_size=batch_size,
        seed=seed,
        precision=precision,
        device=device,
    )
    if found is not None and not shows_nothing:
        print(found.told(given))
    return train_experiment(
        plan(given, host, image_set=image_set),
        host,
        earlier=earlier,
        out=out,
        callbacks=told,
        quiet=shows_nothing,
        on_progress=on_progress,
    )


def plan(recipe: Recipe, host: Host, *, dry_run: bool = False, image_set: ImageSet | None = None) -> Experiment:
    """The experiment that is to be trained, on its backend and together with the other workers, if any.

    dry_run: only to be looked at: its framework may be missing, and no worker is met.
    image_set: images that a caller has handed over.
    """
    if dry_run:
        return resolve(recipe, host, known_backend(recipe, host), image_set=image_set)
    backend = choose_backend(recipe, host)
    workers = gather(backend, host)
    return resolve(on_device(recipe, backend, workers), host, backend, workers, image_set)


def train_experiment(
    experiment: Experiment,
    host: Host,
    *,
    earlier: EarlierModel | None = None,
    out: str | Path | None = None,
    callbacks: Listeners | None = None,
    quiet: bool = True,
    on_progress: OnProgress | None = None,
) -> Run:
    """Train a planned experiment. Nothing is written before all is checked, on all workers. See `train`.

    earlier: a model whose weights it begins with.
    """
    workers, asked = experiment.workers, None if out is None else Path(out)
    if asked is not None:
        check_folder_free(asked)  # again below, but a full folder should not cost the time that decoding takes
    begun = None if earlier is None else begin_with(earlier, experiment)
    experiment = experiment if begun is None else begun.experiment
    assert experiment.image_set is not None, "resolve it with its data set"
    account, lines = account_of(experiment.recipe, experiment.image_set)
    if not quiet and workers.shard.rank == 0:
        print("".join(f"data: {line}\n" for line in lines), end="", file=sys.stderr)
        print(f"{begun.told()}\n" if begun is not None else "", end="", file=sys.stderr)
    experiment = decoded(experiment, on_progress)
    check_last_batch(experiment.batches, experiment.steps)
    recipe = experiment.recipe
    state = experiment.gan.initial_state(recipe.run.seed) if begun is None else begun.state
    model = open_model(experiment, state)
    check_same_inputs(workers, recipe, experiment.images_hash, start=0)
    ask_plugins(experiment, host)
    folder = Path(from_first(workers, lambda: str(new_folder(recipe, asked))))
    run = Run(folder=folder, experiment=experiment, model=model, host=host, quiet=quiet, callbacks=callbacks or {})
    with held(folder, workers, host.warn) as writes:
        if writes:
            sweep(folder)
            check_folder_free(folder)  # another process may have trained in it between that look and this lock
            write_recipe(folder, recipe)
            record(folder, made_with(experiment) | ({} if begun is None else {"weights_from": begun.record}))
            record_account(folder, account)
        train_run(run)
    return run
