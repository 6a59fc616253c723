"""A run of a fake session on ten images, in a folder: what the tests of runs begin with."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from fakes import FakeSession

from ganforge.data.preparing import Prepared
from ganforge.generation.model import Model
from ganforge.plugins.host import Host
from ganforge.recipes.parsing import parse
from ganforge.recipes.schema import Recipe
from ganforge.training.experiment import resolve_networks
from ganforge.training.run import Run

TABLE: dict[str, Any] = {
    "name": "x",
    "image_size": 8,
    "channels": 1,
    "architecture": {"width": 1},
    "training": {"batch_size": 4, "latent": {"size": 3}},
    "run": {"steps": 6, "log_every": 2, "checkpoint_every": 3, "keep": 2},
}


def recipe(**changes: Any) -> Recipe:
    return parse(TABLE | changes)


def run_in(folder: Path, host: Host, *, diverges: int = 10**9, **more: Any) -> Run:
    experiment = resolve_networks(recipe(), host)
    images = np.arange(10, dtype=np.uint8)[:, None, None, None] * np.ones((1, 8, 8, 1), np.uint8)
    data = Prepared(images=images, labels=None, class_names=(), skipped=(), from_cache=False)
    experiment = replace(experiment, data=data, steps=experiment.recipe.run.steps or 0)
    session = FakeSession(experiment.gan, dict(experiment.gan.initial_state(0)), diverges=diverges)
    model = Model(recipe=experiment.recipe, gan=experiment.gan, session=session)
    return Run(folder=folder, experiment=experiment, model=model, host=host, **more)
