"""A run of a fake session on ten pictures, in a folder: what the tests of runs begin with."""

from pathlib import Path
from typing import Any

import numpy as np
from fakes import FakeSession

from ganforge.assembly import assemble
from ganforge.model import Model
from ganforge.pipeline import Prepared
from ganforge.plugins import Host
from ganforge.recipe import Recipe, parse
from ganforge.run import Run

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
    given = recipe()
    gan = assemble(given, host)
    session = FakeSession(gan, dict(gan.initial_state(0)), diverges=diverges)
    images = np.arange(10, dtype=np.uint8)[:, None, None, None] * np.ones((1, 8, 8, 1), np.uint8)
    return Run(
        folder=folder,
        recipe=given,
        model=Model(recipe=given, gan=gan, session=session),
        data=Prepared(images=images, labels=None, class_names=(), skipped=(), from_cache=False),
        host=host,
        stop=given.run.steps or 0,
        **more,
    )
