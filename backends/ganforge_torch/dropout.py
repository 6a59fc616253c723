"""Dropout masks by the integer hash of `ganforge.spec.streams`: the same elements fall out in every framework."""

import torch
from torch import Tensor

from ganforge.spec import dropped_below

_WORD = 0xFFFFFFFF


def pass_key(key: int, number: int) -> int:
    """Key of forward pass `number` of the update that has `key`."""
    return _mix((key + number) & _WORD)


def kept(key: int, layer: int, count: int, rate: float, device: torch.device, starts: tuple[int, ...] = (0,)) -> Tensor:
    """Which of `count` elements a dropout layer keeps: `ganforge.spec.dropout_mask`, a bool tensor (count,).

    `starts`: they are so many equal runs of a whole batch's elements, each beginning there.
    """
    place = _mix((key + 0x9E3779B9 * (layer + 1)) & _WORD)
    run = torch.arange(count // len(starts), dtype=torch.int32, device=device)
    words = _mix_each(run if starts == (0,) else torch.cat([run + _signed(start & _WORD) for start in starts]))
    hashed = _mix_each(words.bitwise_xor_(_signed(place)))
    # Unsigned words compare as signed ones do once the highest bit of both is turned.
    return hashed.bitwise_xor_(_signed(1 << 31)) >= dropped_below(rate) - (1 << 31)


def _mix(word: int) -> int:
    word = ((word ^ (word >> 16)) * 0x85EBCA6B) & _WORD
    word = ((word ^ (word >> 13)) * 0xC2B2AE35) & _WORD
    return word ^ (word >> 16)


def _mix_each(words: Tensor) -> Tensor:
    """`_mix` of every word, in place; 32-bit words held as signed integers, whose products wrap around alike."""
    words.bitwise_xor_(_shifted(words, 16)).mul_(_signed(0x85EBCA6B))
    words.bitwise_xor_(_shifted(words, 13)).mul_(_signed(0xC2B2AE35))
    return words.bitwise_xor_(_shifted(words, 16))


def _shifted(words: Tensor, bits: int) -> Tensor:
    """Shifted right with zeros moving in, where torch would move the sign in."""
    return (words >> bits).bitwise_and_(_WORD >> bits)


def _signed(word: int) -> int:
    return word - (1 << 32) if word >= 1 << 31 else word
