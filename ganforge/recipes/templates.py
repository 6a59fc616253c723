"""Layers as a recipe writes them: tables in which a size may be a share of the image, and a number may have a name.

    { kind = "conv_transpose", filters = "4 * width", kernel = 5, stride = 2, size = "1/8" }

`fill` puts in the numbers, so that one recipe makes networks for images of any size, any number of channels and of
labels. A share is rounded up, as a convolution with padding 'same' does: halving again and again comes to the same
sizes, odd ones too. Stages are layers that are there once for every halving or doubling:

    { stages = ["1/reduction", "1/1"], layers = [{ kind = "upsample", size = "1/after" }, ...] }

docs/write-a-recipe.md tells the notation from the writer's side.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any, TypeAlias

from ganforge.errors import RecipeError, near_names
from ganforge.recipes.kinds import inner_fields, read_kind, without_labels
from ganforge.spec.architecture_library import halvings
from ganforge.spec.kind_library import SHIPPED_KINDS
from ganforge.spec.layers.contract import Layer

Written: TypeAlias = dict[str, Any]
"""One layer, or stages, as it stands in a recipe."""

_LARGEST_REDUCTION = 1024
"""Of a stand-in: so large that there is a stage between any two shares that a recipe may name."""


@dataclass(frozen=True, kw_only=True)
class Layers:
    """The layers of both networks, every size and number filled in."""

    generator: tuple[Layer, ...] = ()
    discriminator: tuple[Layer, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Measures:
    """What the notations of a recipe refer to."""

    image: tuple[int, int]
    """(height, width)."""
    numbers: Mapping[str, int]
    """By name: `channels`, `classes` (0: unconditional), `latent`, `logits`, `reduction`, and `width` where the recipe
    has one."""


def reduction(height: int, width: int) -> int:
    """How many times smaller than the image an architecture's smallest maps are; see `halvings`."""
    return 1 << (len(halvings(height, width)) - 1)


def stand_in(*, width: bool) -> Measures:
    """Measures to read a recipe with before its own are known; no number is right, but every mistake is seen."""
    names = ("channels", "classes", "latent", "logits", *(("width",) if width else ()))
    return Measures(image=(1, 1), numbers=dict.fromkeys(names, 1) | {"reduction": _LARGEST_REDUCTION})


def fill(
    written: Mapping[str, Sequence[Written]],
    shared: Mapping[str, Written],
    measures: Measures,
    where: str,
    kinds: Mapping[str, type[Layer]] = SHIPPED_KINDS.layers,
) -> Layers:
    """The layers of a recipe with their numbers filled in; without labels, those that join one are left out.

    written: the layers of `generator` and `discriminator`; shared: settings of all layers of a kind, by kind, which a
    layer's own go before.

    Raises:
        RecipeError: an unknown key, kind or name, or a wrong value; the message names its place and the near names.
    """
    for kind, settings in shared.items():
        if kind not in kinds:
            raise RecipeError(f"{where}: unknown kind of layer {kind!r} in [layers]; {near_names(kind, kinds)}")
        for key in settings:
            if key not in kinds[kind].__struct_fields__:
                near = near_names(key, kinds[kind].__struct_fields__)
                raise RecipeError(f"{where}: unknown key {key!r} in [layers.{kind}]; {near}")
    filler = _Filler(shared=shared, measures=measures, where=where, kinds=kinds)
    layers = Layers(**{network: filler.chain(tables, network) for network, tables in written.items()})
    if measures.numbers["classes"]:
        return layers
    return Layers(generator=without_labels(layers.generator), discriminator=without_labels(layers.discriminator))


@dataclass(frozen=True, kw_only=True)
class _Filler:
    """Reads notations. What is none is left as it is, for the conversion to types to take or refuse."""

    kinds: Mapping[str, type[Layer]]
    shared: Mapping[str, Written]
    measures: Measures
    where: str

    def chain(self, tables: Sequence[Any], place: str) -> tuple[Layer, ...]:
        found: list[Layer] = []
        for number, table in enumerate(tables):
            at = f"{place}[{number}]"
            if isinstance(table, Mapping) and "stages" in table and "kind" not in table:
                found += self.stages(table, at)
            else:
                found.append(self.layer(table, at))
        return tuple(found)

    def stages(self, table: Mapping[str, Any], place: str) -> Iterator[Layer]:
        """The layers of a stage, once for each halving or doubling between two shares; none where these are equal."""
        remedy = "stages take two shares of the image, as ['1/reduction', '1/1'], and the layers of one stage"
        match dict(table):
            case {"stages": [str() as start, str() as end], "layers": list() | tuple() as layers, **others} if (
                not others
            ):
                before, last = (self.times(share, f"{place}.stages") for share in (start, end))
            case _:
                raise self.error(place, dict(table), remedy)
        if (max(before, last) // min(before, last)).bit_count() != 1 or max(before, last) % min(before, last):
            raise self.error(f"{place}.stages", table["stages"], "a stage halves or doubles, so as '1/8' and '1/2'")
        while before != last:
            after = before // 2 if before > last else before * 2
            numbers = {**self.measures.numbers, "before": before, "after": after}
            inner = replace(self, measures=replace(self.measures, numbers=numbers))
            yield from inner.chain(layers, f"{place}.layers")
            before = after

    def layer(self, table: Any, place: str) -> Layer:
        if isinstance(table, Mapping):
            table = self.filled(table, place)
        return read_kind(table, self.kinds, self.where, place)

    def filled(self, table: Mapping[str, Any], place: str) -> Written:
        kind = str(table.get("kind"))
        filled = {**self.shared.get(kind, {}), **table}
        inner = inner_fields(self.kinds[kind]) if kind in self.kinds else ()
        for key, value in filled.items():
            at = f"{place}.{key}"
            match key, value:
                case _, list() | tuple() if key in inner:
                    filled[key] = self.chain(value, at)
                case (("filters" | "units" | "channels" | "groups"), str()):
                    filled[key] = self.number(value, at)
                case (("kernel" | "size"), str()):
                    filled[key] = self.share(value, at)
                case "shape", list() | tuple():
                    filled[key] = self.sizes(value, at)
                case "units", list() | tuple():
                    filled[key] = prod(self.sizes(value, at))
        return filled

    def sizes(self, items: Sequence[Any], place: str) -> list[int]:
        """A shape; a share stands for both height and width."""
        found: list[int] = []
        for item in items:
            match item:
                case int():
                    found.append(item)
                case str() if "/" in item:
                    found += self.share(item, place)
                case str():
                    found.append(self.number(item, place))
                case _:
                    raise self.error(place, items, "it may hold whole numbers, '1/16', '8 * width' and the like")
        return found

    def share(self, text: str, place: str) -> tuple[int, int]:
        """'1/8' as (height, width), rounded up."""
        times = self.times(text, place)
        height, width = (-(-side // times) for side in self.measures.image)
        return height, width

    def times(self, text: str, place: str) -> int:
        """How many times smaller than the image a share is: 8 of '1/8', half of `reduction` of '2/reduction'."""
        found = re.fullmatch(r"([1-9]\d{0,3}) */ *(?:([1-9]\d{0,3})|([a-z]+))", text.strip())
        if found is None:
            raise self.error(place, text, "a size is a number, [height, width], or a share of the image, as '1/8'")
        parts, whole = int(found[1]), int(found[2]) if found[2] else self.factor(found[3], text, place)
        if whole < 1 or whole % parts:
            raise self.error(place, text, f"{parts} is no divisor of {whole}")
        return whole // parts

    def number(self, text: str, place: str) -> int:
        """'8 * width', 'channels + classes': a sum of products of whole numbers and names."""
        terms = [[self.factor(word.strip(), text, place) for word in term.split("*")] for term in text.split("+")]
        return sum(prod(factors) for factors in terms)

    def factor(self, word: str, text: str, place: str) -> int:
        if re.fullmatch(r"[0-9]{1,9}", word):
            return int(word)
        numbers = self.measures.numbers
        if word in numbers:
            return numbers[word]
        if word in ("before", "after"):
            raise self.error(place, text, f"{word!r} has a meaning in the layers of stages alone")
        if word == "width":
            raise self.error(place, text, "the recipe has no width; give it one at its top, as width = 64")
        raise self.error(place, text, f"{word!r} is neither a whole number nor a name; {near_names(word, numbers)}")

    def error(self, place: str, value: object, remedy: str) -> RecipeError:
        return RecipeError(f"{self.where}: {place} = {value!r}: {remedy}")
