"""`ganforge bench`: figures of right numbers, and none of wrong ones."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from frameworks import need

import ganforge
from ganforge.backend.contract import Session, StepInputs
from ganforge.cli.main import cli
from ganforge.generation.model import Model
from ganforge.plugins.host import default_host
from ganforge.recipes.schema import Recipe
from ganforge.spec.arrays import State
from ganforge.training import benchmark
from ganforge.training.benchmark import BenchError, bench, check, on_noise
from ganforge.training.experiment import Experiment

need("torch")


def small(precision: str = "float32") -> Recipe:
    values = {"width": 2, "training.batch_size": 4, "run.precision": precision, "run.backend": "torch"}
    return ganforge.load_recipe(overrides=values)


class Spoiled:
    """A session that adds to what one of its methods gives."""

    def __init__(self, session: Session, method: str, by: float) -> None:
        self._session, self._method, self._by = session, method, by

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def step(self, inputs: StepInputs) -> Mapping[str, Any]:
        by = self._by if self._method == "step" else 0.0
        return {name: float(value) + by for name, value in self._session.step(inputs).items()}

    def gradients(self, inputs: StepInputs) -> Mapping[str, Any]:
        by = self._by if self._method == "gradients" else 0.0
        return {name: np.roll(value, 1) if by else value for name, value in self._session.gradients(inputs).items()}


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float64"])
def test_right_numbers_pass(precision: str) -> None:
    assert 0.0 < check(on_noise(small(precision), default_host())) < 1.0


@pytest.mark.slow
def test_several_discriminator_updates_do_not_turn_rounding_into_a_wrong_number() -> None:
    # The losses of this recipe differ by up to a hundred times the limit after five updates by Adam.
    recipe = ganforge.load_recipe("wgan-gp", overrides={"width": 16, "run.backend": "torch"})
    assert recipe.training.discriminator.updates == 5
    assert check(on_noise(recipe, default_host())) < 1.0


@pytest.mark.parametrize(
    ("method", "by", "named"),
    [("step", 1e-3, "_loss"), ("step", float("nan"), "of recipe 'digits'"), ("gradients", 1.0, "the gradient of")],
)
def test_wrong_numbers_abort(method: str, by: float, named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    true = benchmark.open_model

    def opened(experiment: Experiment, state: State) -> Model:
        model = true(experiment, state)
        wrong = experiment.recipe.run.precision == "float32"
        return replace(model, session=Spoiled(model.session, method, by)) if wrong else model

    monkeypatch.setattr(benchmark, "open_model", opened)
    with pytest.raises(BenchError, match=f"benchmark aborted: .*{named}"):
        bench(small(), "torch", seconds=0.0)


def test_one_unlucky_draw_is_no_wrong_number(monkeypatch: pytest.MonkeyPatch) -> None:
    true = benchmark.open_model

    def opened(experiment: Experiment, state: State) -> Model:
        model = true(experiment, state)
        unlucky = experiment.recipe.run.precision == "float32" and experiment.recipe.run.seed == 0
        return replace(model, session=Spoiled(model.session, "step", 1e-3)) if unlucky else model

    monkeypatch.setattr(benchmark, "open_model", opened)
    assert small().run.seed == 0
    assert check(on_noise(small(), default_host())) < 1.0


def test_figures_fit_together() -> None:
    found = bench(small(), "torch", seconds=0.0)
    assert (found.recipe, found.backend, found.precision, found.batch_size) == ("digits", "torch", "float32", 4)
    assert found.steps == 5
    assert found.images_per_second == pytest.approx(4 / (found.milliseconds / 1e3))
    assert found.gflop_per_second == pytest.approx(found.gflop / (found.milliseconds / 1e3))
    assert found.share == pytest.approx(found.gflop_per_second / found.product_gflop_per_second)
    assert found.peak_megabytes is not None and found.peak_megabytes > 10.0


def test_the_command() -> None:
    settings = ["--backend", "torch", "--batch-size", "4", "--set", "width=2", "--seconds", "0"]
    told = CliRunner().invoke(cli, ["bench", *settings])
    assert told.exit_code == 0
    assert "digits with torch on cpu in float32" in told.stdout
    data = json.loads(CliRunner().invoke(cli, ["bench", *settings, "--json"]).stdout)
    assert data["batch_size"] == 4
    assert data["images_per_second"] > 0.0


def test_a_precision_that_the_backend_does_not_have_is_refused() -> None:
    told = CliRunner().invoke(cli, ["bench", "--backend", "numpy", "--precision", "bfloat16"])
    assert told.exit_code == 1
    assert "backend 'numpy' has no bfloat16" in told.stderr


def test_numbers_that_diverge_while_they_are_measured_give_no_speed() -> None:
    rate = {"training": {"generator": {"optimizer": {"learning_rate": 1e30}}}}
    with pytest.raises(BenchError, match=r"_loss.* of recipe 'digits' is nan in step [2-9]; try lower rates"):
        bench(ganforge.load_recipe(small(), overrides=rate), "torch", seconds=0.0)


@pytest.mark.parametrize("seconds", ["nan", "inf"])
def test_a_time_that_is_none_is_refused(seconds: str) -> None:
    told = CliRunner().invoke(cli, ["bench", "--seconds", seconds])
    assert told.exit_code == 2
    assert f"{seconds} is no time" in told.stderr
