"""Runs logged to MLflow's file store, read back by MLflow itself."""

import sys
from pathlib import Path
from typing import Any

import ganforge_mlflow
import pytest
from frameworks import need

import ganforge
from ganforge.plugins.host import Host

SETTINGS = {"run.sample_every": 5, "run.log_every": 2}


@pytest.fixture
def host(drawing: Host) -> Host:
    drawing.add("mlflow", lambda: ganforge_mlflow)
    return drawing


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """MLflow's client of a store in files."""
    mlflow = need("mlflow")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "mlruns").as_uri())
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    return mlflow.MlflowClient((tmp_path / "mlruns").as_uri())


def logged(store: Any) -> Any:
    experiment = store.get_experiment_by_name("ganforge")
    (run,) = store.search_runs([experiment.experiment_id])
    return run


def test_a_run_and_its_resumption_are_one_run_of_mlflow(host: Host, store: Any) -> None:
    run = ganforge.train("./r.toml", out="run", overrides=SETTINGS)
    assert not host.failures
    found = logged(store)
    assert (found.info.run_name, found.info.status) == ("run", "FINISHED")
    assert found.data.params["training.batch_size"] == str(run.recipe.training.batch_size)
    history = store.get_metric_history(found.info.run_id, "d_loss")
    assert [(each.step, each.value) for each in history] == [(step, 1.5) for step in (2, 4, 6, 8, 10)]
    assert {each.path for each in store.list_artifacts(found.info.run_id)} == {"recipe.toml", "samples"}
    grids = {each.path for each in store.list_artifacts(found.info.run_id, "samples")}
    assert grids == {"samples/step-00000005.png", "samples/step-00000010.png"}

    ganforge.resume("run", steps=14)
    history = store.get_metric_history(logged(store).info.run_id, "d_loss")
    assert [each.step for each in history] == [2, 4, 6, 8, 10, 12, 14]


def test_measures_and_failures_are_logged(host: Host, store: Any) -> None:
    class Stop:
        def step_finished(self, run: Any, step: int, scalars: Any) -> None:
            host.event("ganforge_step_measured", run=run, step=step, measures={"kid": 0.5}, by="all")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ganforge.train("./r.toml", out="run", callbacks=[Stop()])
    found = logged(store)
    assert (found.info.status, found.data.metrics["kid"]) == ("FAILED", 0.5)


def test_nothing_is_logged_unless_asked_for(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    ganforge.train("./r.toml", out="run")
    assert not host.failures
    assert not (tmp_path / "run" / ganforge_mlflow.RUN_ID).exists() and not (tmp_path / "mlruns").exists()


def test_without_mlflow_the_run_goes_on(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "file:mlruns")
    monkeypatch.setitem(sys.modules, "mlflow", None)
    assert ganforge.train("./r.toml", out="run").step == 10
    (failure,) = host.failures
    assert "MLFLOW_TRACKING_URI is set, but" in failure.reason
    assert "pip install 'ganforge[mlflow]'" in failure.reason
