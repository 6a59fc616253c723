"""A backend's session against the NumPy reference, and what it promises beyond the numbers."""

import subprocess
import sys
from dataclasses import replace
from importlib import import_module
from typing import Any

import numpy as np
import pytest
from frameworks import FRAMEWORKS, TORCH_FIRST, need, open_session, same_bits
from msgspec.structs import replace as changed

from ganforge.backend.contract import Session
from ganforge.errors import StateError
from ganforge.spec.arrays import Array
from ganforge.spec.gan import NETWORKS, Gan
from ganforge.testing.reference import open_reference
from ganforge.testing.tiny_gans import TINY, inputs, small_dcgan

SEED = 5
TRACED = ("odd-sizes", "paddings", "labels", "residuals", "wasserstein-gradient")
"""On which a framework that compiles is looked at here; tests/parity has it on all."""
LEFT = {"torch": (), "tensorflow": ("odd-sizes", "paddings", "wasserstein-gradient"), "jax": TRACED}
"""Those of the slow tier."""
CASES = [
    pytest.param(framework, name, id=f"{framework}-{name}", marks=[pytest.mark.slow] * (name in LEFT[framework]))
    for framework in FRAMEWORKS
    for name in (TINY if framework == "torch" else TRACED)
]


@pytest.fixture(params=TORCH_FIRST)
def framework(request: pytest.FixtureRequest) -> str:
    need(request.param)
    return str(request.param)


def difference(a: Array, b: Array) -> float:
    assert a.shape == b.shape
    return float(np.max(np.abs(a - b), initial=0.0))


@pytest.mark.parametrize("name", ["every-pass-moves", "every-pass-moves-joint"])
def test_weights_do_not_depend_on_what_moves_running_values(framework: str, name: str) -> None:
    gan = TINY[name]
    own = replace(gan, protocol=changed(gan.protocol, running_values="own_updates", latents="fresh"))
    every = replace(gan, protocol=changed(gan.protocol, latents="fresh"))
    one, other = (open_session(framework, each) for each in (own, every))
    for number in range(2):
        one.step(inputs(own, SEED, number))
        other.step(inputs(every, SEED, number))
    state, moved = one.state(), other.state()
    running = {name for name in state if name.endswith(("/mean", "/variance"))}
    assert all(np.array_equal(state[name], moved[name]) for name in state.keys() - running)
    assert running
    assert not any(np.array_equal(state[name], moved[name]) for name in running)


@pytest.mark.parametrize(("framework", "name"), CASES)
@pytest.mark.parametrize("key", [None, 0xDEADBEEF])
def test_every_layer_of_every_network_makes_what_the_reference_makes(
    framework: str, name: str, key: int | None
) -> None:
    need(framework)
    gan = TINY[name]
    session, reference = open_session(framework, gan), open_reference(gan, gan.initial_state(SEED))
    fed = inputs(gan, SEED, 0).discriminator[0]
    pictures = np.random.default_rng(0).uniform(-1.0, 1.0, fed.images.shape)
    for network, x in zip(NETWORKS, (fed.latents, pictures), strict=True):
        found = session.trace(network, x, fed.labels, key=key)
        expected = reference.trace(network, x, fed.labels, key=key)
        assert list(found) == list(expected)
        for node, array in expected.items():
            assert difference(found[node], array) < 1e-13, f"{network} {node}"


@pytest.mark.parametrize(("framework", "name"), CASES)
def test_gradients_and_steps_are_those_of_the_reference(framework: str, name: str) -> None:
    need(framework)
    gan = TINY[name]
    session, reference = open_session(framework, gan), open_reference(gan, gan.initial_state(SEED))
    found, expected = session.gradients(inputs(gan, SEED, 0)), reference.gradients(inputs(gan, SEED, 0))
    assert set(found) == set(expected)
    for array, gradient in expected.items():
        assert difference(found[array], gradient) <= 1e-12 * np.max(np.abs(gradient)), array
    for number in range(3):
        scalars, others = session.step(inputs(gan, SEED, number)), reference.step(inputs(gan, SEED, number))
        assert list(scalars) == list(others), "in the order in which they are shown"
        assert all(abs(float(scalars[each]) - float(others[each])) < 1e-11 for each in others)
    found, expected = session.state(), reference.state()
    assert list(found) == list(gan.shapes)
    for array, values in expected.items():
        assert difference(found[array], values) < 1e-11, array


@pytest.mark.parametrize("averaged", [False, True])
def test_averaged_images_are_those_of_the_reference(framework: str, averaged: bool) -> None:
    gan = TINY["shared-average"]
    session, reference = open_session(framework, gan), open_reference(gan, gan.initial_state(SEED))
    for number in range(2):
        session.step(inputs(gan, SEED, number))
        reference.step(inputs(gan, SEED, number))
    z = inputs(gan, SEED, 0).generator[0].latents
    made = session.generate(z, None, averaged=averaged)
    assert difference(made, reference.generate(z, None, averaged=averaged)) < 1e-11
    assert difference(made, session.generate(z, None, averaged=not averaged)) > 1e-4


def test_still_gradients_and_moments_stay_zero(framework: str) -> None:
    gan = TINY["kernel-5-even"]
    still = [each.name for each in gan.parameters("generator") if each.zero_gradient]
    assert still
    session = open_session(framework, gan)
    before = session.state()
    session.step(inputs(gan, SEED, 0))
    after, found = session.state(), session.gradients(inputs(gan, SEED, 0))
    for name in still:
        assert not found[f"generator/{name}"].any()
        assert not after[f"optimizer/generator/m/{name}"].any()
        assert np.array_equal(before[f"generator/{name}"], after[f"generator/{name}"])


# Images --------------------------------------------------------------------------------------------------------------

DRAWN = [("labels", "float32"), ("vectors", "float32"), ("vectors", "float64"), ("odd-sizes", "float64")]
DRAWN += [("odd-sizes", "float32")]
COUNT = 150
"""More than two batches."""


def drawing(session: Session, gan: Gan, **options: bool) -> Any:
    """A function from places of a list of latents to their images, and the stream that the list is from."""
    stream = np.random.default_rng(1)
    z, labels = stream.normal(size=(COUNT, 4)), stream.integers(0, 3, COUNT)

    def drawn(chosen: np.ndarray) -> Array:
        return session.generate(z[chosen], labels[chosen] if gan.classes else None, **options)

    return drawn, stream


@pytest.mark.parametrize(("name", "precision"), DRAWN)
def test_the_same_latent_makes_the_same_bits_in_any_company(framework: str, name: str, precision: Any) -> None:
    gan = TINY[name]
    drawn, stream = drawing(open_session(framework, gan, precision), gan, exact=True)
    together = drawn(np.arange(COUNT))
    for count in (1, 2, 16, 17, 36, 37, 64, 65):
        assert np.array_equal(drawn(np.arange(count)), together[:count])
    for chosen in (stream.permutation(COUNT), stream.integers(0, COUNT, 50)):
        assert np.array_equal(drawn(chosen), together[chosen])
    assert drawn(np.arange(0)).shape == (0, *gan.image_shape)


@pytest.mark.parametrize(("name", "precision"), DRAWN)
def test_and_the_same_to_one_grey_level_where_that_is_enough(framework: str, name: str, precision: Any) -> None:
    gan = TINY[name]
    session = open_session(framework, gan, precision)
    (drawn, stream), (exactly, _) = drawing(session, gan), drawing(session, gan, exact=True)
    together, (low, high) = exactly(np.arange(COUNT)), gan.pixel_range
    level = (high - low) / 255.0
    for chosen in (np.arange(COUNT), stream.permutation(COUNT), *(np.arange(count) for count in (1, 16, 17, 64, 65))):
        found = drawn(chosen)
        assert found.shape == (len(chosen), *gan.image_shape)
        assert found.dtype == np.dtype(precision)
        assert difference(found, together[chosen]) < level
    assert drawn(np.arange(0)).shape == (0, *gan.image_shape)


def test_images_of_several_batches_are_those_of_the_reference(framework: str) -> None:
    gan = TINY["labels"]
    drawn, _ = drawing(open_session(framework, gan), gan)
    expected, _ = drawing(open_reference(gan, gan.initial_state(SEED)), gan)
    assert difference(drawn(np.arange(COUNT)), expected(np.arange(COUNT))) < 1e-13


# States --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_going_on_from_a_state_gives_the_bits_of_never_having_stopped(framework: str, precision: Any) -> None:
    gan = small_dcgan()
    one = open_session(framework, gan, precision)
    for number in range(4):
        one.step(inputs(gan, SEED, number))
        if number == 1:
            halfway = one.state()
    other = open_session(framework, gan, precision)
    other.step(inputs(gan, SEED, 9))
    other.load_state(halfway)
    assert same_bits(other.state(), halfway)
    for number in (2, 3):
        other.step(inputs(gan, SEED, number))
    assert same_bits(one.state(), other.state())


def test_only_a_step_changes_anything(framework: str) -> None:
    gan = TINY["residuals"]
    session = open_session(framework, gan)
    fed, before = inputs(gan, SEED, 0), session.state()
    session.gradients(fed)
    session.generate(fed.discriminator[0].latents, None)
    session.generate(fed.discriminator[0].latents, None, exact=True)
    session.trace("generator", fed.discriminator[0].latents, None, key=3)
    module = session.native("generator")
    match framework:
        case "torch":
            module.train()(need("torch").zeros(2, 4, dtype=need("torch").float64))
        case "tensorflow":
            module(np.zeros((2, 4)), training=True)
        case "jax":
            module.apply(module.params, np.zeros((2, 4), np.float32))
    assert same_bits(session.state(), before)


def test_a_state_is_a_copy_both_ways(framework: str) -> None:
    session = open_session(framework, TINY["adam"])
    first, given = session.state(), session.state()
    session.load_state(given)
    for array in given.values():
        array.fill(7.0)
    assert same_bits(session.state(), first)
    session.step(inputs(TINY["adam"], SEED, 0))
    assert same_bits(first, open_session(framework, TINY["adam"]).state())


def test_a_state_comes_back_bit_for_bit(framework: str) -> None:
    gan = TINY["labels"]
    assert same_bits(open_session(framework, gan, seed=0).state(), gan.initial_state(0))


def test_loading_keeps_every_bit_and_rounds_to_nearest(framework: str) -> None:
    session = open_session(framework, TINY["adam"], "float32")
    state, name, stream = session.state(), "generator/00_dense/kernel", np.random.default_rng(0)
    state[name] = stream.integers(0, 2**32, state[name].shape, dtype=np.uint32).view(np.float32)
    session.load_state(state)
    assert same_bits(session.state(), state)
    state[name] = stream.normal(size=state[name].shape)
    state[name].flags.writeable = False
    session.load_state(state)
    assert np.array_equal(session.state()[name], state[name].astype(np.float32))


def test_a_wrong_state_is_refused_and_changes_nothing(framework: str) -> None:
    gan = TINY["adam"]
    session = open_session(framework, gan)
    before = session.state()
    wrong = {name: array + 1.0 for name, array in before.items()}
    wrong["discriminator/00_conv/bias"] = np.zeros(5)
    with pytest.raises(StateError, match="discriminator/00_conv/bias"):
        session.load_state(wrong)
    assert same_bits(session.state(), before)
    with pytest.raises(StateError, match="missing"):
        import_module(f"ganforge_{framework}.runtime").open_session(gan, {}, "float64", "cpu")


def test_keeping_the_fakes_changes_no_bit(framework: str, monkeypatch: pytest.MonkeyPatch) -> None:
    gan = TINY["many-updates"]
    kept, made_again = open_session(framework, gan), open_session(framework, gan)
    assert gan.same_fakes_follow
    for number in range(2):
        kept.step(inputs(gan, SEED, number))
    monkeypatch.setattr(Gan, "same_fakes_follow", False)
    for number in range(2):
        made_again.step(inputs(gan, SEED, number))
    assert same_bits(kept.state(), made_again.state())


# Beside the numbers --------------------------------------------------------------------------------------------------

LISTED = """
import sys
from ganforge_{0} import plugin
entry, = plugin.ganforge_backends()
assert entry.name == "{0}" and not {{"{0}", "keras"}} & set(sys.modules), sorted(sys.modules)
"""


def test_a_framework_is_not_imported_to_be_listed(framework: str) -> None:
    subprocess.run([sys.executable, "-c", LISTED.format(framework)], check=True)


@pytest.mark.gpu
@pytest.mark.parametrize("name", TINY)
def test_a_gpu_takes_the_steps_that_the_cpu_takes(framework: str, name: str) -> None:
    module = need(framework)
    seen = {
        "torch": lambda: module.cuda.is_available(),
        "tensorflow": lambda: module.config.list_logical_devices("GPU"),
        "jax": lambda: [each for each in module.devices() if each.platform == "gpu"],
    }
    if not seen[framework]():
        pytest.skip(f"no GPU that {framework} can use")
    gan, device = TINY[name], {"torch": "cuda", "tensorflow": "gpu", "jax": "gpu"}[framework]
    cpu = open_session(framework, gan)
    gpu = import_module(f"ganforge_{framework}.runtime").open_session(gan, gan.initial_state(SEED), "float64", device)
    for number in range(2):
        cpu.step(inputs(gan, SEED, number))
        gpu.step(inputs(gan, SEED, number))
    found, expected = gpu.state(), cpu.state()
    for array, values in expected.items():
        assert difference(found[array], values) < 1e-11, array
