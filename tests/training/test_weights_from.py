"""Beginning with another run's weights: what fits is taken to the last bit, the rest is new, and both are told."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import tomli_w
from click.testing import CliRunner
from frameworks import need, same_bits

import ganforge
from ganforge.cli.main import cli
from ganforge.data import as_image_set
from ganforge.errors import RunError
from ganforge.plugins.host import default_host
from ganforge.recipes import read
from ganforge.spec.arrays import State
from ganforge.training.experiment import Experiment, resolve
from ganforge.training.run import Run
from ganforge.training.weights_from import EarlierModel, begin_with, read_earlier

SMALL: dict[str, Any] = {"width": 2, "training.batch_size": 8}
OTHER: dict[str, Any] = {
    "extends": "digits",
    "generator": [{"kind": "join_label"}, {"kind": "dense", "units": 64}, {"kind": "reshape", "shape": [8, 8, 1]}],
    "discriminator": [{"kind": "join_label"}, {"kind": "flatten"}, {"kind": "dense", "units": 1}],
}
"""With no array of the shape that one of `digits` has."""
ARRAYS = ("kernel", "u", "sigma")
"""Of a convolution with spectral norm; its bias does not depend on what it reads."""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    need("torch")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def train(out: str, **settings: Any) -> Run:
    overrides = SMALL | settings.pop("overrides", {})
    return ganforge.train(backend="torch", out=out, steps=2, overrides=overrides, quiet=True, **settings)


class First:
    """Keeps the state before the first step."""

    state: State

    def run_started(self, run: Any) -> None:
        self.state = run.model.session.state()


def networks(state: State) -> State:
    return {name: each for name, each in state.items() if not name.startswith("optimizer/")}


def provenance(folder: str) -> Any:
    return json.loads((Path(folder) / "provenance.jsonl").read_text().splitlines()[0])["weights_from"]


def resolved(recipe: str, *, conditional: bool) -> Experiment:
    settings = SMALL | {"image_size": 32, "conditional": conditional}
    host, images = default_host(), as_image_set(three_classes())
    return resolve(read(recipe, host, overrides=settings), host, image_set=images)


def three_classes() -> tuple[np.ndarray, np.ndarray]:
    images = np.random.default_rng(0).integers(0, 256, (24, 8, 8), dtype=np.uint8)
    return images, np.arange(24) % 3


@pytest.fixture
def earlier(here: Path) -> Run:
    return train("earlier")


@pytest.mark.parametrize("saved", [False, True], ids=["run", "file"])
def test_a_run_begins_with_the_weights_of_another_to_the_bit(earlier: Run, saved: bool) -> None:
    source = earlier.model.save("model.safetensors") if saved else earlier.folder
    first = First()
    run = train("later", weights_from=source, callbacks=[first], overrides={"training.generator.updates": 2})
    assert same_bits(networks(first.state), networks(earlier.model.session.state()))
    assert not any(each.any() for name, each in first.state.items() if name.startswith("optimizer/"))
    assert (run.start, run.recipe.name, run.recipe.training.generator.updates) == (0, "digits", 2)
    noted = provenance("later")
    assert (noted["path"], noted["step"]) == (str(Path(source).absolute()), 2)
    assert (noted["new"], noted["unused"]) == ([], [])


def test_of_other_classes_what_reads_them_is_new(earlier: Run) -> None:
    first = First()
    train("later", weights_from="earlier", callbacks=[first], data=three_classes())
    noted, old = provenance("later"), earlier.model.session.state()
    # The label is beside the latent, the pixels and the features.
    read = ["generator/01_dense/kernel", "discriminator/01_conv/kernel", "discriminator/05_dense/kernel"]
    assert sorted(noted["new"]) == sorted([*read, "averaged/01_dense/kernel"])
    assert len(noted["taken"]) == len(networks(old)) - 4
    taken = {name: old[name] for name in noted["taken"]}
    assert same_bits({name: first.state[name] for name in taken}, taken)
    assert all(first.state[name].shape != old[name].shape for name in noted["new"])


def test_an_average_that_is_new_begins_as_the_generator(earlier: Run) -> None:
    plain = train("plain", overrides={"training": {"average": None}})
    begun = begin_with(read_earlier(plain.folder, default_host()), earlier.experiment)
    averaged = [name for name in begun.state if name.startswith("averaged/")]
    assert averaged
    assert set(averaged) == set(begun.new)
    weights = plain.model.session.state()
    for name in averaged:
        np.testing.assert_array_equal(begun.state[name], weights[f"generator/{name.removeprefix('averaged/')}"])


@pytest.mark.parametrize(
    "average", [{"decay": 0.999, "warmup": True}, {"half_life": 10000.0, "ramp_up": 0.05}], ids=["warm-up", "ramp-up"]
)
def test_an_average_goes_on_from_the_weights_that_it_begins_with(average: dict[str, Any], here: Path) -> None:
    """And a resumed run too."""
    settings = {"training": {"average": average}, "training.generator.optimizer.learning_rate": 0.1}
    before = train("old", overrides=settings)
    old = before.model.session.state()
    run = train("new", weights_from="old", overrides=settings)
    kept, given = run.recipe.training.average, before.recipe.training.average
    assert kept is not None
    assert given is not None
    assert given.warmup or given.ramp_up
    assert kept == msgspec.structs.replace(given, warmup=False, ramp_up=None)
    state = run.model.session.state()
    for name in old:
        if name.startswith("averaged/"):
            moved = np.abs(state[name] - old[name]).max()
            assert moved <= 0.01 * np.abs(state[name.replace("averaged/", "generator/")] - old[name]).max() + 1e-6
    assert ganforge.resume("new", steps=3, quiet=True).recipe.training.average == kept


def test_an_average_of_which_a_part_is_new_warms_up(earlier: Run) -> None:
    run = train("later", weights_from="earlier", data=three_classes())
    assert run.recipe.training.average == earlier.recipe.training.average
    assert run.recipe.training.average.warmup


def test_nothing_in_common_is_an_error_before_anything_is_written(earlier: Run) -> None:
    with pytest.raises(RunError, match=r"earlier has no array .* fit these networks; generator/01_dense/.* there \("):
        train("later", recipe=OTHER, weights_from="earlier")
    assert not Path("later").exists()


def test_networks_without_a_kind_in_common_are_told_by_their_first(here: Path) -> None:
    images, _ = three_classes()
    train("plain", recipe="sngan", data=images, overrides={"image_size": [8, 8]})
    strange = {
        "data": {"set": "folder"},
        "generator": [
            {"kind": "reshape", "shape": [1, 1, 100]},
            {
                "kind": "residual",
                "layers": [{"kind": "conv_transpose", "filters": 1, "kernel": 8, "stride": 8, "size": "1/1"}],
                "shortcut": [{"kind": "conv", "filters": 1, "kernel": 1}, {"kind": "upsample", "factor": 8}],
            },
        ],
        "discriminator": [
            {
                "kind": "residual",
                "layers": [{"kind": "global_pool", "of": "mean"}, {"kind": "dense", "units": "logits"}],
                "shortcut": [{"kind": "global_pool", "of": "sum"}],
            }
        ],
    }
    said = "it has generator/00_dense/bias and so on, these generator/01_residual/00_conv_transpose/bias"
    with pytest.raises(RunError, match=said):
        ganforge.train(
            strange,
            backend="torch",
            data=images,
            weights_from="plain",
            steps=2,
            out="later",
            overrides={"image_size": 8, "training.batch_size": 8},
        )
    assert not Path("later").exists()


@pytest.mark.parametrize(
    ("recipe", "first"), [("sngan", ["conv"]), ("sngan-resnet", ["residual/conv", "residual/shortcut/conv"])]
)
@pytest.mark.parametrize("conditional", [False, True], ids=["to none", "to classes"])
def test_with_classes_and_without_all_is_taken_but_what_reads_the_label(
    recipe: str, first: list[str], conditional: bool, here: Path
) -> None:
    """`join_label` in front shifts the numbers in the names of all layers."""
    before, now = resolved(recipe, conditional=not conditional), resolved(recipe, conditional=conditional)
    state = before.gan.initial_state(5)
    begun = begin_with(EarlierModel(path=here, step=3, recipe=before.recipe, state=state), now)
    own = {re.sub(r"\d+_", "", name) for name in begun.new}
    assert own - {"averaged/dense/kernel"} == {
        "generator/dense/kernel",
        *(f"discriminator/{layer}/{array}" for layer in first for array in ARRAYS),
    }
    for name, there in begun.taken.items():
        assert begun.state[name] is state[there]
        assert re.sub(r"\d+_", "", name) == re.sub(r"\d+_", "", there)
    assert begun.record["renamed"] == begun.taken
    example = f"generator/{conditional:02}_dense/bias, there generator/{not conditional:02}_dense/bias"
    assert f"  {len(begun.taken)} of them by the order of the layers, such as {example}" in begun.told()


def test_running_values_that_go_with_new_weights_have_no_other_shape_there(here: Path) -> None:
    before, now = resolved("sngan", conditional=False), resolved("sngan", conditional=True)
    state = networks(before.gan.initial_state(5))
    said = begin_with(EarlierModel(path=here, step=3, recipe=before.recipe, state=state), now).told().splitlines()
    assert "  new: discriminator/01_conv/sigma (1,)" in said
    assert not any("not taken" in line for line in said)


@pytest.mark.parametrize("saved", [False, True], ids=["run", "file"])
def test_what_training_keeps_beside_the_networks_begins_anew(here: Path, saved: bool) -> None:
    adaptive = {"flip": True, "probability": {"target": -0.9, "interval": 1, "images": 100}}
    kept = {"training.loss.name": "bce", "training.lecam": {}, "training.augment": adaptive}
    run = train("kept", overrides=kept)
    old = run.model.session.state()
    assert all(old[name].any() for name in ("lecam/real", "augment/probability"))
    first = First()
    train("later", weights_from=run.model.save("model.safetensors") if saved else "kept", callbacks=[first])
    assert not any(first.state[name].any() for name in run.model.gan.kept)
    assert provenance("later")["unused"] == []


@pytest.mark.parametrize("given", ["nowhere", "empty"])
def test_no_run_is_an_error(given: str, here: Path) -> None:
    (here / "empty").mkdir()
    with pytest.raises(RunError, match=f"{given}"):
        train("later", weights_from=given)
    assert not Path("later").exists()


def command(*arguments: str, code: int = 0) -> str:
    answer = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert answer.exit_code == code, answer.output
    return answer.output


def test_the_command_takes_the_recipe_too_and_says_what_it_took(earlier: Run) -> None:
    images, labels = three_classes()
    np.savez("three.npz", images=images, labels=labels)
    said = command("train", "--from", "earlier", "--dataset", "folder", "--data", "three.npz", "--out", "later")
    assert "arrays are those of earlier, step 2" in said
    assert "new: generator/01_dense/kernel (35, 128), there (42, 128)" in said
    assert ganforge.load("later").recipe.width == 2


def test_a_dry_run_says_what_would_be_taken(earlier: Run) -> None:
    said = command("train", "--from", "earlier", "--dry-run")
    assert "arrays are those of earlier, step 2" in said
    assert "weights:" not in command("train", "--from", "earlier", "--dry-run", "--quiet")
    Path("other.toml").write_text(tomli_w.dumps(OTHER), encoding="utf-8")
    refused = command("train", "--from", "earlier", "--recipe", "other.toml", "--dry-run", code=1)
    assert "no array whose layer and shape fit" in refused
    assert not Path("runs").exists()


def test_resume_takes_a_number_of_epochs(earlier: Run) -> None:
    images = len(earlier.data.images)
    wanted = images // 8
    run = ganforge.resume("earlier", epochs=1, quiet=True)
    assert run.step == wanted
    with pytest.raises(RunError, match="larger number of --steps or --epochs"):
        ganforge.resume("earlier", epochs=1)
    assert "either --steps or --epochs" in command("resume", "earlier", "--steps", "9", "--epochs", "2", code=2)
