"""The parity contract in float32: right backends agree whatever their rounding, wrong ones do not."""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from frameworks import FRAMEWORKS, need
from tiers import slow

need("autograd")
from ganforge.backend.agreement import FACTOR, RATIO, ROUNDING, agreement
from ganforge.backend.contract import Precision, Scalars, Session, StepInputs
from ganforge.backend.observations import Seen
from ganforge.parity import Report, Row, compare
from ganforge.parity.trial import trial
from ganforge.plugins.host import default_host
from ganforge.plugins.kinds import known_kinds
from ganforge.recipes.reading import read
from ganforge.spec.arrays import Array, State
from ganforge.spec.gan import Gan
from ganforge.spec.layers import Flatten, Reshape, Tanh
from ganforge.spec.layers.contract import LayerSettings, Node, Pass, keeps_shape, no_parameters
from ganforge.spec.layers.initializers import ZEROS, Constant
from ganforge.spec.ops import Tensor
from ganforge.spec.optimizers import Optimizer, Scale
from ganforge.testing import REFERENCE
from ganforge.testing.diagnosis import Bench
from ganforge.testing.reference import ReferenceSession
from ganforge.testing.semantics import Semantics
from ganforge.testing.tiny_gans import TINY, inputs
from ganforge.testing.tiny_gans.parts import ONE, dense, gan
from ganforge.training.backends import find_backend

both = pytest.mark.skipif(len(FRAMEWORKS) < 2, reason="GANFORGE_TEST_WITHOUT names one of the two frameworks")


def compared(gan: Gan, other: Any, **settings: Any) -> Report:
    feed = partial(inputs, gan, 0)
    return compare(
        gan, REFERENCE, other, inputs=feed, state=gan.initial_state(0), precision="float32", **{"steps": 1} | settings
    )


def backend(session: type[ReferenceSession]) -> Any:
    """A backend with a session of its own."""
    return replace(
        REFERENCE, name="other", open=lambda gan, state, precision, device: session(gan, state, precision, Semantics())
    )


# Which arrays agree


def sides(x: Any, y: Any, x64: Any, y64: Any, *, tolerance: float = 1e-6) -> list[Seen]:
    return [Seen("row", "name", 0, np.array(each), 1.0, tolerance) for each in (x, y, x64, y64)]


def test_elements_may_lie_apart_by_what_rounding_does_to_both() -> None:
    both = agreement(*sides([1.0, 2.0], [1.0, 2.003], [1.0, 2.001], [1.0, 2.001], tolerance=1.0))
    assert both.further is None
    assert both.at == (1,)
    assert both.difference == pytest.approx(0.003 / 2.003)
    assert both.limit == pytest.approx(FACTOR * 0.003 / 2.003 + ROUNDING)
    # The same difference where rounding is seen in another element alone.
    assert agreement(*sides([1.0, 2.0], [1.0, 2.003], [1.003, 2.0], [1.0, 2.003], tolerance=1.0)).share > 1.0


def test_one_backend_may_not_lie_much_further_from_its_float64() -> None:
    x, exact = np.full(4, 1.0 + 1e-5), np.ones(4)
    assert agreement(*sides(x, exact + 0.9 * RATIO * 1e-5, exact, exact)).share <= 1.0
    for order, further in ((slice(None), 1), (slice(None, None, -1), 0)):
        one, other = [x, exact + 1.1 * RATIO * 1e-5][order]
        both = agreement(*sides(one, other, exact, exact))
        assert both.share > 1.0
        assert both.further == further
    # But by as little as its tolerance it always may.
    assert agreement(*sides(exact, exact + 0.9e-6, exact, exact)).share <= 1.0
    assert agreement(*sides(exact, exact + 1.1e-6, exact, exact)).share > 1.0


# Faults of a thousandth

MORE = 1.001
RIGHT = Semantics()


def _faster(optimizer: Optimizer, weights: Array, g: Array, slots: State, scale: Scale) -> tuple[Array, State]:
    return RIGHT.update(optimizer, weights, g, slots, Scale(MORE * scale.rate, scale.root))


FAULTS = {
    "loss": (Semantics(softplus=lambda x: MORE * RIGHT.softplus(x)), "gradients of the discriminator"),
    "gradient": (
        Semantics(gradient=lambda parameter, values: MORE * RIGHT.gradient(parameter, values)),
        "gradients of the discriminator",
    ),
    "optimizer": (Semantics(update=_faster), "weights after one step"),
    "batch variance": (
        Semantics(variance=lambda x, mean: MORE * RIGHT.variance(x, mean)),
        "layers in training",
    ),
    "running variance": (Semantics(bessel=lambda count: MORE * RIGHT.bessel(count)), "running values after one step"),
}


@pytest.mark.parametrize("alone", [False, True], ids=["in both precisions", "in float32 alone"])
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", ["labels", slow("adam"), slow("kernel-5-even")])
def test_a_fault_of_a_thousandth_is_caught(name: str, fault: str, alone: bool) -> None:
    semantics, first = FAULTS[fault]

    def opened(gan: Gan, state: State, precision: Precision, device: str) -> Session:
        faulty = precision == "float32" or not alone
        return ReferenceSession(gan, state, precision, semantics if faulty else RIGHT)

    report = compared(TINY[name], replace(REFERENCE, name="other", open=opened))
    assert report.first is not None
    assert report.first.what.endswith(first)
    assert report.mismatch is not None
    # The one that lies further off is named, where it is float32 alone that is wrong.
    assert report.first.note.endswith("other from its float64" if alone else "")


# Rounding


class Coarse(ReferenceSession):
    """In float32 three bits coarser than that: what a wide and deep network does to a right backend."""

    def trace(self, *given: Any, **named: Any) -> State:
        return {name: self._coarse(each) for name, each in super().trace(*given, **named).items()}

    def gradients(self, inputs: StepInputs) -> State:
        return {name: self._coarse(each) for name, each in super().gradients(inputs).items()}

    def _coarse(self, x: Array) -> Array:
        if x.dtype == np.float64:
            return x
        draw = np.random.default_rng(x.size + 1000 * self.side)
        return np.asarray(x * (1.0 + 1e-4 * draw.standard_normal(x.shape)), np.float32)

    side = 0


class CoarseToo(Coarse):
    side = 1


def test_two_that_round_alike_agree_however_much_that_is() -> None:
    """Thirty times as far from float64, and from one another, as any limit that is the same for every network."""
    gan, feed = TINY["labels"], partial(inputs, TINY["labels"], 0)
    one, other = (replace(backend(each), name=each.__name__) for each in (Coarse, CoarseToo))
    report = compare(gan, one, other, inputs=feed, state=gan.initial_state(0), precision="float32", steps=1)
    assert report.ok, report.first
    assert report.rows[0].difference > 3e-5
    for each in (one, other):
        assert not compare(
            gan, REFERENCE, each, inputs=feed, state=gan.initial_state(0), precision="float32", steps=1
        ).ok


@pytest.mark.parametrize("framework", ["torch", slow("tensorflow")])
def test_the_diagnosis_of_a_right_backend_finds_nothing(framework: str) -> None:
    need(framework)
    one = TINY["residuals"]
    place = Bench(gan=one, inputs=partial(inputs, one, 0), state=one.initial_state(0), precision="float32")
    assert place.diagnose(find_backend(framework, default_host())).agrees


# Corners


class Ramp(LayerSettings, frozen=True, kw_only=True, tag="ramp"):
    """x below 1, 1 above: a plugin's layer with a corner of its own."""

    resolve, parameters = keeps_shape, no_parameters

    def forward(self, node: Node, x: Tensor, run: Pass) -> Tensor:
        return run.ops.minimum(x, 1.0)

    def corners(self) -> tuple[float, ...]:
        return (1.0,)


class Silent(Ramp, frozen=True, kw_only=True, tag="silent"):
    """The same, but it says nothing of its corner."""

    def corners(self) -> tuple[float, ...]:
        return ()


class Crossing(ReferenceSession):
    """Right but for rounding: with `these` inputs it falls on the other side of a corner; gradients differ by 5 %."""

    these: tuple[int, ...] = (0,)
    by = 1.05

    def gradients(self, inputs: StepInputs) -> State:
        found = super().gradients(inputs)
        crosses = any(inputs.generator[0].key == self.key(number) for number in self.these)
        exact = self._updates.dtype == np.float64
        return {name: each * self.by for name, each in found.items()} if crosses and not exact else found

    @staticmethod
    def key(number: int) -> int:
        return inputs(TINY["at-zero"], 0, number).generator[0].key


class Always(Crossing):
    """That is no rounding."""

    these = tuple(range(10))


class Large(Crossing):
    """That is none either."""

    by = 1.2


ROW = "gradients of the discriminator"


@pytest.mark.parametrize(("layer", "verdict"), [(Ramp(), "holds"), (Silent(), "differs")])
def test_a_layer_of_a_plugin_says_where_its_corner_is(layer: Ramp, verdict: str) -> None:
    one = gan(
        (dense(units=9), Reshape(shape=(3, 3, 1)), Tanh()),
        (Flatten(), dense(units=4, kernel_init=ZEROS, bias_init=Constant(value=1.0 - 1e-7)), layer, *ONE),
        (3, 3, 1),
    )
    rows = {row.what: row for row in compared(one, backend(Crossing)).rows}
    assert rows[ROW].verdict == verdict
    assert rows["discriminator layers in training"].verdict == "holds"


def at_a_corner(session: type[ReferenceSession]) -> dict[str, Row]:
    one = TINY["at-zero"]
    state = one.initial_state(0)
    state["discriminator/03_residual/00_dense/bias"] = np.array([1e-8] + 8 * [1.0])
    feed = partial(inputs, one, 0)
    report = compare(one, REFERENCE, backend(session), inputs=feed, state=state, precision="float32", steps=1)
    return {row.what: row for row in report.rows}


def test_what_rounding_decides_on_is_compared_with_other_inputs() -> None:
    """It is decided otherwise there; what is wrong is wrong with all of them."""
    assert at_a_corner(Crossing)[ROW].verdict == "holds"
    always = at_a_corner(Always)[ROW]
    assert always.verdict == "differs"
    assert always.note.endswith("other from its float64")


def test_rounding_excuses_no_large_difference() -> None:
    """However many derivatives it decides on."""
    assert at_a_corner(Large)[ROW].verdict == "differs"


def test_what_follows_a_difference_is_excused_on_its_own() -> None:
    """A kink is one, though the loss, which comes later or earlier, is wrong."""

    class Both(Crossing):
        def generate(self, *given: Any, **named: Any) -> Array:
            return super().generate(*given, **named) + 1e-2

    rows = at_a_corner(Both)
    assert rows["images"].verdict == "differs"
    assert rows[ROW].verdict == "not defined"


def test_a_gradient_that_is_rounding_itself_says_nothing_of_adam() -> None:
    """Its sign decides on a step of full size, in either direction."""

    class Flipped(ReferenceSession):
        def gradients(self, inputs: StepInputs) -> State:
            found = super().gradients(inputs)
            if self._updates.dtype == np.float32:
                found[NAME][0] = 1e-9
            else:
                found[NAME][0] = -1e-10
            return found

        def step(self, inputs: StepInputs) -> Scalars:
            scalars = super().step(inputs)
            if self._updates.dtype == np.float32:
                self._state[f"{NAME}"][0] += 2e-3
            return scalars

    NAME = "generator/00_dense/bias"
    row = {row.what: row for row in compared(TINY["adam"], backend(Flipped)).rows}["weights after one step"]
    assert row.verdict == "holds"

    class Moved(Flipped):
        gradients = ReferenceSession.gradients

    row = {row.what: row for row in compared(TINY["adam"], backend(Moved)).rows}["weights after one step"]
    assert row.verdict == "differs"
    assert row.where is not None
    assert str(row.where) == f"{NAME}[0], step 1"


@both
@pytest.mark.parametrize(("name", "width"), [slow("cgan-mnist", "width"), slow("dcgan", "architecture.width")])
def test_a_narrow_recipe_holds(name: str, width: str) -> None:
    host = default_host()
    made = trial(read(name, host, known_kinds(host), overrides={width: 8}, batch_size=8), host)
    one, other = (find_backend(each, host) for each in FRAMEWORKS[:2])
    gan, feed = made.experiment.gan, made.inputs
    report = compare(gan, one, other, inputs=feed, state=made.state, precision="float32", steps=2)
    assert report.ok, report.first
