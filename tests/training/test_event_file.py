"""Event files, read back by TensorBoard itself, and beside a run that is killed and goes on."""

import io
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from fakes import FakeSession, use_host, work_in
from frameworks import need
from PIL import Image

import ganforge
from ganforge.errors import RunError
from ganforge.plugins.host import default_host
from ganforge.spec.losses import LossEntry
from ganforge.training.observers import event_file, snapshots, tensorboard


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A folder as TensorBoard sees it, which is kept from importing TensorFlow."""
    monkeypatch.setitem(sys.modules, "tensorboard.compat.notf", ModuleType("notf"))
    accumulator = need("tensorboard.backend.event_processing.event_accumulator")

    def load(folder: Path) -> Any:
        everything = {kind: 0 for kind in ("scalars", "images", "histograms", "tensors", "compressedHistograms")}
        return accumulator.EventAccumulator(str(folder), size_guidance=everything).Reload()

    return load


def test_what_is_written_is_read(tmp_path: Path, read: Any) -> None:
    path = tmp_path / "events.out.tfevents.1"
    png = io.BytesIO()
    Image.new("RGB", (3, 2), "red").save(png, format="PNG")
    numbers = np.random.default_rng(0).normal(size=(40, 25))
    event_file.begin(path, 1)
    event_file.write(path, 300, [event_file.scalar("loss", -1.5), event_file.image("image", png.getvalue(), 3, 2)])
    event_file.write(path, 2**40, [event_file.histogram("z", numbers), event_file.scalar("loss", 1e-20)])
    found = read(tmp_path)
    assert [(each.step, each.value) for each in found.Scalars("loss")] == [(300, -1.5), (2**40, pytest.approx(1e-20))]
    (picture,) = found.Images("image")
    assert (picture.width, picture.height) == (3, 2)
    assert picture.encoded_image_string == png.getvalue()
    value = found.Histograms("z")[0].histogram_value
    assert (value.min, value.max, value.num) == (numbers.min(), numbers.max(), 1000)
    assert value.sum == pytest.approx(numbers.sum()) and value.sum_squares == pytest.approx((numbers**2).sum())
    assert sum(value.bucket) == 1000
    below = [(numbers <= limit).sum() for limit in value.bucket_limit]
    assert np.abs(np.cumsum(value.bucket) - below).max() <= 1  # a number may lie on an edge


def test_hyperparameters_are_read(tmp_path: Path, read: Any) -> None:
    from tensorboard.plugins.hparams import metadata

    event_file.begin(tmp_path / "events.out.tfevents.1", 1)
    given: dict[str, str | float | bool] = {"rate": 2e-4, "size": 64, "loss": "bce", "conditional": True, "ünï": "é"}
    event_file.write(tmp_path / "events.out.tfevents.1", 0, [event_file.hyperparameters(given)])
    content = read(tmp_path).SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    settings = metadata.parse_session_start_info_plugin_data(content).hparams
    assert settings["rate"].number_value == 2e-4
    assert settings["size"].number_value == 64
    assert settings["loss"].string_value == "bce"
    assert settings["conditional"].bool_value is True
    assert settings["ünï"].string_value == "é"


def test_the_checksum_is_that_of_the_standard() -> None:
    """RFC 3720, appendix B.4."""
    assert event_file._checksum(bytes(32)) == 0x8A9136AA
    assert event_file._checksum(b"\xff" * 32) == 0x62A8AB43
    assert event_file._checksum(bytes(range(32))) == 0x46DD794E


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="cannot be written"):
        event_file.begin(tmp_path / "gone" / "events.out.tfevents.1", 1)


# Beside a run --------------------------------------------------------------------------------------------------------


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With snapshots and TensorBoard alone; D says 1 of bright images and -1 of dark ones."""
    work_in(tmp_path, monkeypatch)
    host = use_host(monkeypatch)
    host.add("snapshots", lambda: snapshots)
    host.add("tensorboard", lambda: tensorboard)

    def trace(self: FakeSession, network: Any, inputs: Any, labels: Any, *, key: Any = None) -> Any:
        assert len(labels) == len(inputs) <= 16
        return {"00_conv": inputs, "01_dense": np.sign(inputs.mean(axis=(1, 2)))}

    monkeypatch.setattr(FakeSession, "trace", trace)
    return tmp_path


def test_a_run_has_all_of_it(place: Path, read: Any) -> None:
    run = ganforge.train("./r.toml", out="run", overrides={"run": {"sample_every": 5}})
    assert not run.host.failures
    found = read(run.folder)
    assert [each.step for each in found.Scalars("loss/d_loss")] == [2, 4, 6, 8, 10]
    assert {each.value for each in found.Scalars("loss/g_loss")} == {0.25}
    assert [each.step for each in found.Images("samples")] == [5, 10]
    assert found.Images("samples")[1].encoded_image_string == snapshots.path_of(run, 10).read_bytes()
    assert sorted(found.Tags()["histograms"]) == ["D(G(z))", "D(x)", "z"]
    real = found.Histograms("D(x)")[0].histogram_value
    bright = sum(int((pictures.mean(axis=(1, 2, 3)) > 127).sum()) for _, pictures in snapshots.real_images(run))
    assert (real.num, real.sum) == (30, bright - (30 - bright))
    latents = found.Histograms("z")[0].histogram_value
    assert latents.num == 30 * 3 and abs(latents.sum / latents.num) < 0.5


def test_a_resumed_run_has_no_doubled_steps(place: Path, read: Any) -> None:
    """Killed after step 10; the last checkpoint is that of step 8."""
    import shutil

    run = ganforge.train("./r.toml", out="run", overrides={"run": {"sample_every": 2}})
    shutil.rmtree(run.folder / "checkpoints" / "step-00000010")
    ganforge.resume("run", steps=14)
    assert len(list(run.folder.glob("events.out.tfevents.*"))) == 2
    found = read(run.folder)
    assert [each.step for each in found.Scalars("loss/d_loss")] == [2, 4, 6, 8, 10, 12, 14]
    assert [each.step for each in found.Images("samples")] == [2, 4, 6, 8, 10, 12, 14]
    assert [each.step for each in found.Histograms("z")] == [2, 4, 6, 8, 10, 12, 14]


def test_two_logits_are_told_as_their_difference() -> None:
    session: Any = ModuleType("session")
    session.trace = lambda network, images, labels: {"last": np.array([[1.0, 4.0]] * len(images))}
    run: Any = ModuleType("run")
    run.model = ModuleType("model")
    run.model.session = session
    run.model.gan = ModuleType("gan")
    run.model.gan.loss = default_host().find("ganforge_losses", LossEntry, "softmax", "loss")
    assert tensorboard._logits(run, np.zeros((20, 8, 8, 1)), None).ravel().tolist() == [3.0] * 20
