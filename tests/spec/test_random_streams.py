"""Every random number is a function of its name and place. The frozen values catch a stream that silently changes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganforge.spec import random_streams

WORD = 2**32 - 1

NORMALS = [-0.11640560709988004, -0.10812360564345011, 1.6659264206502622, -0.9284983236331618]
UNIFORMS = [0.6831909986668556, 0.10120089246158104, 0.3813873410749431]
WORDS = [2771932809, 3770529563, 2140988070]
KEYS = (2124245758, 417803812)
MASK = "00011110111100110110001101101111"
TEN, OTHER_TEN = [9, 1, 8, 3, 5, 6, 2, 4, 0, 7], [0, 9, 6, 2, 8, 4, 7, 5, 1, 3]
THREE = [5445, 45124, 38237]


def murmur_finaliser(word: int) -> int:
    """MurmurHash3's fmix32 in plain integers."""
    word ^= word >> 16
    word = word * 0x85EBCA6B & WORD
    word ^= word >> 13
    word = word * 0xC2B2AE35 & WORD
    return word ^ word >> 16


def test_frozen_draws() -> None:
    """A change here changes every image of every seed and breaks every run that is resumed."""
    assert random_streams.generator(7, "latent", 3, 1).standard_normal(4).tolist() == NORMALS
    assert random_streams.generator(0, "sample").random(3).tolist() == UNIFORMS
    assert random_streams.generator(0, "shuffle", 2).integers(0, 2**32, size=3, dtype=np.uint64).tolist() == WORDS
    assert (random_streams.key(7, "dropout/generator", 5), random_streams.key(0, "x")) == KEYS


def test_frozen_masks_and_shuffles() -> None:
    mask = "".join("01"[int(kept)] for kept in random_streams.dropout_mask(1234, 3, 32, 0.4))
    assert mask == MASK
    assert random_streams.shuffled(0, 0, 10, np.arange(10)).tolist() == TEN
    assert random_streams.shuffled(5, 2, 10, np.arange(10)).tolist() == OTHER_TEN
    assert random_streams.shuffled(1, 0, 70000, np.arange(3)).tolist() == THREE


def test_purpose_seed_and_counters_all_matter() -> None:
    places = [(0, "a"), (1, "a"), (0, "b"), (0, "a", 0), (0, "a", 1), (0, "a", 1, 0), (0, "a", 0, 1), (10, "a", 1)]
    draws = {random_streams.generator(*place).random() for place in places}
    keys = {random_streams.key(*place) for place in places}
    assert len(draws) == len(keys) == len(places)


def test_a_key_has_32_bits() -> None:
    keys = [random_streams.key(0, "dropout", step) for step in range(200)]
    assert max(keys) < 2**32
    assert max(keys) > 2**31  # the highest bit is used


@given(st.lists(st.integers(0, WORD), min_size=1, max_size=20))
def test_mix_is_murmurs_finaliser(words: list[int]) -> None:
    assert random_streams.hash32(np.array(words, dtype=np.uint64)).tolist() == [
        murmur_finaliser(word) for word in words
    ]


def test_mix_of_one_is_the_published_value() -> None:
    assert int(random_streams.hash32(np.array([1], dtype=np.uint64))[0]) == 0x514E28B7


def test_mix_takes_the_low_32_bits() -> None:
    """Backends add to a key before mixing; what runs over is cut off."""
    over = np.array([2**32 + 5, 5], dtype=np.uint64)
    assert random_streams.hash32(over)[0] == random_streams.hash32(over)[1]


@given(st.integers(0, WORD), st.integers(0, 40), st.floats(0, 0.99), st.integers(1, 200))
def test_kept_is_what_its_docstring_says(key: int, layer: int, rate: float, count: int) -> None:
    place = murmur_finaliser((key + 0x9E3779B9 * (layer + 1)) % 2**32)
    expected = [murmur_finaliser(murmur_finaliser(i) ^ place) >= int(rate * 2**32) for i in range(count)]
    assert random_streams.dropout_mask(key, layer, count, rate).tolist() == expected


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_drops_its_share(rate: float) -> None:
    share = 1 - random_streams.dropout_mask(99, 2, 100_000, rate).mean()
    assert abs(share - rate) < 4 * (rate * (1 - rate) / 100_000) ** 0.5


def test_nothing_is_dropped_at_rate_zero() -> None:
    assert random_streams.dropout_mask(1, 1, 1000, 0.0).all()


def test_layers_and_keys_drop_different_elements() -> None:
    one, other_layer, other_key = (
        random_streams.dropout_mask(key, layer, 10_000, 0.5) for key, layer in ((1, 1), (1, 2), (2, 1))
    )
    assert abs((one == other_layer).mean() - 0.5) < 0.03
    assert abs((one == other_key).mean() - 0.5) < 0.03


@given(st.integers(1, 3000), st.integers(0, 2**40), st.integers(0, 100))
def test_shuffled_is_a_permutation_of_any_size(size: int, seed: int, epoch: int) -> None:
    assert sorted(random_streams.shuffled(seed, epoch, size, np.arange(size))) == list(range(size))


@given(st.integers(1, 500), st.data())
def test_a_shuffle_can_be_read_anywhere(size: int, data: st.DataObject) -> None:
    positions = np.array(data.draw(st.lists(st.integers(0, size - 1), min_size=1, max_size=10)))
    whole = random_streams.shuffled(3, 1, size, np.arange(size))
    assert random_streams.shuffled(3, 1, size, positions).tolist() == whole[positions].tolist()


def test_epochs_and_seeds_shuffle_differently() -> None:
    positions = np.arange(1000)
    orders = [random_streams.shuffled(seed, epoch, 1000, positions) for seed, epoch in ((0, 0), (0, 1), (1, 0))]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert (orders[one] == orders[other]).mean() < 0.01


@pytest.mark.parametrize("size", [6, 11])
def test_every_position_gets_every_image_alike(size: int) -> None:
    """600 shuffles: each pair of position and image is as frequent as chance has it, to five deviations."""
    counts = np.zeros((size, size))
    for epoch in range(600):
        counts[np.arange(size), random_streams.shuffled(8, epoch, size, np.arange(size))] += 1
    expected = 600 / size
    assert np.abs(counts - expected).max() < 5 * (expected * (1 - 1 / size)) ** 0.5


def test_a_shuffle_of_a_million_million_takes_no_memory() -> None:
    found = random_streams.shuffled(0, 0, 10**12, np.arange(10**12 - 5000, 10**12))
    assert len(set(found.tolist())) == 5000
    assert 0 <= found.min() and found.max() < 10**12
    assert found.max() - found.min() > 10**11  # spread over all of it
