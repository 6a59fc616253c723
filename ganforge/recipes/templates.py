"""Layers as a recipe writes them: tables in which a size may be a share of the image, and a number may have a name.

    { kind = "conv_transpose", filters = "4 * width", kernel = 5, stride = 2, size = "1/8" }

`fill` puts in the numbers, so that one recipe makes networks for images of any size, any number of channels and of
labels. A share is rounded up, as a convolution with padding 'same' does: halving again and again comes to the same
sizes, odd ones too. docs/write-a-recipe.md tells the notation from the writer's side.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, TypeAlias

from ganforge.errors import RecipeError, near_names
from ganforge.recipes.kinds import inner_fields, read_kind, without_labels
from ganforge.spec.kind_library import SHIPPED_KINDS
from ganforge.spec.layers.contract import Layer

Written: TypeAlias = dict[str, Any]
"""One layer as it stands in a recipe."""


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
    """By name: `channels`, `classes` (0: unconditional), `latent`, `logits`, and `width` where the recipe has one."""


def stand_in(*, width: bool) -> Measures:
    """Measures to read a recipe with before its own are known; no number is right, but every mistake is seen."""
    names = ("channels", "classes", "latent", "logits", *(("width",) if width else ()))
    return Measures(image=(1, 1), numbers=dict.fromkeys(names, 1))


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
        return tuple(self.layer(table, f"{place}[{number}]") for number, table in enumerate(tables))

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
                case (("filters" | "units" | "channels"), str()):
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
        found = re.fullmatch(r"1 */ *([1-9]\d{0,3})", text.strip())
        if found is None:
            raise self.error(place, text, "a size is a number, [height, width], or a share of the image, as '1/8'")
        height, width = (-(-side // int(found[1])) for side in self.measures.image)
        return height, width

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
        if word == "width":
            raise self.error(place, text, "the recipe has no width; give it one at its top, as width = 64")
        raise self.error(place, text, f"{word!r} is neither a whole number nor a name; {near_names(word, numbers)}")

    def error(self, place: str, value: object, remedy: str) -> RecipeError:
        return RecipeError(f"{self.where}: {place} = {value!r}: {remedy}")
