"""The parity check itself: what it measures, where it points, what it says of what it cannot know."""

import json
import subprocess
import sys
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from frameworks import need

need("autograd")
from ganforge.backend.observations import TOLERANCES, Seen, difference, free_run
from ganforge.parity import Location, Row, compare
from ganforge.testing import REFERENCE
from ganforge.testing.reference import ReferenceSession
from ganforge.testing.semantics import Semantics
from ganforge.testing.tiny_gans import TINY, inputs
from ganforge.testing.traps import TRAPS, trapped


def compared(name, other=REFERENCE, **settings):
    gan = TINY[name]
    return compare(gan, REFERENCE, other, inputs=partial(inputs, gan, 0), state=gan.initial_state(0), **settings)


def backend(session):
    """A backend with a session of its own."""
    return replace(
        REFERENCE, name="other", open=lambda gan, state, precision, device: session(gan, state, precision, Semantics())
    )


def seen(value, floor=1.0):
    return Seen("row", "name", 0, np.array(value), floor, 0.0)


@pytest.mark.parametrize(
    ("x", "y", "floor", "expected", "index"),
    [
        ([1.0, 4.0], [1.0, 3.0], 1.0, 0.25, (1,)),
        ([0.1, 0.2], [0.1, 0.1], 1.0, 0.1, (1,)),
        ([1e-9, 0.0], [0.0, 0.0], 1e-300, 1.0, (0,)),
        ([0.0], [0.0], 1e-300, 0.0, (0,)),
        ([1.0], [[1.0]], 1.0, np.inf, ()),
        ([np.nan], [np.nan], 1.0, np.inf, ()),
        ([1.0], [np.inf], 1.0, np.inf, ()),
        ([], [], 1.0, 0.0, ()),
    ],
)
def test_differences_are_relative_to_the_largest_number(x, y, floor, expected, index):
    found, where = difference(seen(x, floor), seen(y))
    assert found == pytest.approx(expected, rel=1e-12)
    assert where == index


def test_a_report_has_the_rows_of_the_contract():
    report = compared("shared-average", steps=4, lock_step=3)
    assert report.ok
    assert report.first is report.mismatch is None
    assert [row.what for row in report.rows] == [
        "generator layers in training",
        "generator layers by running values",
        "discriminator layers in training",
        "discriminator layers by running values",
        "images",
        "gradients of the discriminator",
        "gradients of the generator",
        "weights after one step",
        "running values after one step",
        "moments after one step",
        "averaged weights after one step",
        "losses of one step",
        "images after one step",
        "free run, 4 steps",
        "2 steps in numpy, 2 more in numpy",
        "2 steps in numpy, 2 more in numpy",
        "lock-step, 3 steps",
        "state numpy -> numpy -> numpy",
    ]
    assert all(row.difference == 0.0 and row.verdict == "holds" and row.where for row in report.rows)


def test_the_first_difference_is_named_with_its_arrays():
    slope = trapped(next(trap for trap in TRAPS if trap.name == "slope-0.3"))
    report = compared("vectors", slope, steps=2)
    row = report.first
    assert row.what == "discriminator layers in training"
    assert row.where.array == "discriminator/02_leaky_relu"
    a, b = report.mismatch.a, report.mismatch.b
    apart = np.abs(a - b)
    assert apart[row.where.index] == apart.max() > 0
    assert (report.rows[0].verdict, report.rows[2].verdict) == ("holds", "differs")
    assert not any(row.verdict == "not defined" for row in report.rows)


def test_the_step_of_the_first_difference_is_named():
    class Late(ReferenceSession):
        done = 0

        def step(self, inputs):
            self.done += 1
            scalars = super().step(inputs)
            if self.done == 5:  # one in the first part; the fourth of the free run
                self._state["generator/00_dense/bias"][3] += 1e-6
            return scalars

    report = compared("adam", backend(Late), steps=6)
    assert report.first.what == "free run, 6 steps"
    assert str(report.first.where) == "generator/00_dense/bias[3], step 4"


def test_a_state_that_comes_back_changed_is_caught():
    class Rounding(ReferenceSession):
        def state(self):
            return {name: each.astype(np.float32).astype(each.dtype) for name, each in super().state().items()}

    report = compared("adam", backend(Rounding), steps=1)
    assert report.rows[-1].what == "state numpy -> other -> numpy"
    assert report.rows[-1].verdict == "differs"


def test_what_is_missing_or_not_finite_differs():
    class Blind(ReferenceSession):
        def trace(self, *arguments, **named):
            return dict(list(super().trace(*arguments, **named).items())[1:])

    report = compared("adam", backend(Blind), steps=1)
    assert report.first.where.array == "generator/00_dense"
    assert report.first.difference == np.inf
    assert report.as_data()["rows"][0]["difference"] is None


def test_float32_is_not_held_to_what_it_cannot_keep():
    report = compared("adam", precision="float32", steps=9, lock_step=2)
    free = [row for row in report.rows if row.what.startswith("free run")]
    assert [(row.what, row.verdict) for row in free] == [
        ("free run, 5 steps", "holds"),
        ("free run, 9 steps", "not defined"),
    ]
    assert "beyond 5 steps" in free[1].note
    assert report.ok
    assert not any("more in" in row.what for row in report.rows)


def test_tolerances_of_the_contract():
    assert free_run("float64", 200) == (500, 1e-11)
    assert free_run("float64", 500) == (500, 1e-7)
    assert free_run("float32", 1) == (5, 1e-5)
    assert TOLERANCES["float64"].outputs == 1e-13
    assert TOLERANCES["float32"].gradients == 2e-5


def test_a_report_is_json():
    report = compared("momentum", steps=2)
    data = json.loads(json.dumps(report.as_data(), allow_nan=False))
    assert data["backends"] == ["numpy", "numpy"]
    assert data["ok"] is True
    assert data["rows"][0].keys() == {
        "what",
        "difference",
        "tolerance",
        "verdict",
        "array",
        "step",
        "index",
        "note",
    }


def test_places_and_verdicts():
    assert str(Location(array="generator/00_dense", step=0, index=(1, 2))) == "generator/00_dense[1, 2]"
    assert Row(what="x", difference=1.0, tolerance=None).verdict == "not defined"
    assert Row(what="x", difference=1.0, tolerance=1.0).verdict == "holds"
    assert Row(what="x", difference=np.inf, tolerance=1.0).verdict == "differs"


def test_importing_parity_imports_no_testing():
    code = (
        "import sys, ganforge.parity; print([m for m in sys.modules if m.startswith(('ganforge.testing', 'autograd'))])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


class Perturbed(ReferenceSession):
    """Right but for rounding, which decides about a ReLU; and then very wrong in what depends on its derivative."""

    nudge = 0.0

    def trace(self, *given, **named):
        return {name: each + self.nudge for name, each in super().trace(*given, **named).items()}

    def gradients(self, inputs):
        return {name: each * 1.01 for name, each in super().gradients(inputs).items()}

    def step(self, inputs):
        scalars = super().step(inputs)
        self._state["generator/00_dense/kernel"] = self._state["generator/00_dense/kernel"] * 1.01
        return scalars


def near_zero():
    """A GAN in which one input of a ReLU is 1e-14."""
    gan = TINY["at-zero"]
    state = gan.initial_state(0)
    state["discriminator/03_residual/00_dense/bias"] = np.full(9, 1e-14)
    return gan, state


def test_what_rounding_decides_is_not_called_a_difference():
    class Rounding(Perturbed):
        nudge = 1e-14

    gan, state = near_zero()
    feed = partial(inputs, gan, 0)
    report = compare(gan, REFERENCE, backend(Rounding), inputs=feed, state=state, steps=1, lock_step=1)
    rows = {row.what: row for row in report.rows}
    assert rows["discriminator layers in training"].verdict == "holds"
    for what in ("gradients of the generator", "weights after one step", "free run, 1 step", "lock-step, 1 step"):
        assert rows[what].verdict == "not defined", what
        assert "rounding decides" in rows[what].note
    assert report.ok


def test_what_rounding_does_not_decide_is():
    gan, state = near_zero()
    report = compare(gan, REFERENCE, backend(Perturbed), inputs=partial(inputs, gan, 0), state=state, steps=1)
    rows = {row.what: row for row in report.rows}
    assert rows["gradients of the generator"].verdict == "differs"
    assert rows["weights after one step"].verdict == "differs"
    assert rows["free run, 1 step"].verdict == "differs"
