"""Walks through the latent space: what moves, what is held, and the ends."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from fakes import FakeSession, states_equal, work_in
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

import ganforge
from ganforge.cli.main import cli
from ganforge.errors import GanforgeError
from ganforge.generation.latent_walks import interpolate, latent_path, sheet, sweep_labels, traverse
from ganforge.generation.model import Model, latents_of
from ganforge.spec.arrays import Array, Labels
from ganforge.spec.protocol import Latent


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return work_in(tmp_path, monkeypatch)


def build(drawn: list[tuple[Array, Labels | None]] | None = None, **overrides: Any) -> Model:
    """The stand-ins' model with three latents and three classes; `drawn` gets the latents and labels drawn."""
    model = ganforge.build("./r.toml", overrides=overrides)
    session = model.session
    assert isinstance(session, FakeSession)
    generate = session.generate

    def remember(latents: Array, labels: Labels | None, *, averaged: bool = False, exact: bool = False) -> Array:
        if drawn is not None:
            drawn.append((latents.copy(), labels))
        return generate(latents, labels, averaged=averaged)

    session.generate = remember  # type: ignore[method-assign]
    return model


UNCONDITIONAL: dict[str, Any] = {"conditional": False, "channels": 1}
UNIFORM: dict[str, Any] = {"training": {"latent": {"distribution": "uniform", "low": 0.0, "high": 0.5}}}


# Traversal -----------------------------------------------------------------------------------------------------------


def test_one_element_is_swept_evenly_and_the_rest_is_held(place: Path) -> None:
    drawn: list[tuple[Array, Labels | None]] = []
    strips = traverse(build(drawn, **UNCONDITIONAL), dims=[2, 0], seeds=[3, 8], steps=5)
    assert [strip.name for strip in strips] == ["seed 3, dim 2", "seed 3, dim 0", "seed 8, dim 2", "seed 8, dim 0"]
    for (latents, labels), (seed, dim) in zip(drawn, [(3, 2), (3, 0), (8, 2), (8, 0)], strict=True):
        assert labels is None
        assert np.allclose(latents[:, dim], [-3.0, -1.5, 0.0, 1.5, 3.0])
        held = [place for place in range(3) if place != dim]
        assert (latents[:, held] == latents_of(Latent(size=3), [seed])[0, held]).all()
    assert {strip.images.shape for strip in strips} == {(5, 8, 8, 1)}


def test_a_uniform_latent_is_swept_over_its_own_range(place: Path) -> None:
    drawn: list[tuple[Array, Labels | None]] = []
    model = build(drawn, **UNIFORM)
    traverse(model, dims=[1], seeds=[0], steps=3)
    traverse(model, dims=[1], seeds=[0], steps=3, span=(-2.0, 2.0))
    assert drawn[0][0][:, 1].tolist() == [0.0, 0.25, 0.5]
    assert drawn[1][0][:, 1].tolist() == [-2.0, 0.0, 2.0]


def test_a_conditional_traversal_holds_the_label(place: Path) -> None:
    drawn: list[tuple[Array, Labels | None]] = []
    model = build(drawn)
    names = [strip.name for strip in traverse(model, dims=[0], seeds=[4, 5], labels=[2, 0], steps=2)]
    assert names == ["seed 4, dim 0 as high", "seed 5, dim 0 as high", "seed 4, dim 0 as low", "seed 5, dim 0 as low"]
    assert [labels.tolist() for _, labels in drawn if labels is not None] == [[2, 2], [2, 2], [0, 0], [0, 0]]
    assert [strip.name[-6:] for strip in traverse(model, dims=[0], seeds=[4], steps=2)] == ["middle"]  # 4 modulo 3


def test_a_value_that_a_seed_has_anyway_gives_its_image(place: Path) -> None:
    model = build()
    own = latents_of(Latent(size=3), [7])[0, 1]
    (strip,) = traverse(model, dims=[1], seeds=[7], labels=[1], steps=2, span=(own, own + 1))
    assert (strip.images[0] == model.sample(seeds=[7], labels=[1])[0]).all()
    assert (strip.images[1] != strip.images[0]).any()


def test_a_sweep_of_labels_is_what_sample_draws(place: Path) -> None:
    model = build()
    strips = sweep_labels(model, seeds=[5, 6], labels=[0, 1, 2])
    assert [strip.name for strip in strips] == ["seed 5", "seed 6"]
    assert (strips[1].images == model.sample(seeds=[6, 6, 6], labels=[0, 1, 2])).all()
    assert len({image.tobytes() for image in strips[1].images}) == 3


# Interpolation -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("latent", [{}, UNIFORM], ids=["normal", "uniform"])
@pytest.mark.parametrize("steps", [2, 3, 10])
def test_the_ends_are_the_images_of_the_seeds(latent: dict[str, Any], steps: int, place: Path) -> None:
    model = build(**latent)
    strips = interpolate(model, seeds=[3, 8, 21], labels=[1], steps=steps)
    assert [strip.name for strip in strips] == ["seed 3 to 8 as middle", "seed 8 to 21 as middle"]
    ends = model.sample(seeds=[3, 8, 21], labels=[1, 1, 1])
    for number, strip in enumerate(strips):
        assert strip.images.shape == (steps, 8, 8, 1)
        assert (strip.images[0] == ends[number]).all()
        assert (strip.images[-1] == ends[number + 1]).all()


def test_without_labels_the_label_of_the_first_seed_is_held(place: Path) -> None:
    drawn: list[tuple[Array, Labels | None]] = []
    interpolate(build(drawn), seeds=[5, 6, 7], steps=2)
    assert [labels.tolist() for _, labels in drawn if labels is not None] == [[2, 2], [2, 2]]


def test_normal_latents_go_along_the_arc_and_uniform_ones_straight(place: Path) -> None:
    drawn: list[tuple[Array, Labels | None]] = []
    interpolate(build(drawn), seeds=[1, 2], steps=3)
    interpolate(build(drawn, **UNIFORM), seeds=[1, 2], steps=3)
    (arc, _), (line, _) = drawn
    assert not np.allclose(arc[1], (arc[0] + arc[2]) / 2)
    assert np.allclose(line[1], (line[0] + line[2]) / 2)


def test_the_arc_in_the_plane() -> None:
    arc = latent_path(np.array([1.0, 0.0]), np.array([0.0, 1.0]), 4, spherical=True)
    angles = np.radians([0, 30, 60, 90])
    assert np.allclose(arc, np.stack([np.cos(angles), np.sin(angles)], axis=1))


LATENTS = st.lists(st.floats(-4, 4), min_size=3, max_size=3).map(np.array)


@example(np.array([0.0, 1.0, -1.0]), np.array([0.0, -3.0, 2.0]), 3, True)  # nearly opposite, of unlike lengths
@given(LATENTS, LATENTS, st.integers(2, 9), st.booleans())
def test_any_two_latents_are_joined(start: Array, end: Array, steps: int, spherical: bool) -> None:
    """Equal, opposite and zero ones too: both ends exact, every value finite, no step a leap."""
    latents = latent_path(start, end, steps, spherical=spherical)
    assert latents.shape == (steps, 3)
    assert (latents[0] == start).all() and (latents[-1] == end).all()
    assert np.isfinite(latents).all()
    longest = np.abs(np.diff(latents, axis=0)).max()
    assert longest <= (np.pi * max(np.linalg.norm(start), np.linalg.norm(end)) + 8) / (steps - 1)


# All of them ---------------------------------------------------------------------------------------------------------


def test_walks_change_nothing(place: Path) -> None:
    model = build()
    before = model.session.state()
    traverse(model, dims=[0], seeds=[0])
    interpolate(model, seeds=[0, 1])
    assert states_equal(model.session.state(), before)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (lambda model: traverse(model, dims=[3], seeds=[0]), "no element 3; its elements are 0 to 2"),
        (lambda model: traverse(model, dims=[0], seeds=[]), "no seed"),
        (lambda model: traverse(model, dims=[0], seeds=[0], steps=1), "2 steps or more, not 1"),
        (lambda model: traverse(model, dims=[0], seeds=[0], labels=[3]), "there is no label 3; labels are 0 to 2"),
        (lambda model: interpolate(model, seeds=[1]), "give two or more"),
        (lambda model: interpolate(model, seeds=[1, 2], steps=0), "2 steps or more"),
        (lambda model: sweep_labels(model, seeds=[1], labels=[-1]), "no label -1"),
    ],
)
def test_walks_that_cannot_be(asked: Any, said: str, place: Path) -> None:
    with pytest.raises(GanforgeError, match=said):
        asked(build())


def test_labels_of_an_unconditional_model(place: Path) -> None:
    model = build(**UNCONDITIONAL)
    for walk in (
        lambda: traverse(model, dims=[0], seeds=[0], labels=[1]),
        lambda: interpolate(model, seeds=[0, 1], labels=[1]),
        lambda: sweep_labels(model, seeds=[0], labels=[1]),
    ):
        with pytest.raises(GanforgeError, match="recipe 'r' is not conditional"):
            walk()


def test_a_sheet_has_a_row_for_each_strip(place: Path) -> None:
    strips = traverse(build(), dims=[0, 1], seeds=[3], steps=7)
    image = np.asarray(sheet(strips))
    assert image.shape[0] == 8 + 2 * 52 - 4 + 8
    tile = image[8:56:6, -8 - 48 : -8 : 6, 0]
    assert (tile == strips[0].images[-1, :, :, 0]).all()


# The commands --------------------------------------------------------------------------------------------------------


def call(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.output


def test_the_commands(place: Path) -> None:
    ganforge.train("./r.toml", out="run")
    said = call("traverse", "run", "--dim", "0-1", "--dim", "2", "--seeds", "3,8", "--span", "-2,2", "--out", "a.png")
    assert said == "a.png: 6 x 20 images, drawn after 10 steps\n"
    said = call("traverse", "run", "--seeds", "3,8", "--labels", "0-2", "--out", "b.png")
    assert said == "b.png: 2 x 3 images, drawn after 10 steps\n"
    said = call("interpolate", "run", "--seeds", "3,8,21", "--labels", "0,1", "--steps", "4", "--out", "c.png")
    assert said == "c.png: 4 x 4 images, drawn after 10 steps\n"
    call("traverse", "run", "--dim", "0")  # into the run's folder, where nothing is said of a place
    call("interpolate", "run", "--seeds", "3,8")
    for name in ("a.png", "b.png", "c.png", "run/strips.png", "run/walk.png"):
        with Image.open(name) as image:
            image.verify()
    call("traverse", "run", "--dim", "0", "--gif", "a.gif")
    assert sorted(path.name for path in place.glob("run/*.png")) == ["strips.png", "walk.png"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["traverse", "run", "--out", "a.png"], 2, "give --dim"),
        (["traverse", "run", "--dim", "0", "--out", "a.jpg"], 2, "must end in .png"),
        (["traverse", "run", "--dim", "0", "--span", "3", "--out", "a.png"], 2, "two numbers such as -3,3"),
        (["traverse", "run", "--dim", "0", "--span", "3,-3", "--out", "a.png"], 2, "upwards"),
        (["traverse", "run", "--dim", "0", "--span", "0,inf", "--out", "a.png"], 2, "finite"),
        (["traverse", "run", "--dim", "0", "--out", "a.png"], 1, "no run at run"),
        (["interpolate", "run", "--seeds", "3", "--out", "a.gif"], 2, "must end in .png"),
        (["interpolate", "run", "--seeds", "3", "--gif", "a.png"], 2, "must end in .gif"),
    ],
)
def test_bad_input(arguments: list[str], code: int, words: str, place: Path) -> None:
    assert words in " ".join(call(*arguments, code=code).split())
    assert not list(place.glob("a.*"))
