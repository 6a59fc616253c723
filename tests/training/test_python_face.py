"""What Python users meet: images handed over, recipes of typed layers, history, samples, short texts, notebooks."""

import signal
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from fakes import states_equal, use_host, work_in

import ganforge
from ganforge import spec
from ganforge.errors import DataError, GanforgeError, RunError
from ganforge.plugins import memory
from ganforge.recipes.parsing import parse
from ganforge.training.looking import look
from ganforge.training.observers import journal, notebook, progress, snapshots

LABELS = [0, 1] * 20


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return work_in(tmp_path, monkeypatch)


@pytest.fixture
def array(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Forty images, and a process that takes them."""
    use_host(monkeypatch, memory)  # type: ignore[arg-type]
    return np.random.default_rng(0).integers(0, 256, (40, 12, 10, 3), dtype=np.uint8)


SMALL = {"architecture.width": 1, "training.batch_size": 4}


# Images handed over --------------------------------------------------------------------------------------------------


def test_an_array_trains_without_a_recipe(array: Any) -> None:
    run = ganforge.train(data=array, steps=2, overrides=SMALL)
    assert (run.recipe.name, run.recipe.size, run.recipe.channels) == ("dcgan", (8, 8), 3)
    assert run.recipe.data.set == "memory"
    assert not run.recipe.conditional
    assert ganforge.load(run).sample(2).shape == (2, 8, 8, 3)
    assert Path(run) == run.folder


def test_labels_make_it_conditional(array: Any) -> None:
    run = ganforge.train(data=(array, LABELS), steps=2, overrides=SMALL)
    assert run.recipe.class_names == ("0", "1")
    assert run.data.labels is not None
    assert run.data.labels.tolist() == LABELS


def test_an_array_goes_with_any_recipe(array: Any) -> None:
    run = ganforge.train("./r.toml", data=(array, LABELS), steps=2)
    assert (run.recipe.name, run.recipe.size) == ("r", (8, 8))
    assert ganforge.build("./r.toml", data=(array, LABELS)).gan.image_shape == (8, 8, 3)


def test_a_run_of_an_array_goes_on_with_it_alone(array: Any) -> None:
    whole = ganforge.train("./r.toml", data=(array, LABELS), out="whole")
    ganforge.train("./r.toml", data=(array, LABELS), out="part", steps=5)
    with pytest.raises(DataError, match="pass the same images again"):
        ganforge.resume("part", steps=10)
    with pytest.raises(RunError, match="are not those"):
        ganforge.resume("part", steps=10, data=(array[::-1], LABELS))
    run = ganforge.resume(ganforge.resume("part", steps=8, data=(array, LABELS)), steps=10, data=(array, LABELS))
    assert states_equal(run.model.session.state(), whole.model.session.state())


@pytest.mark.parametrize("data", [5, np.zeros((3, 2)), (np.zeros((4, 8, 8), np.uint8), [1])])
def test_what_is_no_data_is_refused_before_anything_is_written(data: Any, place: Path) -> None:
    with pytest.raises(DataError):
        ganforge.train(data=data)
    assert not (place / "runs").exists()


@pytest.mark.parametrize(("side", "size"), [(200, 64), (64, 64), (50, 48), (28, 28), (9, 8), (5, 8)])
def test_the_size_fits_the_images(side: int, size: int) -> None:
    from ganforge.data.python_data import as_image_set

    found = look(as_image_set(np.zeros((4, side, side + 3), np.uint8)), "memory")
    assert found.table["image_size"] == size
    told = found.told(parse({"name": "r", "image_size": [16, 8]}))
    assert f"4 grey images, {side} pixels high and {side + 3} wide; no classes" in told
    assert "training dcgan at 16x8, without classes" in told, "at the size that is trained, not the one that fits"


# Recipes made in Python ----------------------------------------------------------------------------------------------

GENERATOR = (spec.Dense(units=16), spec.Reshape(shape=(4, 4, 1)), spec.ConvTranspose(filters=1, kernel=4, stride=2))
DISCRIMINATOR = (
    spec.Residual(layers=(spec.Conv(filters=1, kernel=3, stride=1, padding="same"),)),
    spec.Flatten(),
    spec.Dense(units=1),
)


def test_typed_layers_and_settings_make_a_recipe() -> None:
    optimizer = spec.Adam(learning_rate=0.5)
    table = {
        "name": "mine",
        "image_size": 8,
        "data": {"set": "stripes"},
        "generator": [*GENERATOR, spec.Tanh()],
        "discriminator": DISCRIMINATOR,
        "training.batch_size": 4,
        "training.generator.optimizer": optimizer,
    }
    run = ganforge.train(table, steps=2)
    assert run.recipe.training.generator.optimizer == optimizer
    assert run.model.gan.discriminator_network.layers == DISCRIMINATOR
    assert ganforge.load(run.folder).gan.generator_network.layers == (*GENERATOR, spec.Tanh())


def test_a_recipe_object_may_hold_layers() -> None:
    recipe = ganforge.Recipe(
        name="mine", image_size=8, generator=(*GENERATOR, spec.Tanh()), discriminator=DISCRIMINATOR
    )  # type: ignore[arg-type]
    built = ganforge.build(recipe, overrides={"channels": 1})
    assert built.gan.generator_network.layers == (*GENERATOR, spec.Tanh())


def test_overrides_may_be_settings() -> None:
    optimizer = spec.SGD(learning_rate=0.5)
    run = ganforge.train("./r.toml", steps=1, overrides={"training": {"generator": {"optimizer": optimizer}}})
    assert run.recipe.training.generator.optimizer == optimizer


# A run ---------------------------------------------------------------------------------------------------------------


def test_history_is_arrays_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    use_host(monkeypatch, journal)  # type: ignore[arg-type]
    run = ganforge.train("./r.toml")
    assert run.history["step"].tolist() == [2, 4, 6, 8, 10]
    assert run.history["d_loss"].tolist() == [1.5] * 5
    assert {len(column) for column in run.history.values()} == {5}
    assert ganforge.load(run.folder).history["g_loss"].tolist() == [0.25] * 5
    (run.folder / "journal.jsonl").unlink()
    assert run.history == {}
    with (run.folder / "journal.jsonl").open("w") as file:
        file.write('{"step": 1}\n{"step": 2, "d_loss": 0.5}\n')
    np.testing.assert_array_equal(run.history["d_loss"], [np.nan, 0.5])


def test_samples_are_the_grids_in_order() -> None:
    run = ganforge.train("./r.toml", overrides={"run.sample_every": 5})
    with pytest.raises(RunError, match="no sample grids"):
        run.samples()  # this host has no observers
    snapshots.ganforge_step_finished(run, 5, None)
    snapshots.ganforge_step_finished(run, 10, None)
    assert [image.mode for image in run.samples()] == ["RGB", "RGB"]


def test_texts_are_short_and_html_has_grid_and_curve(monkeypatch: pytest.MonkeyPatch) -> None:
    use_host(monkeypatch, journal, snapshots)  # type: ignore[arg-type]
    run = ganforge.train("./r.toml", overrides={"name": "n" * 5000, "run.sample_every": 5}, out="o" * 200)
    model = ganforge.load(run.folder)
    for each in (run, model, run.model):
        assert len(repr(each)) < 400
        assert "10" in repr(each)
        assert each._repr_html_().count("data:image/png;base64,") == 2
    assert ganforge.build("./r.toml")._repr_html_().count("data:image/png;base64,") == 1


def test_names_in_html_are_escaped() -> None:
    run = ganforge.train("./r.toml", overrides={"name": "<b>&"}, steps=2)
    assert "&lt;b&gt;&amp;" in run._repr_html_()
    assert "<b>&" not in run._repr_html_()


# A notebook ----------------------------------------------------------------------------------------------------------


class Handle:
    """What IPython gives for a display."""

    def __init__(self) -> None:
        self.pages: list[str] = []

    def update(self, page: str) -> None:
        self.pages.append(page)


@pytest.fixture
def handle(monkeypatch: pytest.MonkeyPatch) -> Handle:
    """IPython's modules as in a kernel, with one display."""
    made = Handle()
    package, inner = ModuleType("IPython"), ModuleType("IPython.display")
    package.get_ipython = lambda: SimpleNamespace(config={"IPKernelApp": {}})  # type: ignore[attr-defined]
    inner.HTML = str  # type: ignore[attr-defined]
    inner.display = lambda page, display_id: made  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", package)
    monkeypatch.setitem(sys.modules, "IPython.display", inner)
    monkeypatch.setattr(notebook, "PAUSE", 0.0)
    return made


def test_progress_in_a_notebook_is_one_display(handle: Handle, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    use_host(monkeypatch, notebook, progress)  # type: ignore[arg-type]
    ganforge.train("./r.toml")
    assert len(handle.pages) == 12  # the start, ten steps, the end
    assert "step <b>0 of 10</b>" in handle.pages[0].replace("\xa0", " ")
    assert "d_loss <b>1.500</b>" in handle.pages[-1]
    assert "images/s" in handle.pages[-1]
    assert "remaining" in handle.pages[-2]
    assert "<b>done</b>" in handle.pages[-1]
    assert capsys.readouterr().out == ""
    seen = len(handle.pages)
    ganforge.train("./r.toml", quiet=True)
    assert len(handle.pages) == seen


def test_an_interrupt_and_an_error_are_told(handle: Handle, monkeypatch: pytest.MonkeyPatch) -> None:
    use_host(monkeypatch, notebook)  # type: ignore[arg-type]

    def interrupt(run: Any, step: int, scalars: Any) -> None:
        if step == 3:
            signal.raise_signal(signal.SIGINT)

    def fail(run: Any, step: int, scalars: Any) -> None:
        raise GanforgeError("enough")

    run = ganforge.train("./r.toml", callbacks=[interrupt])
    assert run.interrupted
    assert "interrupted, saved up to step 4" in handle.pages[-1]
    with pytest.raises(GanforgeError, match="enough"):
        ganforge.train("./r.toml", callbacks=[fail])
    assert "failed, saved up to step 0" in handle.pages[-1]


def test_outside_of_a_notebook_nothing_is_shown(capsys: Any) -> None:
    assert not notebook.in_notebook()
    ganforge.train("./r.toml", steps=1)
    assert capsys.readouterr() == ("", "")
