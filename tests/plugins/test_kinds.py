"""Kinds of layers and optimizers that plugins give: found, read in recipes, trained, and taken away."""

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import msgspec
import numpy as np
import pytest
from fakes import core_host, module, set_host
from frameworks import need

import ganforge
from ganforge.errors import PluginError, RecipeError
from ganforge.plugins.host import Host, new_host
from ganforge.plugins.kinds import known_kinds
from ganforge.recipes.kinds import inner_fields, read_settings, reads_labels, without_labels
from ganforge.recipes.parsing import parse
from ganforge.recipes.tables import to_table
from ganforge.spec import (
    ONES,
    SHIPPED_KINDS,
    ZEROS,
    Dense,
    Dropout,
    Flatten,
    Gan,
    JoinLabel,
    Layer,
    LayerEntry,
    LayerSettings,
    Node,
    Ops,
    OptimizerEntry,
    OptimizerSettings,
    Parameter,
    Pass,
    Place,
    Positive,
    Relu,
    Reshape,
    Resolved,
    Scale,
    Tanh,
    Tensor,
    Updated,
    keeps_shape,
    no_parameters,
    resolve_chain,
    walk,
)


class Level(LayerSettings, frozen=True, kw_only=True, tag="level"):
    """x * scale + level, which follows the mean of each channel; in training with dropout."""

    decay: float = 0.9

    uses_key: ClassVar[bool] = True
    resolve = keeps_shape

    def parameters(self, node: Node) -> tuple[Parameter, ...]:
        channels = node.input[-1:]
        return (
            Parameter(name=f"{node.name}/scale", shape=channels, init=ONES),
            Parameter(name=f"{node.name}/level", shape=channels, init=ZEROS, trained=False),
        )

    def forward(self, node: Node, x: Tensor, run: Pass) -> Tensor:
        ops, level = run.ops, run.array(node, "level")
        if run.training:
            kept = ops.dropout_mask(run.key, node.number, tuple(x.shape), 0.25, run.starts(x), x)
            if run.moving:
                seen = run.moments(x).mean
                run.moved[f"{node.name}/level"] = self.decay * level + (1.0 - self.decay) * seen
            x = ops.where(kept, x, 0.0)
        return x * run.array(node, "scale") + level


class Beside(LayerSettings, frozen=True, kw_only=True, tag="beside"):
    """left(x) + right(x): a block of inner layers, in fields of its own names."""

    left: tuple[Layer, ...]
    right: tuple[Layer, ...] = ()

    parameters = no_parameters

    def resolve(self, place: Place) -> Resolved:
        left = resolve_chain(self.left, place.input, place.classes, prefix=f"{place.name}/l", first=place.number + 1)
        after = place.number + 1 + len(walk(left))
        right = resolve_chain(self.right, place.input, place.classes, prefix=f"{place.name}/r", first=after)
        return Resolved(left[-1].output, body=(*left, *right))

    def forward(self, node: Node, x: Tensor, run: Pass) -> Tensor:
        count = len(self.left)
        return run.chain(node.body[:count], x, run) + run.chain(node.body[count:], x, run)


class LabelScale(LayerSettings, frozen=True, kw_only=True, tag="label_scale"):
    """x * (1 + the class's own number of each channel)."""

    reads_labels: ClassVar[bool] = True
    resolve = keeps_shape

    def parameters(self, node: Node) -> tuple[Parameter, ...]:
        shape = (max(1, node.classes), node.input[-1])
        return (Parameter(name=f"{node.name}/table", shape=shape, init=ZEROS),)

    def forward(self, node: Node, x: Tensor, run: Pass) -> Tensor:
        if run.labels is None:
            return x
        scale = run.ops.matmul(run.labels, run.array(node, "table"))
        return x * (1.0 + run.ops.reshape(scale, (x.shape[0], *(1 for _ in x.shape[1:-1]), x.shape[-1])))


class Heavy(OptimizerSettings, frozen=True, kw_only=True, tag="heavy"):
    """b = momentum b + g; p -= rate / (1 + done) * b."""

    learning_rate: Positive
    momentum: float = 0.5
    clip: Positive | None = None

    def slots(self) -> tuple[str, ...]:
        return ("b",)

    def scale(self, done: int) -> Scale:
        return Scale(self.learning_rate / (1 + done), 1.0)

    def update(self, ops: Ops, weight: Tensor, gradient: Tensor, slots: Mapping[str, Tensor], scale: Scale) -> Updated:
        b = self.momentum * slots["b"] + gradient
        return Updated(weight - scale.rate * b, {"b": b})


ENTRIES = tuple(LayerEntry(layer=kind, summary=kind.__name__) for kind in (Level, Beside, LabelScale))
PLUGIN = {
    "ganforge_layers": lambda: ENTRIES,
    "ganforge_optimizers": lambda: (OptimizerEntry(optimizer=Heavy, summary="heavy"),),
}


def plugin(name: str = "kinds", **hooks: Any) -> ModuleType:
    return module(name, **(hooks or PLUGIN))


KINDS = known_kinds(core_host(plugin())[0])


# Found ---------------------------------------------------------------------------------------------------------------


def test_ours_come_by_the_same_door() -> None:
    found = known_kinds(core_host(plugin())[0])
    assert dict(found.layers) == {**SHIPPED_KINDS.layers, "level": Level, "beside": Beside, "label_scale": LabelScale}
    assert dict(found.optimizers) == {**SHIPPED_KINDS.optimizers, "heavy": Heavy}


def test_without_ours_a_recipe_is_told_why() -> None:
    host, _ = core_host()
    host.manager.unregister(name="ganforge.plugins.builtin")
    with pytest.raises(RecipeError, match=r"optimizer: no plugin gives any kind; see `ganforge plugins`"):
        parse({"name": "x"}, known_kinds(host))


@pytest.mark.parametrize(
    ("hook", "entry", "words"),
    [
        ("ganforge_layers", LayerEntry(layer=Dense, summary=""), "LayerEntry 'dense' is given by two plugins"),
        (
            "ganforge_optimizers",
            OptimizerEntry(optimizer=SHIPPED_KINDS.optimizers["adam"], summary=""),
            "OptimizerEntry 'adam' is given by two plugins",
        ),
    ],
)
def test_two_of_one_name_are_an_error_that_names_both(hook: str, entry: Any, words: str) -> None:
    host, _ = core_host(plugin("mine", **{hook: lambda: (entry,)}))
    with pytest.raises(PluginError, match=f"^{words}, 'ganforge.plugins.builtin' and 'mine'"):
        known_kinds(host)


class Half(LayerSettings, frozen=True, kw_only=True, tag="half"):
    resolve, parameters = keeps_shape, no_parameters


class Shut(OptimizerSettings, frozen=True, kw_only=True, tag="Shut-Up"):
    learning_rate: float = 0.1
    clip: float | None = None
    slots, scale, update = Heavy.slots, Heavy.scale, Heavy.update


class Loose(LayerSettings, frozen=True, kw_only=True, tag="loose", forbid_unknown_fields=False):
    resolve, parameters, forward = keeps_shape, no_parameters, Level.forward


class Foreign(msgspec.Struct, frozen=True, tag="foreign"):
    resolve, parameters, forward = keeps_shape, no_parameters, Level.forward


@pytest.mark.parametrize(
    ("hook", "entry", "words"),
    [
        ("ganforge_layers", LayerEntry(layer=Half, summary=""), "Half has no method forward"),  # type: ignore[type-abstract]
        ("ganforge_layers", LayerEntry(layer=Loose, summary=""), "Loose changes how settings are read"),
        ("ganforge_layers", LayerEntry(layer=Foreign, summary=""), "Foreign is not derived from ganforge.spec.Layer"),
        ("ganforge_layers", LayerEntry(layer="level", summary=""), "its layer is 'level', not of type"),
        ("ganforge_layers", LayerEntry(layer=Level(), summary=""), "its layer is Level"),
        ("ganforge_layers", LayerEntry(layer=Level, summary="", examples=(1,)), r"its examples is \(1,\)"),
        ("ganforge_layers", OptimizerEntry(optimizer=Heavy, summary=""), "which is no LayerEntry"),
        ("ganforge_optimizers", OptimizerEntry(optimizer=Shut, summary=""), 'Shut has no kind .* say tag="shut"'),
        ("ganforge_optimizers", OptimizerEntry(optimizer=Level, summary=""), "Level is not derived from .*Optimizer"),
    ],
)
def test_a_class_that_is_no_kind_is_left_out_and_the_reason_said(hook: str, entry: Any, words: str) -> None:
    host, lines = core_host(plugin("mine", **{hook: lambda: (entry,)}))
    assert known_kinds(host) == SHIPPED_KINDS
    (line,) = lines
    assert "plugin 'mine'" in line
    assert __import__("re").search(words, line), line


# Read ----------------------------------------------------------------------------------------------------------------


def table(**more: Any) -> dict[str, Any]:
    return {
        "name": "x",
        "generator": [{"kind": "dense", "units": 4}, {"kind": "level"}],
        "discriminator": [{"kind": "flatten"}, {"kind": "beside", "left": [{"kind": "dense", "units": "logits"}]}],
        **more,
    }


def test_a_recipe_with_them_is_read_and_written() -> None:
    optimizer = {"kind": "heavy", "learning_rate": 0.1}
    recipe = parse(table(training={"generator": {"optimizer": optimizer}}), KINDS)
    assert recipe.training.generator.optimizer == Heavy(learning_rate=0.1)
    assert parse(to_table(recipe), KINDS) == recipe
    assert to_table(recipe)["training"]["generator"]["optimizer"] == {**optimizer, "momentum": 0.5}
    with pytest.warns(FutureWarning, match="optimizer.learning_rate"):
        assert parse(table(training={"generator": {"optimizer": {"kind": "heavy", "rate": 0.1}}}), KINDS) == recipe


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            {"training": {"generator": {"optimizer": {"kind": "heavy"}}}},
            r"key 'learning_rate' is missing in \[training.gen",
        ),
        (
            {"training": {"discriminator": {"optimizer": {"kind": "heavy", "learning_rate": 1, "momentm": 1}}}},
            r"unknown key 'momentm' in \[training.discriminator.optimizer\]; did you mean 'momentum'",
        ),
        (
            {"training": {"generator": {"optimizer": {"kind": "heavi"}}}},
            "unknown value 'heavi' at training.generator.optimizer.kind; did you mean 'heavy'",
        ),
        ({"training": {"generator": {"optimizer": 3}}}, "training.generator.optimizer must be a table, not a whole"),
        (
            {"training": {"generator": {"optimizer": {"kind": "heavy", "learning_rate": 0}}}},
            "optimizer.learning_rate must be a number",
        ),
        ({"training": {"generator": 3}}, "training.generator must be a table"),
        ({"layers": {"level": {"deacy": 1}}}, r"unknown key 'deacy' in \[layers.level\]; did you mean 'decay'"),
        (
            {"generator": [{"kind": "beside", "left": [{"kind": "dens", "units": 3}]}]},
            r"'dens' at generator\[0\].left\[0\].kind; did you mean 'dense'",
        ),
        (
            {"generator": [{"kind": "beside", "left": [{"kind": "dense", "units": "2 * widht"}]}]},
            r"generator\[0\].left\[0\].units = '2 \* widht'",
        ),
    ],
)
def test_a_mistake_in_one_is_named_with_its_place(given: dict[str, Any], words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        parse(table(**given), KINDS)


def test_without_the_plugin_the_kind_is_unknown() -> None:
    with pytest.raises(RecipeError, match=r"unknown value 'level' at generator\[1\].kind"):
        parse(table())


def test_inner_layers_are_found_by_their_type() -> None:
    assert inner_fields(Beside) == {"left", "right"}
    assert not inner_fields(Dense)
    inside = Beside(left=(Relu(), JoinLabel()), right=(LabelScale(),))
    assert reads_labels((Beside(left=(), right=(JoinLabel(),)),))
    assert reads_labels((Beside(left=(LabelScale(),)),))
    assert not reads_labels((Beside(left=(Relu(),)),))
    assert without_labels((JoinLabel(), inside)) == (Beside(left=(Relu(),), right=(LabelScale(),)),)
    assert read_settings(msgspec.to_builtins(inside), KINDS.layers, "x", "y") == inside


# Trained -------------------------------------------------------------------------------------------------------------

RECIPE = """
image_size = 8
conditional = true
generator = [
  { kind = "join_label" },
  { kind = "dense", units = ["1/2", 4] },
  { kind = "reshape", shape = ["1/2", 4] },
  { kind = "beside", left = [{ kind = "level" }], right = [{ kind = "residual", layers = [{ kind = "level" }] }] },
  { kind = "label_scale" },
  { kind = "conv_transpose", filters = "channels", kernel = 4, stride = 2, size = "1/1" },
  { kind = "tanh" },
]
discriminator = [
  { kind = "conv", filters = 4, kernel = 3, stride = 2 },
  { kind = "level" },
  { kind = "label_scale" },
  { kind = "flatten" },
  { kind = "dense", units = "logits" },
]

[layers]
level = { decay = 0.8 }

[training]
batch_size = 8
latent = { size = 4 }
latents = "shared"
average = { decay = 0.9 }
generator = { optimizer = { kind = "heavy", learning_rate = 0.01 } }
discriminator = { optimizer = { kind = "heavy", learning_rate = 0.02, clip = 0.1 } }

[run]
steps = 4
log_every = 1
checkpoint_every = 2
"""


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    """Our own plugins and these kinds; the recipe lies in the working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GANFORGE_CACHE", str(tmp_path / "cache"))
    Path("level.toml").write_text(RECIPE)
    made = new_host(strict=True)
    made.add("kinds", plugin)
    set_host(monkeypatch, made)
    return made


@pytest.mark.parametrize("backend", ["torch", "tensorflow", "numpy"])
def test_a_run_with_them_is_resumed_exactly_and_sampled(backend: str, host: Host) -> None:
    need({"numpy": "autograd"}.get(backend, backend))
    straight = ganforge.train("./level.toml", backend=backend, out="straight")
    ganforge.train("./level.toml", backend=backend, out="stopped", overrides={"run": {"steps": 2}})
    resumed = ganforge.resume("stopped", steps=4, backend=backend)
    expected, found = straight.model.session.state(), resumed.model.session.state()
    assert "optimizer/generator/b/03_beside/r00_residual/00_level/scale" in expected
    assert np.abs(expected["generator/03_beside/l00_level/level"]).min() > 0
    assert all(np.array_equal(each, found[name]) for name, each in expected.items())
    assert ganforge.load("stopped", backend=backend).sample(4).shape == (4, 8, 8, 1)


@pytest.mark.parametrize("others", [["torch"], ["tensorflow"]])
@pytest.mark.parametrize("batches", ["separate", "joint"])
def test_the_backends_agree(others: list[str], batches: str, host: Host) -> None:
    need("autograd")
    from ganforge.parity import compare
    from ganforge.parity.trial import find_backends, trial

    for name in others:
        need(name)
    given = ganforge.load_recipe("./level.toml", overrides={"training": {"batches": batches}})
    made = trial(given, host)
    reference, other = find_backends(["numpy", *others], host)
    report = compare(made.experiment.gan, reference, other, inputs=made.inputs, state=made.state, steps=4)
    assert report.ok, report.first


def test_generators_with_masks_of_their_own_make_their_fakes_twice(host: Host) -> None:
    gan = ganforge.build("./level.toml", backend="torch").gan
    assert not gan.same_fakes_follow


# Taken away ----------------------------------------------------------------------------------------------------------


def tiny(*layers: Layer) -> Gan:
    from ganforge.testing.tiny_gans.parts import gan

    return gan(
        (JoinLabel(), Dense(units=12), Reshape(shape=(2, 3, 2)), *layers, Tanh()),
        (Flatten(), Dense(units=1)),
        (2, 3, 2),
        classes=3,
    )


MANY = (Level(), Beside(left=(Level(), Relu()), right=(LabelScale(), Dropout(rate=0.2))), LabelScale())


def trained(backend: str) -> tuple[Any, Any, Any]:
    """A session of some steps, latents and labels."""
    from ganforge.testing.tiny_gans import inputs

    gan = tiny(*MANY)
    entry = next(each.entry for each in new_host().given("ganforge_backends") if each.entry.name == backend)
    session = entry.open(gan, gan.initial_state(0), "float64", "cpu")  # type: ignore[attr-defined]
    for number in range(3):
        session.step(inputs(gan, 0, number))
    made = inputs(gan, 0, 7).generator[0]
    return session, made.latents, made.labels


def test_a_module_of_torch_runs_them_and_moves_their_state(tmp_path: Path) -> None:
    torch = need("torch")
    need("autograd")
    session, latents, labels = trained("torch")
    native = session.native("generator")
    z, y = torch.tensor(latents), torch.tensor(labels)
    expected = session.generate(latents, labels)
    assert np.abs(native(z, y).detach().permute(0, 2, 3, 1).numpy() - expected).max() < 1e-12
    torch.save(native, tmp_path / "native.pt")
    again = torch.load(tmp_path / "native.pt", weights_only=False)
    assert torch.equal(again(z, y), native(z, y))
    names = {name for name, _ in native.named_parameters()}
    assert {"level_03.scale", "beside_04.l00_level_scale", "beside_04.r00_label_scale_table"} < names
    assert {"level_03.level", "beside_04.l00_level_level"} == {name for name, _ in native.named_buffers()}
    before = native.get_buffer("level_03.level").clone()
    native.train()(z, y).sum().backward()
    assert not torch.equal(native.get_buffer("level_03.level"), before)
    assert all(each.grad is not None for each in native.parameters())


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")  # Keras's own
def test_a_model_of_keras_runs_them_and_moves_their_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need("tensorflow")
    need("autograd")
    import keras
    from ganforge_tensorflow import plugin_layer

    host, _ = core_host(plugin())
    monkeypatch.setattr(plugin_layer, "default_host", lambda: host)
    session, latents, labels = trained("tensorflow")
    native = session.native("generator")
    expected = session.generate(latents, labels)
    assert np.abs(native([latents, labels]).numpy() - expected).max() < 1e-12
    made = native.predict([latents, labels], verbose=0, batch_size=3)  # which rounds what it is given to float32
    assert np.abs(made - expected).max() < 1e-6
    native.save(tmp_path / "native.keras")
    again = keras.saving.load_model(tmp_path / "native.keras")
    assert np.array_equal(again([latents, labels]).numpy(), native([latents, labels]).numpy())
    layer = native.get_layer("03_level")
    before = layer.arrays["03_level/level"].numpy()
    native([latents, labels], training=True)
    assert not np.array_equal(layer.arrays["03_level/level"].numpy(), before)
