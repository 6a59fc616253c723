"""All randomness: every number is a function of (seed, purpose, counters), so nothing has to be remembered.

A checkpoint needs no generator state, step 1,000,000 can be drawn without the 999,999 before it, and two frameworks
that are given the same step see the same numbers. The bits are NumPy's Philox, a counter-based generator (Salmon et
al. 2011, "Parallel random numbers: as easy as 1, 2, 3"); masks and shuffles use a 32-bit integer hash that every
framework can compute for itself.
"""

from functools import lru_cache
from hashlib import blake2b

import numpy as np
import numpy.typing as npt
from numpy.random.bit_generator import ISeedSequence

Words = npt.NDArray[np.uint64]
"""32-bit words held in 64 bits, so that products do not overflow."""

_LOW = np.uint64(0xFFFFFFFF)


def generator(seed: int, purpose: str, *counters: int) -> np.random.Generator:
    """A NumPy generator for one purpose at one place, such as `generator(7, "latent", step, update)`."""
    label = f"{seed}/{purpose}/{'/'.join(map(str, counters))}".encode()
    key = _Key(blake2b(label, digest_size=16).digest())
    return np.random.Generator(np.random.Philox(key))  # type: ignore[arg-type] # NumPy's stubs know no such seeds


class _Key(ISeedSequence):
    """Philox's key as it is. Given as `key=`, NumPy asks the system for entropy first, which takes twice as long."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def generate_state(self, n_words: int, dtype: npt.DTypeLike = np.uint64) -> Words:
        return np.frombuffer(self._key, dtype=np.uint64)


def key(seed: int, purpose: str, *counters: int) -> int:
    """A 32-bit key for one purpose at one place, to be spread with `hash32`."""
    label = f"{seed}/{purpose}/{'/'.join(map(str, counters))}".encode()
    return int.from_bytes(blake2b(label, digest_size=4).digest(), "little")


def hash32(words: Words) -> Words:
    """A bijective hash of 32-bit words: xor-shift, multiply, twice (the form of MurmurHash3's finaliser).

    Backends compute the same in integer tensors; tests compare them with this.
    """
    words = words & _LOW
    words = ((words ^ (words >> np.uint64(16))) * np.uint64(0x85EBCA6B)) & _LOW
    words = ((words ^ (words >> np.uint64(13))) * np.uint64(0xC2B2AE35)) & _LOW
    return words ^ (words >> np.uint64(16))


def dropout_mask(key: int, layer: int, count: int, rate: float) -> npt.NDArray[np.bool_]:
    """Which of `count` elements (in batch, height, width, channels order) a dropout layer keeps.

    `key` is that of the forward pass, `layer` the node's number. Element i is kept where
    hash32(hash32(i) ^ hash32(key + 0x9E3779B9 * (layer + 1))) >= floor(rate * 2^32).
    """
    place = hash32(np.array([(key + 0x9E3779B9 * (layer + 1)) & 0xFFFFFFFF], dtype=np.uint64))
    hashed = hash32(hash32(np.arange(count, dtype=np.uint64)) ^ place)
    return np.asarray(hashed >= np.uint64(dropped_below(rate)))


def dropped_below(rate: float) -> int:
    """The hash value from which on an element is kept: floor(rate * 2^32)."""
    return int(rate * 2**32)


def shuffled(seed: int, epoch: int, size: int, positions: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Where a shuffle of 0 .. size - 1 puts `positions`, without ever holding the shuffle.

    A balanced Feistel network on the smallest even number of bits that holds `size`, walked until it falls inside
    (Black and Rogaway 2002, "Ciphers with arbitrary finite domains", section 3.3): any size, in memory that grows
    with its square root, which is how many values half of the bits can have.
    """
    half = max(1, -(-(size - 1).bit_length() // 2))
    tables = _rounds(seed, epoch, half)

    def scramble(words: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        left, right = words >> half, words & ((1 << half) - 1)
        for table in tables:
            left, right = right, left ^ table.take(right)
        return (left << half) | right

    indices = scramble(positions)
    outside = np.flatnonzero(indices >= size)
    while outside.size:
        indices[outside] = scramble(indices[outside])
        outside = outside[indices[outside] >= size]
    return indices


@lru_cache(maxsize=2)
def _rounds(seed: int, epoch: int, half: int) -> npt.NDArray[np.int64]:
    """(8, 2^half): what each round makes of every value of half of the bits; signed, as NumPy's indices are."""
    values = hash32(np.arange(1 << half, dtype=np.uint64))
    places = generator(seed, "shuffle", epoch).integers(0, 2**32, size=(8, 1), dtype=np.uint64)
    return (hash32(values ^ places) & np.uint64((1 << half) - 1)).astype(np.int64)
