"""Dropout masks: the hash of ganforge.spec.streams in 32-bit integer tensors, bit for bit the same."""

from math import prod

import tensorflow as tf

from ganforge.spec import dropped_below


def mix(words: tf.Tensor) -> tf.Tensor:
    """`ganforge.spec.hash32` of uint32 words; products wrap around by themselves."""
    words = tf.bitwise.bitwise_xor(words, tf.bitwise.right_shift(words, _word(16))) * _word(0x85EBCA6B)
    words = tf.bitwise.bitwise_xor(words, tf.bitwise.right_shift(words, _word(13))) * _word(0xC2B2AE35)
    return tf.bitwise.bitwise_xor(words, tf.bitwise.right_shift(words, _word(16)))


def pass_key(key: tf.Tensor, number: int) -> tf.Tensor:
    """Key of one forward pass of an update: mix(key + number)."""
    return mix(key + _word(number))


def kept(key: tf.Tensor, layer: int, shape: tuple[int, ...], rate: float, starts: tuple[int, ...] = (0,)) -> tf.Tensor:
    """Booleans of `shape`, (batch, ...): what dropout keeps, as `ganforge.spec.dropout_mask` defines.

    `key`: of the forward pass, a uint32 scalar. `layer`: the node's number. `starts`: the elements are so many equal
    runs of a whole batch's, each beginning there.
    """
    place = mix(key + _word(0x9E3779B9 * (layer + 1)))
    runs = [tf.range(start, start + prod(shape) // len(starts), dtype=tf.int64) for start in starts]
    positions = mix(tf.cast(tf.concat(runs, 0), tf.uint32))
    hashed = mix(tf.bitwise.bitwise_xor(positions, place))
    return tf.reshape(hashed >= _word(dropped_below(rate)), shape)


def _word(value: int) -> tf.Tensor:
    return tf.constant(value & 0xFFFFFFFF, tf.uint32)
