"""Which arrays of one GAN belong to the same layers as those of another."""

import re
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from ganforge.spec.gan import NETWORKS

Shapes: TypeAlias = Mapping[str, tuple[int, ...]]
"""By the names of a state."""


def counterparts(ours: Shapes, theirs: Shapes) -> dict[str, str]:
    """For every array of `ours`, the array of `theirs` of the same layer, where there is one. Their shapes may differ.

    A network's layers are the same by their names, or, where more arrays fit then, by their order: the third conv is
    the third conv, whatever layers of other kinds come between. So a `join_label`, which shifts the numbers in the
    names of all layers behind it, is no hindrance.
    """
    found: dict[str, str] = {}
    for network in NETWORKS:
        own, other = (_places(name for name in names if name.startswith(f"{network}/")) for names in (ours, theirs))
        there = {place: name for name, place in other.items()}
        by_name = {name: name for name in own if name in other}
        by_order = {name: there[place] for name, place in own.items() if place in there}
        fitting = [sum(ours[name] == theirs[of] for name, of in names.items()) for names in (by_name, by_order)]
        found |= by_name if fitting[0] >= fitting[1] else by_order
    averaged = {name: name.replace("averaged/", "generator/", 1) for name in ours if name.startswith("averaged/")}
    sources = {name: found[of].replace("generator/", "averaged/", 1) for name, of in averaged.items() if of in found}
    return found | {name: source for name, source in sources.items() if source in theirs}


def _places(names: Iterable[str]) -> dict[str, str]:
    """By name, where the array lies with the layers of each kind counted by themselves.

    `05_residual/03_conv/kernel` is `residual 0/conv 1/kernel` where it is of the first block, and in that of the second
    convolution. Layers without arrays have no names here and do not count.
    """
    found, siblings = {}, dict[str, dict[str, int]]()
    for name in sorted(names, key=lambda name: [int(number) for number in re.findall(r"/(\d+)_", name)]):
        place = ""
        for part in name.split("/"):
            number, _, kind = part.partition("_")
            if number.isdecimal():
                counted = siblings.setdefault(f"{place}/{kind}", {})
                part = f"{kind} {counted.setdefault(part, len(counted))}"
            place = f"{place}/{part}"
        found[name] = place
    return found
