"""What a step owes an accelerator, shown without one: JAX traces it with shapes alone, so that no value can be read."""

from functools import partial
from typing import Any

import msgspec
import pytest
from frameworks import need
from tiers import few

import ganforge
from ganforge.plugins.host import default_host
from ganforge.recipes.shipped import shipped_recipes
from ganforge.spec import LeakyRelu
from ganforge.testing.tiny_gans import TINY, inputs
from ganforge.training.batches import draw_step
from ganforge.training.benchmark import on_noise

jax = need("jax")

from ganforge_jax import devices, runtime

from ganforge.backend.feed import feed
from ganforge.backend.model import Model
from ganforge.backend.step import step


def traced(gan: Any, fed: Any, precision: Any = "float32") -> Any:
    """Shapes of the arrays after a step, and of its scalars, from shapes of what it is given."""
    session = runtime.open_session(gan, gan.initial_state(0), precision, "cpu")
    its = session._runtime
    with its.context():
        given = feed(fed, gan, its)
        shapes = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), (session._arrays, given))
        return shapes[0], jax.eval_shape(partial(step, Model(gan=gan, runtime=its)), *shapes)


@pytest.mark.parametrize("name", few((entry.name for entry in shipped_recipes()), ["digits"]))
def test_no_recipe_s_step_reads_a_value(name: str) -> None:
    recipe = ganforge.load_recipe(name, overrides={"run": {"backend": "jax", "device": "cpu"}})
    few = msgspec.structs.replace(recipe, training=msgspec.structs.replace(recipe.training, batch_size=4))
    experiment = on_noise(few, default_host())
    before, (after, scalars) = traced(experiment.gan, draw_step(experiment.batches, 0))
    assert {key: (each.shape, each.dtype) for key, each in after.items()} == {
        key: (before[key].shape, before[key].dtype) for key in after
    }
    assert {each.shape for each in scalars.values()} == {()}


def test_a_value_that_is_read_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = LeakyRelu.forward

    def reading(self: Any, node: Any, x: Any, run: Any) -> Any:
        return plain(self, node, x * float(x.mean()), run)

    monkeypatch.setattr(LeakyRelu, "forward", reading)
    with pytest.raises(jax.errors.ConcretizationTypeError):
        traced(TINY["labels"], inputs(TINY["labels"], 0, 0))


def test_nothing_comes_to_the_device_unasked() -> None:
    gan = TINY["labels"]
    session = runtime.open_session(gan, gan.initial_state(0), "float32", "cpu")
    session.step(inputs(gan, 0, 0))  # constants of a trace come once
    with jax.transfer_guard("disallow"):
        scalars = session.step(inputs(gan, 0, 1))
        with pytest.raises(jax.errors.JaxRuntimeError, match="Disallowed"):
            jax.jit(lambda x: x + 1)(inputs(gan, 0, 1).discriminator[0].latents)
    assert all(float(each) == float(each) for each in scalars.values())
    assert devices.find("cpu").platform == "cpu"
