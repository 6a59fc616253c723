"""The parity contract, of docs/parity.md, over the backends that are installed."""

from dataclasses import replace
from functools import cache, partial
from itertools import combinations, product

import numpy as np
import pytest
from frameworks import FRAMEWORKS, TORCH_FIRST, need
from tiers import slow

need("autograd")
from ganforge.parity import compare
from ganforge.parity.pair import Pair
from ganforge.plugins.host import default_host
from ganforge.testing.backends import check_gan
from ganforge.testing.tiny_gans import FLOAT64_ONLY, TINY, inputs, small_dcgan
from ganforge.training.backends import find_backend

BACKENDS = FRAMEWORKS
PAIRS = [pytest.param(pair, id="-".join(pair)) for pair in combinations(BACKENDS, 2)]
SELDOM = [
    slow(pair, id="-".join(pair)) if "jax" in pair else pytest.param(pair, id="-".join(pair))
    for pair in combinations(BACKENDS, 2)
    if pair != ("tensorflow", "jax")
]
"""With JAX, the third, in the slow tier, and with one of the others, which are compared with each other."""


@cache
def kept(name):
    """A backend that keeps its sessions: loading a state is the exact inverse of reading it, and compiling is slow."""
    if name in BACKENDS:
        need(name)
    entry = find_backend(name, default_host())
    sessions = {}

    def opened(gan, state, precision, device):
        if (id(gan), precision) not in sessions:
            if name == "jax" and any(other != id(gan) for other, _ in sessions):
                sessions.clear()  # what it compiles lies in so many pieces of memory that a process runs out of them
            sessions[id(gan), precision] = entry.open(gan, state, precision, device)
        session = sessions[id(gan), precision]
        session.load_state(state)
        return session

    return replace(entry, open=opened)


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    """The GANs are too small for several threads, which wait for one another longer than they work."""
    if "torch" in BACKENDS:
        torch = need("torch")
        before = torch.get_num_threads()
        torch.set_num_threads(1)
        yield
        torch.set_num_threads(before)
    else:
        yield


COMPILED = ("labels", "residuals", "hinge-r1", "shared-average", "kernel-5-even")
"""Those that the fast tier has of TensorFlow, in float64; it compiles every one for a second or two, JAX for longer."""


def tier(backend, precision, name):
    fast = {"torch": TINY, "tensorflow": COMPILED, "jax": ("labels",)}[backend]
    fast = name in fast and (precision == "float64" or (backend == "torch" and name in COMPILED))
    return [] if fast else [pytest.mark.slow]


CASES = [
    pytest.param(*case, id="-".join(case), marks=tier(*case))
    for case in product(BACKENDS, ("float64", "float32"), TINY)
    if case[0] == "torch" or case[1] == "float64" or case[2] in COMPILED
]
"""In float64 every backend has all; those that compile have a few in float32."""


@pytest.mark.parametrize(("backend", "precision", "name"), CASES)
def test_a_backend_computes_what_the_reference_computes(backend, precision, name):
    if precision == "float32" and name in FLOAT64_ONLY:
        pytest.skip("needs more digits than float32 has")
    assert [str(each) for each in check_gan(kept(backend), name, TINY[name], precision)] == []


def agree(gan, pair, seed=0, **settings):
    """The rows of two frameworks' report, none of which may differ."""
    a, b = (kept(name) for name in pair)
    report = compare(gan, a, b, inputs=partial(inputs, gan, seed), state=gan.initial_state(seed), **settings)
    assert report.ok, f"{report.first}"
    return {row.what: row for row in report.rows}


AGREE = [
    pytest.param(name, pair, id=f"{name}-{'-'.join(pair)}", marks=[pytest.mark.slow] * ("jax" in pair))
    for name, pair in product(COMPILED, combinations(BACKENDS, 2))
]
"""A few, since every one agrees with the reference."""


@pytest.mark.parametrize(("name", "pair"), AGREE)
def test_two_frameworks_agree(name, pair):
    agree(TINY[name], pair, steps=10, lock_step=5)


@cache
def dcgan():
    """One and the same, so that its sessions are kept."""
    return small_dcgan()


@pytest.mark.slow
@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize(("steps", "tolerance"), [(100, 1e-11), (500, 1e-7)])
def test_a_small_dcgan_runs_freely(pair, steps, tolerance):
    """And 50 steps in one framework and 50 in the other are 100 in either: a run goes on in any of the others."""
    rows = agree(dcgan(), pair, steps=steps)
    assert rows[f"free run, {steps} steps"].tolerance == tolerance
    half = steps // 2
    for one, other in (pair, pair[::-1]):
        assert rows[f"{half} steps in {one}, {half} more in {other}"].verdict == "holds"


@pytest.mark.slow
@pytest.mark.parametrize("pair", SELDOM)
@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_a_small_dcgan_keeps_in_step(pair, precision):
    row = agree(dcgan(), pair, precision=precision, steps=5, lock_step=50)["lock-step, 50 steps"]
    assert row.verdict == "holds"
    assert row.tolerance == 1e-11 or precision == "float32"


_PART = 125


@cache
def parts(backend, precision):
    """The states of `dcgan()` at the beginnings of the eight parts of 1,000 steps."""
    gan = dcgan()
    session = kept(backend).open(gan, gan.initial_state(0), precision, "cpu")
    states = [session.state()]
    for step in range(7 * _PART):
        session.step(inputs(gan, 0, step))
        if (step + 1) % _PART == 0:
            states.append(session.state())
    return states


@pytest.mark.slow
@pytest.mark.parametrize("pair", SELDOM)
@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("part", range(8))
def test_a_small_dcgan_keeps_in_step_for_1000_steps(pair, precision, part):
    """In eight parts. In lock-step the first backend trains on its own, so where a part begins is known."""
    gan, (a, b) = dcgan(), (kept(name) for name in pair)
    begun = Pair(
        gan,
        a,
        b,
        inputs=lambda step: inputs(gan, 0, part * _PART + step),
        state=parts(pair[0], precision)[part],
        precision=precision,
        device="cpu",
    )
    row = begun.locked(_PART)
    assert row.verdict == "holds", f"{begun.mismatch}"
    assert row.tolerance == 1e-11 or precision == "float32"


@pytest.mark.slow
@pytest.mark.parametrize("pair", PAIRS)
def test_a_small_dcgan_runs_freely_in_float32(pair):
    """From one of a few states; from another a ReLU's input may be so near to 0 that rounding decides."""
    runs = (agree(dcgan(), pair, seed=seed, precision="float32", steps=5)["free run, 5 steps"] for seed in range(1, 6))
    assert any(run.verdict == "holds" for run in runs)


@pytest.mark.parametrize("backend", TORCH_FIRST)
def test_a_small_dcgan_is_the_reference_s(backend):
    gan = dcgan()
    report = compare(
        gan, kept("numpy"), kept(backend), inputs=partial(inputs, gan, 0), state=gan.initial_state(0), steps=2
    )
    assert report.ok, f"{report.first}"


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_a_state_travels_bit_for_bit(pair, precision):
    gan = TINY["shared-average"]
    draw = np.random.default_rng(0)
    state = {name: draw.standard_normal(shape).astype(precision) for name, shape in gan.shapes.items()}
    one, other = (kept(name).open(gan, state, precision, "cpu") for name in pair)
    for route in ((one, other, one), (other, one, other)):
        moving = state
        for session in route:
            session.load_state(moving)
            moving = session.state()
        assert all(moving[name].tobytes() == each.tobytes() for name, each in state.items())
        assert {each.dtype.name for each in moving.values()} == {precision}
