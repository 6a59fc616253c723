"""Warnings: said when they should be, not when they should not, with remedies that the recipe takes."""

import re
import shlex
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner
from fakes import FakeSession, use_host, work_in
from frameworks import need

import ganforge
from ganforge.cli.main import cli
from ganforge.plugins.host import default_host
from ganforge.recipes.laying import override, parse_assignments
from ganforge.recipes.parsing import parse
from ganforge.recipes.reading import read
from ganforge.recipes.schema import Recipe
from ganforge.recipes.tables import to_table
from ganforge.spec.gan import Gan
from ganforge.training.experiment import resolve_networks
from ganforge.training.observers import watch
from ganforge.training.observers.watch import (
    CHECKS,
    SILENCE,
    WINDOW,
    Losses,
    discriminator_wins,
    distance,
    images_alike,
    loss_of_discriminator,
)
from ganforge.training.run import Run

STREAM = np.random.default_rng(0)


# The losses ----------------------------------------------------------------------------------------------------------


def window(discriminator: float, *generator: float) -> list[Losses]:
    """Ten logged steps: one value of the discriminator's loss, the generator's going from the first to the last."""
    values = np.interp(np.arange(WINDOW), np.linspace(0, WINDOW - 1, len(generator)), generator)
    return [Losses(discriminator=discriminator, generator=float(value)) for value in values]


@pytest.mark.parametrize(
    ("seen", "wins"),
    [
        (window(0.01, 4, 8), True),
        (window(0.1, 2, 4), True),
        (window(0.01, 8, 8), False),  # does not rise
        (window(0.01, 8, 4), False),
        (window(0.4, 2, 4), False),  # a healthy DCGAN
        (window(1.38, 0.7, 0.9), False),  # nobody wins
        (window(0.01, 0.0, 0.02), False),  # a critic's loss that is near zero, and so is the generator's
        ([*window(0.01, 4, 8)[:-1], Losses(discriminator=0.7, generator=8.0)], False),  # it has just lost a step
    ],
)
def test_who_wins(seen: list[Losses], wins: bool) -> None:
    assert discriminator_wins(seen) is wins


@pytest.mark.parametrize(
    ("settings", "term", "logit", "lost"),
    [
        ({}, 0.02, 0.0, 0.04),
        ({}, 0.7, 0.0, 2 * np.log(2.0)),
        ({"targets": {"noise": 0.05}}, 0.2, 8.0, 6.7e-4),  # sure of itself, though noise on its targets costs it
        ({"targets": {"real": 0.0, "fake": 1.0}}, 0.2, -8.0, 6.7e-4),
        ({"loss": {"name": "hinge"}}, 0.2, 8.0, 0.4),
    ],
)
def test_what_a_discriminator_loses(settings: dict[str, Any], term: float, logit: float, lost: float) -> None:
    gan = resolve_networks(
        ganforge.load_recipe("dcgan", overrides={"channels": 1, "training": settings}), default_host()
    ).gan
    scalars = {"d_loss_real": term, "d_loss_fake": -term, "d_real": logit, "d_fake": -logit}
    assert loss_of_discriminator(gan, scalars) == pytest.approx(lost, rel=0.05)


# The images --------------------------------------------------------------------------------------------------------


def test_distance_is_that_of_all_pairs() -> None:
    groups = [STREAM.integers(0, 256, (count, 4, 5, 3), dtype=np.uint8) for count in (6, 6)]
    pairs = [
        np.mean((one.astype(float) - other.astype(float)) ** 2)
        for group in groups
        for one, other in combinations(group, 2)
    ]
    assert distance(groups) == pytest.approx(np.sqrt(np.mean(pairs)))


def test_distance_is_within_a_class() -> None:
    """Ten classes of one image each are as alike as one."""
    classes = [np.full((4, 8, 8, 1), level, np.uint8) for level in range(0, 250, 25)]
    assert distance(classes) == 0
    assert distance([np.concatenate(classes)]) > 50


@pytest.mark.parametrize(
    ("shares", "alike"),
    [
        ([0.05, 0.05, 0.05], True),
        ([0.8, 0.1, 0.1], False),  # not yet three times
        ([0.15, 0.1, 0.1], True),
        ([0.02, 0.04, 0.08], False),  # a generator that has just begun
        ([0.22, 0.3, 0.22], True),  # one pattern with noise over it
        ([0.9, 1.0, 1.1], False),
    ],
)
def test_what_is_alike(shares: list[float], alike: bool) -> None:
    assert len(shares) == CHECKS
    assert images_alike(shares) is alike


# Beside a run --------------------------------------------------------------------------------------------------------


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, warned: list[str]) -> Run:
    """Of the stand-ins, done; a grid every step."""
    work_in(tmp_path, monkeypatch)
    use_host(monkeypatch).warn = warned.append
    made = ganforge.train("./r.toml", out="run", overrides={"run": {"steps": 1, "sample_every": 1}})
    made.quiet = False
    return made


@pytest.fixture
def warned() -> list[str]:
    return []


LOST = {"d_loss": 0.02, "d_loss_real": 0.01, "d_loss_fake": -0.01, "d_real": 5.0, "d_fake": -5.0}


def tell(plugin: watch._Watch, run: Run, steps: range, **scalars: float) -> None:
    for step in steps:
        run.step = step
        plugin.ganforge_step_finished(run, step, {**LOST, "g_loss": float(step), **scalars})


def use(run: Run, recipe: Recipe) -> Gan:
    """Let the run be one of another recipe; its networks."""
    complete = read(recipe, run.host, overrides={"channels": recipe.channels or 1})
    if complete.conditional and not complete.class_names:
        complete = msgspec.structs.replace(complete, class_names=run.recipe.class_names)
    gan = resolve_networks(complete, run.host).gan
    run.experiment = replace(run.experiment, recipe=complete, gan=gan)
    run.model = replace(run.model, recipe=complete, gan=gan)
    return gan


def about(words: str, warned: list[str]) -> list[str]:
    return [re.findall(r"step [\d,]+", line)[0] for line in warned if words in line]


def test_a_winning_discriminator_is_told_at_once_and_seldom_again(run: Run, warned: list[str]) -> None:
    use(run, ganforge.load_recipe("./r.toml", overrides={"run.sample_every": 1000}))
    plugin = watch._Watch()
    plugin.ganforge_run_started(run)
    tell(plugin, run, range(10, 10 + WINDOW - 1))
    assert not warned
    tell(plugin, run, range(10 + WINDOW - 1, 10 + WINDOW + SILENCE - 1))
    assert about("discriminator wins: its loss is 0.02, the generator's has risen to 19", warned) == ["step 19"]
    plugin.ganforge_run_started(run)
    tell(plugin, run, range(1, WINDOW))
    assert len(warned) == 1  # another run begins anew


def test_a_quiet_run_is_told_nothing(run: Run, warned: list[str]) -> None:
    run.quiet = True
    tell(watch._Watch(), run, range(10, 100))
    assert not warned


def test_images_that_become_alike_are_told(run: Run, warned: list[str]) -> None:
    session = run.model.session
    assert isinstance(session, FakeSession)
    plugin = watch._Watch()
    tell(plugin, run, range(1, 10), d_loss_real=0.7)
    assert not about("alike", warned)
    session.generate = lambda latents, labels, **more: np.zeros((len(latents), 8, 8, 1))  # type: ignore[method-assign]
    tell(plugin, run, range(10, 10 + SILENCE), d_loss_real=0.7)
    assert about("nearly alike: 0% of the distance", warned) == [f"step {9 + CHECKS}"]


@pytest.mark.parametrize(("logit", "advised"), [(0.0, True), (5.0, False)])
def test_a_discriminator_that_wins_is_not_to_be_fed(
    logit: float, advised: bool, run: Run, warned: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "images_alike", lambda shares: True)
    plugin = watch._Watch()
    plugin.silence["losses"] = 10**6
    tell(plugin, run, range(1, WINDOW + SILENCE + CHECKS), d_loss_real=0.7, d_real=logit, d_fake=-logit)
    last = [line for line in warned if "alike" in line][-1]
    assert ("training.discriminator.updates" in last) is advised


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["dcgan", "faces", "frogs", "celeba", "anime", "carpedm20", "cgan-mnist"])
def test_every_remedy_is_one_that_the_recipe_takes(recipe: str, run: Run) -> None:
    """And changes the training."""
    given = ganforge.load_recipe(recipe, overrides={"channels": 3})
    names = [str(number) for number in range(10)] if given.conditional else []
    gan = use(run, parse(to_table(given) | {"class_names": names}))
    for remedies in (watch.for_a_winning_discriminator(gan), watch.for_alike_images(gan)):
        offered = watch.fitting(run, remedies)
        assert len(offered) >= 3
        for assignments in offered:
            table = to_table(run.recipe)
            for assignment in assignments:
                table = override(table, parse_assignments([assignment]))
            assert resolve_networks(parse(table), run.host).gan != gan
    dropout = [each for (each, *_) in watch.fitting(run, watch.for_a_winning_discriminator(gan)) if "dropout" in each]
    expected = {
        "dcgan": ["architecture.dropout=0.4"],
        "frogs": ["layers.dropout.rate=0.5"],
        "anime": ["layers.dropout.rate=0.5"],
    }
    assert dropout == expected.get(recipe, [])


def test_remedies_without_effect_are_not_offered(run: Run) -> None:
    """Hinge has no targets, and one penalty is enough."""
    table = to_table(run.recipe)
    table["training"] |= {"loss": {"name": "hinge"}, "penalty": {"name": "r1", "weight": 2.0}}
    table["training"]["targets"] = {}
    offered = watch.fitting(run, watch.for_alike_images(use(run, parse(table))))
    assert [each.split("=")[0] for (each, *_) in offered] == [
        "training.generator.optimizer.learning_rate",
        "training.discriminator.updates",
    ]


def test_a_discriminator_that_truly_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tiny DCGAN whose generator hardly learns: its images stay grey, and one sees both warnings.

    The line of the first is then run as it is written.
    """
    need("torch")
    monkeypatch.chdir(tmp_path)
    tiny = ["--set", "image_size=8", "--set", "architecture.width=4", "--set", "training.latent.size=4"]
    rates = ["discriminator.optimizer.learning_rate=2e-2", "generator.optimizer.learning_rate=1e-9"]
    lost = [word for rate in rates for word in ("--set", f"training.{rate}")]
    often = ["--steps", "100", "--set", "run.log_every=2", "--sample-every", "10", "--batch-size", "16"]
    arguments = ["train", "--recipe", "dcgan", "--dataset", "digits", "--backend", "torch", *tiny, *lost, *often]
    answer = CliRunner().invoke(cli, [*arguments, "--out", "lost"], catch_exceptions=False)
    assert len(re.findall("the discriminator wins", answer.stderr)) == 1
    assert len(re.findall(r"nearly alike: \d%", answer.stderr)) == 1

    command, first = re.findall(r"^ganforge (.*) with one of\n    (.*)$", answer.stderr, flags=re.MULTILINE)[0]
    again = CliRunner().invoke(cli, [*shlex.split(command), *shlex.split(first), "--steps", "2", "--out", "again"])
    assert again.exit_code == 0, again.output
    assert "learning_rate = 0.01" in (tmp_path / "again" / "recipe.toml").read_text()
