"""check_backend and check_dataset: what keeps its contract passes, what does not is caught and named."""

from dataclasses import replace
from functools import partial

import msgspec
import numpy as np
import pytest
from frameworks import need
from image_sets import Images, data_set
from tiers import slow

from ganforge.data.contract import NoOptions
from ganforge.errors import DataError, PluginError, RecipeError, StateError

need("autograd")
from ganforge.testing import REFERENCE, ConformanceError, check_backend, check_dataset
from ganforge.testing.reference import ReferenceSession
from ganforge.testing.semantics import Semantics
from ganforge.testing.tiny_gans import TINY
from ganforge.testing.traps import TRAPS, trapped

FEW = {name: TINY[name] for name in ("kernel-3-even", "labels", "shared-average")}
ONE = {"labels": TINY["labels"]}


def backend(session, name="theirs"):
    """A backend with a session of its own; devices as the reference has them."""

    def opened(gan, state, precision, device):
        if device != "cpu":
            raise PluginError(f"no device {device!r}")
        return session(gan, state, precision, Semantics())

    return replace(REFERENCE, name=name, open=opened)


def findings(entry, **settings):
    with pytest.raises(ConformanceError) as caught:
        check_backend(entry, **{"gans": ONE, "precisions": ["float64"]} | settings)
    assert all(str(finding) in str(caught.value) for finding in caught.value.findings)
    return str(caught.value)


# Backends ------------------------------------------------------------------------------------------------------------


def test_the_reference_keeps_its_own_contract():
    check_backend("numpy", gans=FEW)


@pytest.mark.parametrize(
    ("trap", "gan", "where"),
    [
        ("padding-shifted", "kernel-3-even", "generator/06_conv"),
        ("adam-epsilon-hat", "adam", "weights after one step"),
        ("momentum-swapped", "kernel-3-even", "running values after one step"),
        ("running-variance-biased", "kernel-3-even", "batch_norm/variance"),
        ("slope-0.3", "kernel-3-even", "leaky_relu"),
        ("transposed-kernel-flipped", "kernel-5-even", "conv_transpose"),
    ],
)
@pytest.mark.parametrize("precision", ["float64", slow("float32")])
def test_a_wrong_backend_is_caught_and_named(trap, gan, where, precision):
    entry = trapped(next(each for each in TRAPS if each.name == trap))
    message = findings(entry, gans={gan: TINY[gan]}, precisions=[precision])
    assert f"backend {trap!r} does not keep its contract" in message
    assert f"trap {trap}," in message
    assert where in message
    assert message.count("(trap ") == 1


def test_a_variance_by_squares_is_caught_and_named():
    """Which is near enough wherever a mean is not far from zero, so one GAN has such a channel."""
    entry = trapped(next(each for each in TRAPS if each.name == "variance-by-squares"))
    message = findings(entry, gans={"far-mean": TINY["far-mean"]}, precisions=["float64"])
    assert "trap variance-by-squares," in message
    assert "batch_norm" in message


@pytest.fixture
def torch_layers():
    need("torch")
    import ganforge_torch.fast

    return ganforge_torch.fast


def test_torch_with_its_own_slope_is_caught(monkeypatch, torch_layers):
    right = torch_layers.F.leaky_relu
    monkeypatch.setattr(torch_layers.F, "leaky_relu", lambda x, slope, inplace=False: right(x))
    assert "trap slope-0.01," in findings("torch", gans={"kernel-3-even": TINY["kernel-3-even"]})


def test_torch_with_its_own_epsilon_is_caught(monkeypatch, torch_layers):
    right = torch_layers.F.batch_norm
    monkeypatch.setattr(torch_layers.F, "batch_norm", lambda *given, **named: right(*given, **named | {"eps": 1e-5}))
    assert "trap epsilon-1e-5," in findings("torch", gans={"kernel-3-even": TINY["kernel-3-even"]})


def test_torch_with_momentum_taken_for_decay_is_caught(monkeypatch, torch_layers):
    right = torch_layers.F.batch_norm

    def swapped(*given, momentum, **named):
        return right(*given, momentum=1.0 - momentum, **named)

    monkeypatch.setattr(torch_layers.F, "batch_norm", swapped)
    assert "trap momentum-swapped," in findings("torch", gans={"kernel-3-even": TINY["kernel-3-even"]})


def test_torch_with_symmetric_padding_is_caught(monkeypatch, torch_layers):
    from ganforge_torch.ops import TorchOps

    right = TorchOps.conv

    def shifted(self, x, kernel, bias, stride, padding, groups=1):
        return right(self, x, kernel, bias, stride, tuple((high, low) for low, high in padding), groups)

    monkeypatch.setattr(TorchOps, "conv", shifted)
    assert "trap padding-shifted," in findings("torch", gans={"kernel-3-even": TINY["kernel-3-even"]})


class Aliasing(ReferenceSession):
    def state(self):
        return self._state


class Forgetting(ReferenceSession):
    def load_state(self, state):
        super().load_state(state)
        self._state |= {name: np.zeros_like(each) for name, each in self._state.items() if name.startswith("optimizer")}


class Careless(ReferenceSession):
    def load_state(self, state):
        self._state = {name: np.array(state[name], self._updates.dtype) for name in self._gan.shapes}
        self._running = {}


class Vague(ReferenceSession):
    def load_state(self, state):
        try:
            super().load_state(state)
        except StateError:
            raise StateError("wrong state") from None


class Moving(ReferenceSession):
    def generate(self, latents, labels, *, averaged=False, exact=False):
        name = next(each for each in self._state if each.endswith("/mean"))
        self._state[name] = self._state[name] + 1.0
        return super().generate(latents, labels, averaged=averaged)


class Restless(ReferenceSession):
    calls = 0

    def step(self, inputs):
        Restless.calls += 1
        self._state["generator/01_dense/bias"] = self._state["generator/01_dense/bias"] + 1e-15 * Restless.calls
        return super().step(inputs)


class Sociable(ReferenceSession):
    def generate(self, latents, labels, *, averaged=False, exact=False):
        pictures = super().generate(latents, labels, averaged=averaged)
        return pictures * (1.0 + 1e-16 * len(latents)) + 1e-16 * len(latents)


class Inconstant(ReferenceSession):
    def generate(self, latents, labels, *, averaged=False, exact=False):
        images = super().generate(latents, labels, averaged=averaged)
        return images if exact else images + 0.01 * len(latents)


class Nameless(ReferenceSession):
    def trace(self, *given, **named):
        return {f"layer-{name}": each for name, each in super().trace(*given, **named).items()}


class Greedy(ReferenceSession):
    def gradients(self, inputs):
        return super().gradients(inputs) | {"discriminator/extra": np.zeros(1)}


class Single(ReferenceSession):
    def state(self):
        return {name: each.astype(np.float32) for name, each in super().state().items()}


class Broken(ReferenceSession):
    def step(self, inputs):
        raise RuntimeError("the cable is out")


@pytest.mark.parametrize(
    ("session", "said"),
    [
        (Aliasing, "state() gives no copy"),
        (Forgetting, "a loaded state comes out changed"),
        (Careless, "a state with an extra array is loaded without an error"),
        (Vague, "the error about a missing array does not name it"),
        (Moving, "generate changes the session"),
        (Restless, "done twice, differ"),
        (Sociable, "depends, if only in its last digit, on the others in its batch"),
        (Inconstant, "differs by more than one grey level"),
        (Nameless, "trace gives the nodes ['layer-00_join_label'"),
        (Greedy, "gradients are of other arrays than the trained ones"),
        (Single, "state() gives float32 in float64"),
        (Broken, "it raised RuntimeError: the cable is out"),
    ],
)
def test_a_broken_promise_is_said(session, said):
    message = findings(backend(session))
    assert said in message
    assert "GAN 'labels' in float64" in message


def test_an_entry_with_a_wrong_name_or_any_device_is_told():
    entry = replace(REFERENCE, name="Their Backend", summary="", open=lambda g, s, p, d: REFERENCE.open(g, s, p, "cpu"))
    message = findings(entry, gans={})
    for said in ("its name is not lower case", "its summary is not one line", "a device that does not exist is taken"):
        assert said in message


def test_a_backend_that_is_wrong_everywhere_is_not_told_of_everywhere():
    entry = replace(trapped(next(each for each in TRAPS if each.name == "slope-0.3")), name="theirs")
    message = findings(entry, gans={f"{number}": TINY["vectors"] for number in range(9)})
    assert message.count("trap slope-0.3") == 4
    assert "nothing is checked after 4 findings" in message


def test_a_backend_that_is_not_there():
    with pytest.raises(PluginError, match="did you mean 'numpy'"):
        check_backend("nunpy")


# Data sets -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Images, type("Unlabelled", (Images,), {"class_names": ()})])
def test_a_set_that_keeps_its_contract(kind):
    check_dataset(data_set(kind))


def test_a_set_is_found_by_name_and_opened_with_its_options(monkeypatch):
    class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        count: int = 3

    given = []

    def opened(path, options):
        given.append((path, options))
        return Images()

    opened.__module__ = data_set.__module__  # that can be imported on its own
    entry = data_set(open=opened, options=Options)
    check_dataset(entry, "somewhere", {"count": 7})
    assert [str(path) for path, _ in given] == ["somewhere"] * len(given)
    assert {options.count for _, options in given} == {7}
    with pytest.raises(RecipeError, match="did you mean 'count'"):
        check_dataset(entry, options={"counts": 7})
    with pytest.raises(PluginError, match="unknown data set 'shadows'"):
        check_dataset("shadows")


def test_the_digits_keep_the_contract():
    check_dataset("digits")


def broken(**members):
    return type("Broken", (Images,), members)


def unreadable(self, index):
    raise DataError("torn")


OPENED = iter(range(1000))


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (broken(__len__=lambda self: 0), "it holds no images"),
        (broken(class_names=["dark", "light"]), "class_names is not a tuple"),
        (broken(class_names=("dark", "dark")), "two classes have the same name"),
        (broken(fingerprint=""), "its fingerprint is not a text"),
        (broken(fingerprint=property(lambda self: f"{next(OPENED)}")), "two fingerprints"),
        (broken(label=lambda self, index: index), "a label is 2, but there are 2 classes (image 2)"),
        (broken(label=lambda self, index: "dark"), "a label is a str"),
        (broken(where=lambda self, index: ""), "where() gives no text"),
        (broken(read=lambda self, index: np.zeros((4, 5, 4), np.uint8)), "uint8 (4, 5, 4), not uint8"),
        (broken(read=lambda self, index: np.zeros((4, 5, 3))), "float64 (4, 5, 3), not uint8"),
        (broken(read=lambda self, index: np.zeros((4, 5), np.uint8)), "(shade 0)"),
        (broken(read=unreadable), "none of its images can be read"),
        (broken(read=lambda self, index: np.full((2, 2, 1), next(OPENED) % 256, np.uint8)), "read again, an image is"),
    ],
)
def test_a_set_that_breaks_its_contract_is_told(kind, said):
    with pytest.raises(ConformanceError) as caught:
        check_dataset(data_set(kind))
    assert said in str(caught.value)
    assert "data set 'shades' does not keep its contract" in str(caught.value)


def monday(self, *_):
    raise ValueError("Monday")


@pytest.mark.parametrize(
    ("members", "where"),
    [
        ({"__len__": monday}, "its members"),
        ({"class_names": property(monday)}, "its members"),
        ({"label": monday}, "label()"),
        ({"where": monday}, "its images"),
        ({"read": monday}, "shade 0"),
    ],
    ids=lambda value: str(next(iter(value)) if isinstance(value, dict) else value),
)
def test_what_a_set_raises_is_a_finding(members, where):
    with pytest.raises(ConformanceError) as caught:
        check_dataset(data_set(broken(**members)))
    assert f"raised ValueError: Monday ({__file__}:" in str(caught.value)
    assert f"({where})" in str(caught.value)


def test_what_is_raised_while_a_set_is_opened_is_a_finding():
    with pytest.raises(ConformanceError, match="opening it raised ValueError: Monday"):
        check_dataset(data_set(open=partial(monday)))
    with pytest.raises(DataError, match="torn"):
        check_dataset(data_set(open=unreadable))


def test_a_set_of_which_some_images_are_torn_is_fine():
    def read(self, index):
        return unreadable(self, index) if index == 3 else Images.read(self, index)

    check_dataset(data_set(broken(read=read)))


def test_what_an_entry_says_is_checked():
    class Needy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        count: int

    with pytest.raises(ConformanceError) as caught:
        check_dataset(data_set(name="Shades!", license="", options=Needy), options=Needy(count=1))
    for said in ("its name is not lower case", "its license is not one line", "its options have no default"):
        assert said in str(caught.value)
    assert isinstance(NoOptions(), msgspec.Struct)


def test_a_plugin_that_imports_a_framework_is_told(tmp_path, monkeypatch):
    need("torch")
    (tmp_path / "heavy_shades.py").write_text("import torch\n\ndef opened(path, options): ...\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    opened = partial(lambda path, options: Images())
    opened.__module__ = "heavy_shades"
    with pytest.raises(ConformanceError, match="importing its module imports torch"):
        check_dataset(data_set(open=opened))
