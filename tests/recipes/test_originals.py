"""The first updates of each published system, to 1e-12, against a plain program written from its text."""

from typing import Any

import numpy as np
import pytest
from frameworks import FRAMEWORKS, need
from original_tensorflow import Carpedm20, CganMnist, Faces, Frogs
from original_torch import Anime, Celeba, TorchProgram
from tiers import slow

import ganforge
from ganforge.plugins.host import default_host
from ganforge.spec.gan import NETWORKS
from ganforge.spec.layers import Dropout
from ganforge.spec.layers.chain import walk
from ganforge.training.batches import Batches, draw_step
from ganforge.training.experiment import resolve_networks

PROGRAMS: dict[str, Any] = {
    "faces": Faces,
    "frogs": Frogs,
    "celeba": Celeba,
    "anime": Anime,
    "carpedm20": Carpedm20,
    "cgan-mnist": CganMnist,
}
SEED, BATCH, WIDTH = 3, 6, 2
SIZES: dict[str, Any] = {"carpedm20": [45, 38]}
"""Where it is not the recipe's own: odd on one side, as this one takes them."""


def open_system(name: str, framework: str) -> tuple[Any, Any, Any]:
    """A system at reduced width: its session in ganforge, the plain program, and what steps are fed."""
    recipe = ganforge.load_recipe(name)
    settings: dict[str, Any] = {"width": WIDTH, "channels": recipe.channels or 3, "training": {"batch_size": BATCH}}
    settings["image_size"] = SIZES.get(name, recipe.image_size)
    settings["class_names"] = [str(number) for number in range(10)] if recipe.conditional else []
    gan = resolve_networks(ganforge.load_recipe(name, overrides=settings), default_host()).gan
    state, stream = gan.initial_state(SEED), np.random.default_rng(SEED)
    count = BATCH + BATCH // 2 if gan.protocol.keep_last else 2 * BATCH  # the second batch is then a smaller one
    images = stream.integers(0, 256, (count, *gan.image_shape), dtype=np.uint8)
    labels = stream.integers(0, 10, count) if recipe.conditional else None
    batches = Batches(gan=gan, images=images, labels=labels, seed=SEED)
    runtime = need(f"ganforge_{framework}.runtime")
    session = runtime.open_session(gan, state, "float64", "cpu")
    dropouts = [node.number for node in walk(gan.discriminator) if isinstance(node.layer, Dropout)]
    weights = {each: state[each] for each in state if each.startswith(("generator/", "discriminator/"))}
    cancelled = {f"{top}/{each.name}" for top in NETWORKS for each in gan.parameters(top) if each.zero_gradient}
    return session, PROGRAMS[name](weights, cancelled, WIDTH, dropouts), batches


@pytest.mark.parametrize(
    ("name", "framework"),
    [
        (name, framework) if framework == "torch" else slow(name, framework)
        for name in PROGRAMS
        for framework in FRAMEWORKS
    ],
)
def test_the_first_two_updates_are_the_original_s(name: str, framework: str) -> None:
    need("torch" if issubclass(PROGRAMS[name], TorchProgram) else "tensorflow")
    need(framework)
    session, program, batches = open_system(name, framework)
    for number in range(2):
        fed = draw_step(batches, number)
        found, expected = session.step(fed), program.step(fed)
        for loss, value in expected.items():
            assert abs(float(found[loss]) - value) <= 1e-12 * abs(value), loss
        state = session.state()
        for array, theirs in program.arrays().items():
            assert np.abs(state[array] - theirs).max() <= 1e-12 * np.abs(theirs).max(), f"{array} after {number + 1}"
    assert all(net.noise < 1e-12 for net in program.nets.values())
    assert batches.gan.protocol.keep_last == (PROGRAMS[name] is Celeba)
