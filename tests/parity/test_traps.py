"""Every known trap is caught by the parity check, and named by its diagnosis."""

import re
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import pytest
from frameworks import need

need("autograd")
from ganforge.parity.comparison import compare
from ganforge.testing import REFERENCE
from ganforge.testing.diagnosis import Bench, diagnose
from ganforge.testing.tiny_gans import TINY, inputs
from ganforge.testing.traps import TRAPS, trapped
from ganforge.testing.traps.augmenting import AUGMENTATION_TRAPS

# The tiny GAN on which a trap shows.
PLACES = {
    "variance-by-squares": "far-mean",
    "alpha-1": "vectors",
    "dense-kernel-transposed": "vectors",
    "dropout-unscaled": "vectors",
    "dropout-scale-exchanged": "dropouts-scaled-at-inference",
    "dropout-one-key": "vectors",
    "dropout-channels-first": "dropouts",
    "label-first": "labels",
    "rmsprop-epsilon-exchanged": "rmsprop",
    "adam-epsilon-corrected": "adam-epsilon-hat",
    "clip-by-norm": "rmsprop",
    "clip-forgotten": "rmsprop",
    "momentum-includes-rate": "momentum",
    "probabilities-clipped": "large-logits",
    "source-logit-last": "auxiliary-classifier",
    "softplus-threshold": "large-logits",
    "moved-by-penalty": "hinge-r1",
    "penalty-by-running-values": "hinge-r1",
    "penalty-scaled": "hinge-r1",
    "loss-unscaled": "hinge-r1",
    "moved-in-own-updates-alone": "every-pass-moves",
    "last-batch-padded": "last-batch",
    "average-swapped": "shared-average",
    "running-values-averaged": "shared-average",
}
PLACES |= {
    "clip-norm-of-each-array": "clip-norm",
    "clip-norm-epsilon": "clip-norm",
    "accumulated-sum": "accumulated",
    "weight-decay-in-gradient": "weight-decay",
    "weight-decay-without-rate": "weight-decay",
    "lazy-penalty-unscaled": "lazy-penalty",
    "pool-counts-padding": "pooling",
    "corners-aligned": "pooling",
    "sigma-constant": "spectral-norm",
    "spectral-rows-exchanged": "spectral-norm",
    "u-moved-by-looking": "spectral-norm",
    "layer-norm-by-pixel": "example-norms",
    "gelu-by-tanh": "example-norms",
}
PLACES |= dict.fromkeys((each.name for each in AUGMENTATION_TRAPS), "augmented")
PLACES |= dict.fromkeys(("consistency-one-sided", "moved-by-consistency"), "consistent")
PLACES |= dict.fromkeys(("lecam-own-anchors", "lecam-one-sided", "lecam-fractions-exchanged"), "anchored")
PLACES |= dict.fromkeys(("adaptive-by-batch", "adaptive-by-mean-logit"), "augmented-adaptive")
ANYWHERE = "kernel-5-even"


@cache
def bench(name):
    gan = TINY[name]
    return Bench(gan=gan, inputs=partial(inputs, gan, 0), state=gan.initial_state(0), precision="float64")


@pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: trap.name)
def test_a_trap_is_caught(trap):
    place = bench(PLACES.get(trap.name, ANYWHERE))
    report = compare(place.gan, REFERENCE, trapped(trap), inputs=place.inputs, state=place.state, steps=1)
    assert not report.ok
    assert report.mismatch is not None


@pytest.mark.slow
@pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: trap.name)
def test_a_trap_is_named(trap):
    found = bench(PLACES.get(trap.name, ANYWHERE)).diagnose(trapped(trap))
    assert [each.name for each in found.traps] == [trap.name]


@pytest.mark.slow
def test_a_generator_s_update_that_moves_the_discriminator_s_u_is_caught():
    place, (trap,) = bench("spectral-norm"), (each for each in TRAPS if each.name == "discriminator-moved-by-generator")
    assert [each.name for each in place.diagnose(trapped(trap)).traps] == [trap.name]


UNSEEN_IN_FLOAT32 = frozenset(
    {
        "adam-powers-float32",
        "clip-norm-epsilon",
        "pixels-float32",
        "scale-float32",
        "slope-float32",
        "softplus-threshold",
    }
)
"""Those that change no number by more than the rounding of float32 does."""


@pytest.mark.slow
@pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: trap.name)
def test_float32_catches_a_trap_that_changes_more_than_rounding(trap):
    place = bench(PLACES.get(trap.name, ANYWHERE))
    settings = {"inputs": place.inputs, "state": place.state, "precision": "float32", "steps": 1}
    report = compare(place.gan, REFERENCE, trapped(trap), **settings)
    assert report.ok == (trap.name in UNSEEN_IN_FLOAT32), report.first


def test_the_documentation_lists_what_float32_cannot_see():
    text = (Path(__file__).parents[2] / "docs" / "parity.md").read_text(encoding="utf-8")
    (listed,) = re.findall(r"Of the traps below, float32 cannot detect (.*?):", text, flags=re.DOTALL)
    assert set(re.findall(r"`([^`]+)`", listed)) == UNSEEN_IN_FLOAT32


def test_names_are_unique_and_places_are_of_traps():
    names = [trap.name for trap in TRAPS]
    assert len(set(names)) == len(names)
    assert set(PLACES) <= set(names)


@pytest.mark.parametrize("name", TINY)
def test_the_right_form_is_no_trap(name):
    gan = TINY[name]
    found = diagnose(gan, (REFERENCE,), inputs=partial(inputs, gan, 0), state=gan.initial_state(0))
    assert found[0].agrees
    assert found[0].traps == ()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["products-short", "padding-shifted", "epsilon-1e-3", "adam-epsilon-hat"])
def test_traps_are_named_in_float32_too(name):
    gan = TINY[ANYWHERE]
    trap = next(each for each in TRAPS if each.name == name)
    place = Bench(gan=gan, inputs=partial(inputs, gan, 0), state=gan.initial_state(0), precision="float32")
    assert trap in place.diagnose(trapped(trap)).traps


def test_two_traps_at_once_are_named_as_far_as_the_first_goes():
    by_name = {trap.name: trap for trap in TRAPS}
    first = by_name["slope-0.3"]
    both = replace(first, name="both", semantics=replace(first.semantics, alternating=False))
    found = bench(ANYWHERE).diagnose(trapped(both))
    assert found.traps == ()
    assert [trap.name for trap in found.partly] == ["slope-0.3"]
    assert found.first == "generator layers in training: generator/06_leaky_relu"


def test_the_diagnosis_says_who_is_wrong():
    gan = TINY["vectors"]
    wrong = trapped(next(trap for trap in TRAPS if trap.name == "alpha-1"))
    right, found = diagnose(gan, (REFERENCE, wrong), inputs=partial(inputs, gan, 0), state=gan.initial_state(0))
    assert (right.backend, right.agrees, right.first) == ("numpy", True, "")
    assert (found.backend, found.agrees) == ("alpha-1", False)
    assert found.first == "discriminator layers in training: discriminator/04_elu"


def test_the_table_of_the_documentation_has_every_trap_in_its_row():
    text = (Path(__file__).parents[2] / "docs" / "parity.md").read_text(encoding="utf-8")
    lines = [line.split("|") for line in text.splitlines()]
    rows = {int(cells[1]): cells[5] for cells in lines if len(cells) == 7 and cells[1].strip().isdigit()}
    written = {name: number for number, names in rows.items() for name in re.findall(r"`([^`]+)`", names)}
    assert written == {trap.name: trap.number for trap in TRAPS}
