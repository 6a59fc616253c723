"""Two networks that fit each other, and the names and first values of all their arrays."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from fakes import loss, tiny_gan
from msgspec.structs import replace as changed

from ganforge.errors import SpecError, StateError
from ganforge.spec.gan import Gan
from ganforge.spec.layers import (
    BatchNorm,
    ConditionalBatchNorm,
    Conv,
    Dense,
    Dropout,
    Flatten,
    Reshape,
    Residual,
    Sigmoid,
    Tanh,
)
from ganforge.spec.layers.contract import Layer
from ganforge.spec.layers.residual import branches
from ganforge.spec.network import Network
from ganforge.spec.optimizers import SGD, RMSprop
from ganforge.spec.protocol import Average, Latent, Player, Protocol


def test_what_is_known_of_a_gan() -> None:
    gan = tiny_gan()
    assert gan.image_shape == (2, 2, 1)
    assert gan.classes == 0
    assert gan.pixel_range == (-1.0, 1.0)
    assert gan.nodes("generator")[-1].output == (2, 2, 1)
    assert gan.nodes("discriminator")[-1].output == (1,)


def test_the_same_fakes_follow_where_latents_are_shared_and_no_mask_tells_the_passes_apart() -> None:
    gan = tiny_gan()
    shared = replace(gan, protocol=changed(gan.protocol, latents="shared"))
    layers = (Residual(layers=(Dropout(rate=0.5),)), *gan.generator_network.layers)
    masked = replace(shared, generator_network=changed(gan.generator_network, layers=layers))
    assert shared.same_fakes_follow and not gan.same_fakes_follow and not masked.same_fakes_follow


@pytest.mark.parametrize(("layer", "expected"), [(Sigmoid(), (0.0, 1.0)), (Tanh(), (-1.0, 1.0)), (None, (-1.0, 1.0))])
def test_the_last_layer_decides_what_black_is(layer: Any, expected: tuple[float, float]) -> None:
    gan = tiny_gan()
    layers = gan.generator_network.layers[:-1] + ((layer,) if layer else ())
    assert replace(gan, generator_network=changed(gan.generator_network, layers=layers)).pixel_range == expected


def test_every_array_of_a_state_in_order() -> None:
    gan = tiny_gan(
        average=Average(),
        discriminator=Player(optimizer=SGD(learning_rate=0.1)),
        generator=Player(optimizer=RMSprop(learning_rate=0.1)),
    )
    trained = ["00_dense/kernel", "00_dense/bias", "01_batch_norm/scale", "01_batch_norm/offset"]
    assert list(gan.shapes) == [
        *(f"generator/{name}" for name in trained),
        "generator/01_batch_norm/mean",
        "generator/01_batch_norm/variance",
        "discriminator/00_conv/kernel",
        "discriminator/00_conv/bias",
        "discriminator/03_dense/kernel",
        "discriminator/03_dense/bias",
        *(f"averaged/{name}" for name in trained),
        *(f"optimizer/generator/v/{name}" for name in trained),
    ]
    assert gan.shapes["averaged/00_dense/kernel"] == gan.shapes["optimizer/generator/v/00_dense/kernel"] == (3, 4)


def test_adam_keeps_two_arrays_a_parameter() -> None:
    slots = [name for name in tiny_gan().shapes if name.startswith("optimizer/discriminator/")]
    assert [name.split("/")[2] for name in slots] == ["m"] * 4 + ["v"] * 4


def test_the_first_state() -> None:
    gan = tiny_gan(average=Average())
    state = gan.initial_state(5)
    gan.check_state(state)
    assert list(state) == list(gan.shapes)
    assert all(array.dtype == np.float64 for array in state.values())
    assert all((array == 0).all() for name, array in state.items() if name.startswith("optimizer/"))
    averaged = [name for name in state if name.startswith("averaged/")]
    assert averaged and all((state[name] == state[name.replace("averaged", "generator")]).all() for name in averaged)
    assert (gan.initial_state(5)["generator/00_dense/kernel"] == state["generator/00_dense/kernel"]).all()
    assert (gan.initial_state(6)["generator/00_dense/kernel"] != state["generator/00_dense/kernel"]).any()


def test_generator_and_discriminator_start_differently() -> None:
    """Arrays of one name and shape in both do not get the same values."""
    gan = Gan(
        generator_network=Network(input=(1,), layers=(Flatten(), Dense(units=1), Reshape(shape=(1, 1, 1)))),
        discriminator_network=Network(input=(1, 1, 1), layers=(Flatten(), Dense(units=1))),
        protocol=Protocol(latent=Latent(size=1)),
        loss=loss("bce"),
    )
    state = gan.initial_state(0)
    assert state["generator/01_dense/kernel"] != state["discriminator/01_dense/kernel"]


def state_of(gan: Gan) -> dict[str, np.ndarray]:
    return dict(gan.initial_state(0))


def test_a_foreign_state_is_refused_with_its_arrays() -> None:
    gan, state = tiny_gan(), state_of(tiny_gan())
    del state["generator/00_dense/kernel"]
    state["generator/00_dense/kernl"] = np.zeros(3)
    with pytest.raises(StateError, match=r"missing: generator/00_dense/kernel; extra: generator/00_dense/kernl$"):
        gan.check_state(state)
    with pytest.raises(StateError, match=r"missing: generator/00_dense/kernel, .* and \d+ more$"):
        gan.check_state({})


def test_a_misshapen_array_is_refused() -> None:
    gan, state = tiny_gan(), state_of(tiny_gan())
    state["discriminator/00_conv/bias"] = np.zeros((2, 1))
    with pytest.raises(StateError, match=r"discriminator/00_conv/bias .* shape \(2, 1\), expected \(2,\)"):
        gan.check_state(state)


def test_dtypes_are_the_sessions_business() -> None:
    tiny_gan().check_state({name: array.astype(np.float32) for name, array in state_of(tiny_gan()).items()})


GENERATOR = tiny_gan().generator_network
DISCRIMINATOR = tiny_gan().discriminator_network


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"protocol": changed(tiny_gan().protocol, latent=Latent(size=9))}, r"takes \(3,\), but the latent is \(9,\)"),
        (
            {"discriminator_network": changed(DISCRIMINATOR, input=(4, 4, 1))},
            r"generator makes \(2, 2, 1\), but the discriminator takes \(4, 4, 1\)",
        ),
        ({"discriminator_network": changed(DISCRIMINATOR, classes=2)}, "same number of classes"),
        ({"loss": loss("softmax")}, r"ends in \(1,\), but the loss 'softmax' takes \(2,\) logits"),
        ({"discriminator_network": changed(DISCRIMINATOR, layers=(Flatten(),))}, r"ends in \(4,\)"),
        ({"generator_network": changed(GENERATOR, layers=())}, "the generator has no layers"),
        ({"discriminator_network": changed(DISCRIMINATOR, layers=())}, "the discriminator has no layers"),
        (
            {"protocol": changed(tiny_gan().protocol, batch_size=1)},
            "generator layer 01_batch_norm: batch norm over one value; take a larger batch_size",
        ),
        ({"generator_network": changed(GENERATOR, layers=(Reshape(shape=(2, 2, 1)),))}, "cannot become"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(SpecError, match=said):
        replace(tiny_gan(), **changes)


@pytest.mark.parametrize("norm", [BatchNorm(decay=0.9, epsilon=1e-3), ConditionalBatchNorm(decay=0.9, epsilon=1e-3)])
def test_a_batch_norm_over_one_value_is_found_in_a_residual_block(norm: Layer) -> None:
    layers = (Dense(units=4), Residual(layers=(norm,)), Reshape(shape=(2, 2, 1)), Tanh())
    networks = {
        "generator_network": changed(GENERATOR, layers=layers, classes=2),
        "discriminator_network": changed(DISCRIMINATOR, classes=2),
    }
    gan = replace(tiny_gan(), **networks)
    assert gan.norm_of_one_value(2) is None
    assert gan.norm_of_one_value(1) == f"generator layer {branches(gan.generator[1])[0][0].name}"
    with pytest.raises(SpecError, match=r"generator layer 01_residual/.*: batch norm over one value"):
        replace(gan, protocol=changed(gan.protocol, batch_size=1))


def test_batch_norm_over_the_places_of_one_image_is_allowed() -> None:
    gan = tiny_gan(batch_size=2)
    image = (Dense(units=4), Reshape(shape=(2, 2, 1)), BatchNorm(decay=0.9, epsilon=1e-5), Tanh())
    one = changed(gan.protocol, batch_size=1)
    network = changed(gan.generator_network, layers=image)
    assert replace(gan, generator_network=network, protocol=one).protocol.batch_size == 1


def test_the_last_bias_follows_the_loss() -> None:
    def still(name: str) -> list[str]:
        gan = replace(tiny_gan(), loss=loss(name))
        return [each.name for each in gan.parameters("discriminator") if each.zero_gradient]

    assert still("bce") == []
    assert still("wasserstein") == still("relativistic") == ["03_dense/bias"]


def test_the_generators_last_bias_is_no_logit() -> None:
    gan = tiny_gan()
    layers = (Dense(units=4), Reshape(shape=(2, 2, 1)), Conv(filters=1, kernel=1))
    gan = replace(gan, generator_network=changed(gan.generator_network, layers=layers), loss=loss("wasserstein"))
    assert not any(each.zero_gradient for each in gan.parameters("generator"))


def test_several_logits_have_biases_of_their_own() -> None:
    """Adding one number to both changes nothing; adding one to each does."""
    gan = tiny_gan()
    layers = (*gan.discriminator_network.layers[:-1], Dense(units=2))
    pair = replace(
        gan,
        discriminator_network=changed(gan.discriminator_network, layers=layers),
        loss=replace(loss("softmax"), shift_invariant=True),
    )
    assert not any(each.zero_gradient for each in pair.parameters("discriminator"))


def test_the_generators_bias_before_its_batch_norm_is_still() -> None:
    assert [each.name for each in tiny_gan().parameters("generator") if each.zero_gradient] == ["00_dense/bias"]
