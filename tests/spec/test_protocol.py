"""What depends on the number of an update alone, against the recurrences that it abbreviates."""

from math import isclose, sqrt

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganforge.spec.optimizers import SGD, Adam, Optimizer, RMSprop
from ganforge.spec.protocol import (
    Average,
    Latent,
    LossChoice,
    PenaltyChoice,
    Player,
    Protocol,
    TargetChoice,
)
from ganforge.spec.schedules import Schedule


@given(st.floats(0, 0.99), st.floats(0, 0.9999), st.integers(1, 300))
def test_adams_scale_undoes_the_bias_of_its_moments(beta1: float, beta2: float, updates: int) -> None:
    """For gradients that are always 3: m / (1 - beta1^t) is 3 and sqrt(v) / sqrt(1 - beta2^t) too."""
    optimizer = Adam(learning_rate=0.01, beta1=beta1, beta2=beta2)
    m = v = 0.0
    for _ in range(updates):
        m, v = beta1 * m + (1 - beta1) * 3, beta2 * v + (1 - beta2) * 9
    found = optimizer.scale(updates - 1)
    assert isclose(found.rate * m, 0.01 * 3, rel_tol=1e-9)
    assert isclose(sqrt(v) / found.root, 3, rel_tol=1e-6)


def test_adams_first_update() -> None:
    found = Adam(learning_rate=2e-4, beta1=0.5, beta2=0.999).scale(0)
    assert isclose(found.rate, 4e-4, rel_tol=1e-15)
    assert isclose(found.root, sqrt(0.001), rel_tol=1e-12)


def test_adams_scale_with_epsilon_hat_has_its_root_in_the_rate() -> None:
    found = Adam(learning_rate=2e-4, beta1=0.5, beta2=0.999, epsilon_hat=True).scale(0)
    assert isclose(found.rate, 4e-4 * sqrt(0.001), rel_tol=1e-12)
    assert found.root == 1.0


@pytest.mark.parametrize(
    "optimizer", [RMSprop(learning_rate=0.01, rate_decay=0.5), SGD(learning_rate=0.01, rate_decay=0.5)], ids=repr
)
def test_the_rate_decays_from_the_second_update_on(optimizer: Optimizer) -> None:
    assert [optimizer.scale(done)[:2] for done in range(3)] == [(0.01, 1.0), (0.01 / 1.5, 1.0), (0.01 / 2, 1.0)]


def test_adams_rate_decays_too() -> None:
    plain, decaying = Adam(learning_rate=0.01), Adam(learning_rate=0.01, rate_decay=0.25)
    assert isclose(decaying.scale(4).rate, plain.scale(4).rate / 2, rel_tol=1e-15)
    assert decaying.scale(4).root == plain.scale(4).root


@pytest.mark.parametrize(
    ("optimizer", "names"),
    [
        (Adam(), ("m", "v")),
        (RMSprop(learning_rate=1.0), ("v",)),
        (SGD(learning_rate=1.0), ()),
        (SGD(learning_rate=1.0, momentum=0.9), ("b",)),
    ],
    ids=repr,
)
def test_slots(optimizer: Optimizer, names: tuple[str, ...]) -> None:
    assert optimizer.slots() == names


def test_average_warms_up_to_its_decay() -> None:
    warm = [Average(decay=0.9).kept(done, 4) for done in range(200)]
    assert warm[:3] == [1 / 10, 2 / 11, 3 / 12]
    assert warm == sorted(warm)
    assert warm[-1] == 0.9
    assert Average(decay=0.9, warmup=False).kept(0, 4) == 0.9


def test_a_half_life_is_in_images_whatever_the_batch_size() -> None:
    average = Average(half_life=1000.0)
    for batch in (10, 250, 1000):
        assert isclose(average.kept(7, batch) ** (1000 / batch), 0.5, rel_tol=1e-12)


def test_a_half_life_ramps_up_with_the_images_before() -> None:
    """As StyleGAN2-ADA's: nothing is kept in the first step."""
    average = Average(half_life=1000.0, ramp_up=0.05)
    assert average.kept(0, 64) == 0.0
    assert isclose(average.kept(100, 64), 0.5 ** (64 / (0.05 * 6400)), rel_tol=1e-12)
    assert average.kept(10_000, 64) == Average(half_life=1000.0).kept(0, 64)
    falling = Average(half_life=Schedule(kind="linear", start=200.0, end=0.0, steps=4))
    assert [falling.kept(done, 50) for done in (0, 2, 9)] == [0.5**0.25, 0.5**0.5, 0.0]


def test_player_by_network() -> None:
    protocol = Protocol(generator=Player(updates=2), discriminator=Player(updates=5))
    assert protocol.player("generator").updates == 2
    assert protocol.player("discriminator").updates == 5


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (Adam, {"learning_rate": 0.0}),
        (Adam, {"beta1": 1.0}),
        (Adam, {"beta2": -0.1}),
        (Adam, {"epsilon": 0.0}),
        (Adam, {"rate_decay": -1.0}),
        (Adam, {"clip": 0.0}),
        (Adam, {"momentum": 0.5}),
        (RMSprop, {}),
        (RMSprop, {"learning_rate": 0.1, "rho": 1.0}),
        (SGD, {"learning_rate": 0.1, "momentum": 1.0}),
        (Latent, {"size": 0}),
        (Latent, {"distribution": "gaussian"}),
        (Latent, {"low": 1.0, "high": 1.0}),
        (Latent, {"low": 1.0, "high": -1.0}),
        (LossChoice, {"discriminator_scale": 0.0}),
        (PenaltyChoice, {"name": "r1"}),
        (PenaltyChoice, {"name": "r1", "weight": 0.0}),
        (TargetChoice, {"flip": 1.1}),
        (TargetChoice, {"noise": -0.1}),
        (Player, {"updates": 0}),
        (Average, {"decay": 1.0}),
        (Average, {"half_life": 0.0}),
        (Average, {"ramp_up": 0.05}),
        (Protocol, {"batch_size": 0}),
        (Protocol, {"batch_size": 6, "accumulate": 4}),
        (Protocol, {"batch_size": 8, "accumulate": 4, "keep_last": True}),
        (Protocol, {"latents": "new"}),
        (Protocol, {"order": "random"}),
        (Protocol, {"optimiser": {}}),
    ],
    ids=str,
)
def test_refused(kind: type[msgspec.Struct], given: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(given, kind)
