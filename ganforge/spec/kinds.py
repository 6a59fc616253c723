"""Kinds of layers and of optimizers that a recipe can name, and the entries by which plugins give them."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from inspect import signature
from typing import Any

import msgspec

from ganforge.spec.layers.contract import Layer, LayerSettings
from ganforge.spec.optimizers import Optimizer, OptimizerSettings


@dataclass(frozen=True, kw_only=True)
class LayerEntry:
    """A kind of layer that a recipe can name, by the tag of its class."""

    layer: type[Layer]
    summary: str
    examples: tuple[Layer, ...] = ()
    """Settings that `ganforge.testing.check_layer` tries. Empty: those of `layer()`."""

    @property
    def name(self) -> str:
        """The kind."""
        return _name(self.layer)

    def check_class(self) -> None:
        """Check that the class is a kind of layer.

        Raises:
            TypeError: what it lacks.
        """
        _check_class(self.layer, LayerSettings, Layer, ("resolve", "parameters", "forward"))


@dataclass(frozen=True, kw_only=True)
class OptimizerEntry:
    """A kind of optimizer that a recipe can name, by the tag of its class."""

    optimizer: type[Optimizer]
    summary: str
    examples: tuple[Optimizer, ...] = ()
    """Settings that `ganforge.testing.check_optimizer` tries. Empty: those of `optimizer()`."""

    @property
    def name(self) -> str:
        """The kind."""
        return _name(self.optimizer)

    def check_class(self) -> None:
        """Check that the class is a kind of optimizer.

        Raises:
            TypeError: what it lacks.
        """
        _check_class(
            self.optimizer, OptimizerSettings, Optimizer, ("slots", "scale", "update"), ("learning_rate", "clip")
        )


@dataclass(frozen=True, kw_only=True)
class Kinds:
    """The kinds that a recipe is read with, by name."""

    layers: Mapping[str, type[Layer]]
    optimizers: Mapping[str, type[Optimizer]]

    @classmethod
    def of(cls, layers: Iterable[LayerEntry], optimizers: Iterable[OptimizerEntry]) -> "Kinds":
        """Those of some entries."""
        return cls(
            layers={entry.name: entry.layer for entry in layers},
            optimizers={entry.name: entry.optimizer for entry in optimizers},
        )


def _name(kind: Any) -> str:
    """The tag; of what is no kind, whatever helps to find it."""
    config = getattr(kind, "__struct_config__", None)
    return str(getattr(kind, "__name__", kind)) if config is None else str(config.tag)


def _check_class(
    kind: Any, base: type[msgspec.Struct], contract: Any, methods: tuple[str, ...], read: tuple[str, ...] = ()
) -> None:
    """Check what the core relies on: the settings, the methods with their arguments, what else it reads."""
    name = kind.__name__
    if not issubclass(kind, base):
        raise TypeError(f"{name} is not derived from ganforge.spec.{base.__name__}")
    config = kind.__struct_config__
    if config.tag_field != "kind" or not (config.frozen and config.forbid_unknown_fields):
        raise TypeError(
            f"{name} changes how settings are read; leave frozen, tag_field and forbid_unknown_fields alone"
        )
    if not re.fullmatch("[a-z][a-z0-9_]*", str(config.tag)):  # without one msgspec takes the class's name
        near = re.sub("(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
        raise TypeError(f'{name} has no kind of lower case letters, digits and underscores; say tag="{near}"')
    for method in methods:
        if not callable(getattr(kind, method, None)):
            raise TypeError(f"{name} has no method {method}")
        expected, found = signature(getattr(contract, method)).parameters, signature(getattr(kind, method))
        try:
            found.bind(*expected)
        except TypeError:
            message = f"{name}.{method} takes ({', '.join(found.parameters)}), not ({', '.join(expected)})"
            raise TypeError(message) from None
    for attribute in read:
        if not hasattr(kind, attribute):
            raise TypeError(f"{name} has no field or property {attribute}")
    try:
        msgspec.convert(None, kind)
    except msgspec.ValidationError:
        pass  # of None, but the types of its fields can be read
    except Exception as error:
        raise TypeError(f"the settings of {name} cannot be read: {error}") from error
