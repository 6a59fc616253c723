"""The reference as a session: what moves when, what is kept, what is refused."""

import subprocess
import sys
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from frameworks import need

from ganforge.backend.contract import BackendEntry
from ganforge.errors import PluginError, StateError
from ganforge.plugins.host import new_host
from ganforge.spec import random_streams
from ganforge.spec.gan import Gan
from ganforge.spec.layers import BatchNorm, Dense, Dropout, Flatten, LeakyRelu, Reshape, Tanh
from ganforge.spec.network import Network
from ganforge.spec.optimizers import SGD
from ganforge.spec.protocol import Average, Player
from ganforge.testing import REFERENCE
from ganforge.testing.tiny_gans import TINY, inputs

need("autograd")
from ganforge.testing.reference import open_reference


def opened(gan, precision="float64", seed=0):
    return open_reference(gan, gan.initial_state(seed), precision)


def with_protocol(gan, **changes):
    return replace(gan, protocol=msgspec.structs.replace(gan.protocol, **changes))


def pixels(images):
    return images / 127.5 - 1


@pytest.mark.parametrize("name", TINY)
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_a_step_keeps_names_shapes_and_precision(name, precision):
    gan = TINY[name]
    session = opened(gan, precision)
    scalars = {key: float(value) for key, value in session.step(inputs(gan, 0, 0)).items()}
    state = session.state()
    assert {key: each.shape for key, each in state.items()} == gan.shapes
    assert {each.dtype.name for each in state.values()} == {precision}
    assert all(np.isfinite(each).all() for each in state.values())
    assert set(scalars) >= {"d_loss", "d_loss_real", "d_loss_fake", "g_loss", "d_real", "d_fake"}
    assert ("d_penalty" in scalars) == (gan.penalty is not None)
    scale, weight = gan.protocol.loss.discriminator_scale, inputs(gan, 0, 0).discriminator[-1].penalty_weight or 0
    terms = scale * (scalars["d_loss_real"] + scalars["d_loss_fake"]) + weight * scalars.get("d_penalty", 0)
    consistency, lecam = gan.protocol.consistency, gan.protocol.lecam
    if consistency is not None:
        terms += sum(getattr(consistency, of) * scalars.get(f"d_consistency_{of}", 0) for of in ("real", "fake"))
    if lecam is not None:
        terms += lecam.weight * scalars["d_lecam"]
    assert scalars["d_loss"] == pytest.approx(terms, rel=1e-6)


def test_running_values_move_by_decay_and_the_unbiased_variance():
    # One batch norm, right at the discriminator's input: what it sees is known.
    gan = replace(
        TINY["hinge-r1"],
        discriminator_network=Network(
            input=(3, 3, 1), layers=(BatchNorm(decay=0.75, epsilon=1e-3), Flatten(), Dense(units=1))
        ),
    )
    session, step = opened(gan), inputs(gan, 0, 0)
    fed = step.discriminator[0]
    before = session.state()
    real = pixels(fed.images)
    key = int(random_streams.hash32(np.array([fed.key], np.uint64))[0])
    fake = session.trace("generator", fed.latents, None, key=key)["05_tanh"]
    session.step(step)
    after = session.state()
    mean, variance = 0.0, 1.0
    for seen in (real, fake):  # and neither the penalty's pass nor the generator's update
        mean, variance = 0.75 * mean + 0.25 * seen.mean(), 0.75 * variance + 0.25 * seen.var(ddof=1)
    assert after["discriminator/00_batch_norm/mean"] == pytest.approx([mean], rel=1e-12)
    assert after["discriminator/00_batch_norm/variance"] == pytest.approx([variance], rel=1e-12)
    # The generator's: once, by its own update's latents.
    made = session_at(gan, before).trace("generator", step.generator[0].latents, None, key=step.generator[0].key)
    entered = made["01_reshape"]
    assert after["generator/02_batch_norm/mean"] == pytest.approx(0.2 * entered.mean((0, 1, 2)), rel=1e-12)
    unbiased = entered.var((0, 1, 2), ddof=1)
    assert after["generator/02_batch_norm/variance"] == pytest.approx(0.8 + 0.2 * unbiased, rel=1e-12)


def session_at(gan, state):
    return open_reference(gan, state, "float64")


def test_a_joint_batch_is_one_batch_fakes_first():
    plain = TINY["hinge-r1"]
    gan = with_protocol(
        replace(
            plain,
            penalty=None,
            discriminator_network=Network(
                input=(3, 3, 1), layers=(BatchNorm(decay=0.0, epsilon=1e-3), Flatten(), Dense(units=1))
            ),
        ),
        penalty=None,
        batches="joint",
    )
    session, step = opened(gan), inputs(gan, 0, 0)
    fed = step.discriminator[0]
    key = int(random_streams.hash32(np.array([fed.key], np.uint64))[0])
    fake = session.trace("generator", fed.latents, None, key=key)["05_tanh"]
    both = np.concatenate([fake, pixels(fed.images)])
    logits = session.trace("discriminator", both, None, key=0)["02_dense"]
    scalars = session.step(step)
    assert float(scalars["d_fake"]) == pytest.approx(logits[:4].mean(), rel=1e-12)
    assert float(scalars["d_real"]) == pytest.approx(logits[4:].mean(), rel=1e-12)
    assert session.state()["discriminator/00_batch_norm/variance"] == pytest.approx([both.var(ddof=1)], rel=1e-12)


def test_of_two_logits_the_difference_in_favour_of_real_is_logged():
    gan = TINY["softmax"]
    session, step = opened(gan), inputs(gan, 0, 0)
    fed = step.discriminator[0]
    keys = [int(random_streams.hash32(np.array([fed.key + number], np.uint64))[0]) for number in (0, 1, 2)]
    fake = list(session.trace("generator", fed.latents, fed.labels, key=keys[0]).values())[-1]
    seen = {
        name: list(session.trace("discriminator", pictures, fed.labels, key=key).values())[-1]
        for name, pictures, key in (("d_real", pixels(fed.images), keys[1]), ("d_fake", fake, keys[2]))
    }
    scalars = session.step(step)
    for name, logits in seen.items():
        assert float(scalars[name]) == pytest.approx((logits[:, 1] - logits[:, 0]).mean(), rel=1e-12)


def test_dropout_masks_go_by_update_pass_node_and_element():
    """A discriminator of dropout and a fixed sum: its mean logits tell which elements were kept."""
    tiny = TINY["vectors"]
    gan = Gan(
        generator_network=Network(input=(4,), layers=(Dense(units=9), Tanh(), Reshape(shape=(3, 3, 1)))),
        discriminator_network=Network(
            input=(3, 3, 1), layers=(Flatten(), LeakyRelu(slope=1.0), Dropout(rate=0.5), Dense(units=1))
        ),
        protocol=msgspec.structs.replace(tiny.protocol),
        loss=tiny.loss,
    )
    state = gan.initial_state(0)
    state["discriminator/03_dense/kernel"] = np.ones((9, 1))
    fed = inputs(gan, 0, 0).discriminator[0]
    scalars = session_at(gan, state).step(inputs(gan, 0, 0))
    key = int(random_streams.hash32(np.array([fed.key + 1], np.uint64))[0])
    kept = random_streams.dropout_mask(key, 2, 36, 0.5).reshape(4, 9)
    assert float(scalars["d_real"]) == pytest.approx((2 * kept * pixels(fed.images).reshape(4, 9)).sum(1).mean())


def test_the_average_follows_the_weights_after_each_step():
    gan = with_protocol(TINY["shared-average"], average=Average(decay=0.5, warmup=False))
    session = opened(gan)
    expected = session.state()
    for number in range(3):
        session.step(inputs(gan, 0, number))
        now = session.state()
        for name in (each for each in gan.shapes if each.startswith("averaged/")):
            weights = now[f"generator/{name.removeprefix('averaged/')}"]
            expected[name] = 0.5 * expected[name] + 0.5 * weights
            assert now[name].tolist() == expected[name].tolist()
    latents = inputs(gan, 0, 0).generator[0].latents
    exchanged = now | {
        f"generator/{n.removeprefix('averaged/')}": a for n, a in now.items() if n.startswith("averaged")
    }
    averaged = session.generate(latents, None, averaged=True)
    assert averaged.tolist() == session_at(gan, exchanged).generate(latents, None).tolist()
    assert averaged.tolist() != session.generate(latents, None).tolist()


def test_a_step_of_descent_follows_the_gradients():
    descent = Player(optimizer=SGD(learning_rate=0.125))
    gan = with_protocol(TINY["labels"], discriminator=descent, generator=descent)
    session, step = opened(gan), inputs(gan, 0, 0)
    before, gradients = session.state(), session.gradients(step)
    session.step(step)
    after = session.state()
    for name, gradient in gradients.items():
        if name.startswith("discriminator/"):
            assert after[name].tolist() == (before[name] - 0.125 * gradient).tolist()
    # The generator meets the discriminator of after its update.
    mixed = {name: after[name] if name.startswith("discriminator/") else each for name, each in before.items()}
    for name, gradient in session_at(gan, mixed).gradients(step).items():
        if name.startswith("generator/"):
            assert after[name].tolist() == (before[name] - 0.125 * gradient).tolist()


def test_several_updates_are_several_steps_of_one_each():
    plain = with_protocol(TINY["many-updates"], average=None, latents="fresh")
    step = inputs(plain, 0, 0)
    session = opened(plain)
    session.step(step)
    by_hand = opened(plain)
    for number, fed in enumerate(step.discriminator):
        last = number == len(step.discriminator) - 1
        by_hand.step(replace(step, discriminator=(fed,), generator=step.generator if last else ()))
    for name, each in session.state().items():
        assert each.tolist() == by_hand.state()[name].tolist(), name


def test_looking_changes_nothing():
    gan = TINY["residuals"]
    session, step = opened(gan), inputs(gan, 0, 0)
    before = session.state()
    session.gradients(step)
    session.generate(step.generator[0].latents, None)
    for network, x in (
        ("generator", step.generator[0].latents),
        ("discriminator", pixels(step.discriminator[0].images)),
    ):
        session.trace(network, x, None)
        outputs = session.trace(network, x, None, key=1)
        assert outputs[gan.nodes(network)[-1].name].shape == (4, *gan.nodes(network)[-1].output)
    assert all((each == before[name]).all() for name, each in session.state().items())


def test_state_is_a_copy_and_goes_in_as_it_came_out():
    gan = TINY["adam"]
    session = opened(gan)
    session.step(inputs(gan, 0, 0))
    state = session.state()
    other = opened(gan, seed=1)
    other.load_state(state)
    assert all((each == state[name]).all() for name, each in other.state().items())
    for each in state.values():
        each += 1.0
    assert not any((each == state[name]).any() for name, each in session.state().items())
    assert not any((each == state[name]).any() for name, each in other.state().items())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("generator/00_dense/kernel"), "missing: generator/00_dense/kernel"),
        (lambda state: state.update(more=np.zeros(1)), "extra: more"),
        (lambda state: state.update({"generator/00_dense/bias": np.zeros(1)}), r"generator/00_dense/bias .*\(1,\)"),
    ],
)
def test_a_wrong_state_is_refused_and_changes_nothing(change, message):
    gan = TINY["adam"]
    session = opened(gan)
    before, state = session.state(), gan.initial_state(1)
    change(state)
    with pytest.raises(StateError, match=message):
        session.load_state(state)
    assert all((each == before[name]).all() for name, each in session.state().items())


def test_no_images_are_an_empty_batch():
    gan = TINY["adam"]
    assert opened(gan).generate(np.zeros((0, 4)), None).shape == (0, *gan.image_shape)


def test_what_the_reference_does_not_have():
    gan = TINY["adam"]
    with pytest.raises(PluginError, match="no module to take away"):
        opened(gan).native("generator")
    with pytest.raises(PluginError, match="no device 'cuda'"):
        open_reference(gan, gan.initial_state(0), "float64", "cuda")


def test_the_reference_can_be_asked_for_by_name():
    assert new_host(entries=()).find("ganforge_backends", BackendEntry, "numpy", "backend") is REFERENCE


def test_without_autograd_the_reference_says_what_to_install():
    code = (
        "import sys; sys.modules['autograd'] = None\n"
        "import ganforge.testing\n"
        "from ganforge.testing.tiny_gans import TINY\n"
        "gan = TINY['adam']\n"
        "ganforge.testing.REFERENCE.open(gan, gan.initial_state(0), 'float64', 'cpu')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "PluginError" in done.stderr
    assert "pip install 'ganforge[testing]'" in done.stderr


def test_importing_the_kit_imports_neither_autograd_nor_a_framework():
    code = "import sys, ganforge.testing; print([m for m in ('autograd', 'torch', 'tensorflow') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
