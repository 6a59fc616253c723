"""Stand-ins written plainly in NumPy: a backend whose steps show what they were fed, a data set in memory, plugins."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest

from ganforge.backend.contract import BackendEntry, Scalars, StepInputs
from ganforge.data.contract import DatasetEntry
from ganforge.errors import DataError
from ganforge.plugins import host as plugins
from ganforge.plugins.host import Host
from ganforge.plugins.markers import hookimpl
from ganforge.spec.arrays import Array, Images, Labels, State
from ganforge.spec.gan import Gan
from ganforge.spec.layers import BatchNorm, Conv, Dense, Elu, Flatten, LeakyRelu, Relu, Reshape, Tanh
from ganforge.spec.loss_library import LOSSES
from ganforge.spec.losses import LossEntry, PenaltyEntry
from ganforge.spec.network import Network
from ganforge.spec.protocol import Latent, Protocol
from ganforge.training import benchmark, describing, models, resuming, starting
from ganforge.training.batches import Batches

CORE_PLUGINS = ("ganforge.plugins.builtin",)


SLOPES = [
    pytest.param(Relu(), [0.0, 0.0, 1.0], [0.0, 0.0, 0.0], id="relu"),
    pytest.param(LeakyRelu(slope=0.25), [0.25, 0.25, 1.0], [0.0, 0.0, 0.0], id="leaky_relu"),
    pytest.param(Elu(alpha=0.7), [0.0, 0.7, 1.0], [0.0, 0.7, 0.0], id="elu"),
]
"""First and second derivatives far below 0, at 0 and far above, as every backend must have them."""


def loss(name: str) -> LossEntry:
    return next(each for each in LOSSES if isinstance(each, LossEntry) and each.name == name)


def penalty(name: str) -> PenaltyEntry:
    return next(each for each in LOSSES if isinstance(each, PenaltyEntry) and each.name == name)


def tiny_gan(**protocol: Any) -> Gan:
    """2x2 grey images from 3 latents, batches of 4."""
    settings: dict[str, Any] = {"batch_size": 4, "latent": Latent(size=3)} | protocol
    return Gan(
        generator_network=Network(
            input=(settings["latent"].size,),
            layers=(Dense(units=4), BatchNorm(decay=0.9, epsilon=1e-5), Reshape(shape=(2, 2, 1)), Tanh()),
        ),
        discriminator_network=Network(
            input=(2, 2, 1), layers=(Conv(filters=2, kernel=2), LeakyRelu(slope=0.2), Flatten(), Dense(units=1))
        ),
        protocol=Protocol(**settings),
        loss=loss("bce"),
        penalty=penalty(settings["penalty"].name) if "penalty" in settings else None,
    )


@dataclass
class FakeSession:
    """A session whose arrays depend on everything that its steps were ever fed, to the last bit, and on the order.

    `calls` remembers the updates in order. From update `diverges` on, the losses are not finite.
    """

    gan: Gan
    arrays: State
    diverges: int = 10**9
    calls: list[str] = field(default_factory=list)
    fed: list[StepInputs] = field(default_factory=list)

    def step(self, inputs: StepInputs) -> Scalars:
        self.fed.append(inputs)
        for each in inputs.discriminator:
            signal = _signal(each.images, each.labels, each.latents, each.real_targets, each.fake_targets, each.key)
            self._update("discriminator", signal + each.scale.rate + each.scale.root)
        for every in inputs.generator:
            signal = _signal(every.images, every.labels, every.latents, every.targets, every.key)
            self._update("generator", signal + every.scale.rate + every.scale.root)
        for name in self.arrays:
            if name.startswith("averaged/"):
                source = self.arrays[name.replace("averaged/", "generator/", 1)]
                self.arrays[name] = inputs.average * self.arrays[name] + (1 - inputs.average) * source
        bad = len(self.calls) > self.diverges
        return {"d_loss": np.float64("nan") if bad else np.float64(1.5), "g_loss": 0.25}

    def _update(self, network: str, signal: float) -> None:
        self.calls.append(network)
        for number, name in enumerate(self.arrays):
            if name.startswith((f"{network}/", f"optimizer/{network}/")):
                self.arrays[name] = 0.9 * self.arrays[name] + 0.1 * np.sin(signal + number)

    def generate(self, latents: Array, labels: Labels | None, *, averaged: bool = False, exact: bool = False) -> Array:
        """Bright where the latent's mean is; by its label where there is one; the weights tint it."""
        prefix = "averaged/" if averaged else "generator/"
        tint = np.tanh(sum(float(array.sum()) for name, array in self.arrays.items() if name.startswith(prefix)))
        level = np.tanh(latents.mean(axis=1) + (0 if labels is None else labels)) * 0.5 + 0.5 * tint
        return np.broadcast_to(level[:, None, None, None], (len(latents), *self.gan.image_shape)).copy()

    def gradients(self, inputs: StepInputs) -> State:
        raise NotImplementedError

    def trace(self, network: Any, inputs: Array, labels: Labels | None, *, key: int | None = None) -> State:
        raise NotImplementedError

    def state(self) -> State:
        return {name: array.copy() for name, array in self.arrays.items()}

    def load_state(self, state: State) -> None:
        self.gan.check_state(state)
        self.arrays = {name: state[name].copy() for name in self.gan.shapes}

    def native(self, network: Any, *, averaged: bool = False) -> Any:
        return SimpleNamespace(network=network, averaged=averaged)

    def native_arrays(self, network: Any, module: Any) -> State:
        return dict(module.arrays)


def _signal(*values: Any) -> float:
    """A number that changes with any element of any of them, its place included."""
    total = 0.0
    for value in values:
        if value is not None:
            flat = np.asarray(value, dtype=np.float64).ravel()
            total += float(flat @ np.cos(np.arange(1, flat.size + 1)))
    return total


def open_fake(gan: Gan, state: State, precision: str, device: str) -> FakeSession:
    """Takes what a backend takes; refuses a state of another GAN, as a backend must."""
    gan.check_state(state)
    return FakeSession(gan, {name: state[name].astype(np.float64) for name in gan.shapes})


FAKE_BACKEND = BackendEntry(
    name="fake", summary="NumPy in a few lines", modules=("numpy",), install="nothing", rank=1, open=open_fake
)
MISSING_BACKEND = BackendEntry(
    name="absent",
    summary="its framework is nowhere",
    modules=("no_such_framework",),
    install="ganforge[absent]",
    rank=0,
    open=open_fake,
)


class StripeOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    count: int = 20
    labelled: bool = True
    shift: int = 0
    """Changes every image."""


@dataclass(frozen=True)
class Stripes:
    """Grey 8x8 images, each of one brightness; three classes."""

    options: StripeOptions

    @property
    def fingerprint(self) -> str:
        return f"stripes {self.options}"

    @property
    def class_names(self) -> tuple[str, ...]:
        return ("low", "middle", "high") if self.options.labelled else ()

    def __len__(self) -> int:
        return self.options.count

    def label(self, index: int) -> int:
        return index % 3

    def where(self, index: int) -> str:
        return f"stripe {index}"

    def read(self, index: int) -> np.ndarray:
        return np.full((8, 8, 1), (index * 7 + self.options.shift) % 256, np.uint8)


def open_stripes(path: Path | None, options: StripeOptions) -> Stripes:
    if path is not None and not path.exists():
        raise DataError(f"no stripes at {path}")
    return Stripes(options)


STRIPES = DatasetEntry(
    name="stripes",
    summary="twenty stripes",
    license="your own",
    source="made up",
    open=open_stripes,
    options=StripeOptions,
    needs_path=False,
)


def module(name: str, **members: Any) -> ModuleType:
    """A module as a plugin: its functions are marked as hooks unless their names begin with an underscore."""
    made = ModuleType(name)
    for key, value in members.items():
        setattr(made, key, hookimpl(value) if callable(value) and not isinstance(value, type) else value)
    return made


def fakes_plugin() -> ModuleType:
    return module(
        "fakes_plugin",
        ganforge_backends=lambda: (FAKE_BACKEND, MISSING_BACKEND),
        ganforge_datasets=lambda: (STRIPES,),
    )


def core_host(*more: ModuleType, strict: bool = False) -> tuple[Host, list[str]]:
    """A host with the core's own losses, architectures and recipes and `more`; and the lines it has warned with."""
    lines: list[str] = []
    host = Host(manager=plugins.new_host((), strict=True).manager, strict=strict, warn=lines.append)
    for name in [each for each, _ in host.manager.list_name_plugin() if each not in CORE_PLUGINS]:
        host.manager.unregister(name=name)
    for each in more:
        host.add(each.__name__, lambda each=each: each, f"{each.__name__}-dist 1.0")
    return host, lines


def recorder(log: list[tuple[str, Any]]) -> ModuleType:
    """A plugin that writes down every event of a run."""
    return module(
        "recorder",
        ganforge_run_started=lambda run: log.append(("started", run.step)),
        ganforge_step_finished=lambda step, scalars: log.append(("step", (step, scalars))),
        ganforge_checkpoint_saved=lambda path: log.append(("saved", path.name)),
        ganforge_run_finished=lambda error: log.append(("finished", error)),
    )


def raising(error: BaseException) -> Callable[..., Any]:
    """A function of no argument that raises."""

    def function() -> Iterator[Any]:
        raise error

    return function


def states_equal(one: State, other: State) -> bool:
    """Bit for bit."""
    return set(one) == set(other) and all(one[name].tobytes() == other[name].tobytes() for name in one)


RECIPE_TEXT = """
image_size = 8
conditional = true

[data]
set = "stripes"

[architecture]
width = 1

[training]
batch_size = 4
latent = { size = 3 }
average = { decay = 0.9 }
targets = { flip = 0.2, noise = 0.1 }
discriminator = { updates = 2 }

[run]
steps = 10
log_every = 2
checkpoint_every = 4
"""


DOORS = (plugins, starting, resuming, models, describing, benchmark)
"""Modules that ask for the host of this process."""


def set_host(monkeypatch: pytest.MonkeyPatch, host: Host) -> None:
    """Make a host the one of this process."""
    for door in DOORS:
        monkeypatch.setattr(door, "default_host", lambda: host)


def use_host(monkeypatch: pytest.MonkeyPatch, *more: ModuleType) -> Host:
    """Let this process know the core, the stand-ins and `more`, and nothing that is installed."""
    host, _ = core_host(fakes_plugin(), *more)
    set_host(monkeypatch, host)
    return host


def fed_from(gan: Gan, images: Images, seed: int = 0) -> Batches:
    """Batches of unlabelled images."""
    return Batches(gan=gan, images=images, labels=None, seed=seed)


def work_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in `folder`, which then has the recipe `r.toml`."""
    monkeypatch.chdir(folder)
    (folder / "r.toml").write_text(RECIPE_TEXT)
    use_host(monkeypatch)
    return folder
