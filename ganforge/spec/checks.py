"""What the functions of entries hand over, held to their contracts as it comes in: a breach is named where it is made.

What it costs a step is a look at the shapes of a few scalars.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from typing import Any

from ganforge._io.origins import described
from ganforge.errors import STRICT, GanforgeError, PluginError
from ganforge.spec.losses import LossEntry, PenaltyEntry
from ganforge.spec.network import Network
from ganforge.spec.ops import Tensor

TELL = "Please tell the plugin's author"


@contextmanager
def blamed(who: str) -> Iterator[None]:
    """Word what a plugin's function raises against its contract.

    Raises:
        PluginError: anything was raised but the errors that the contracts allow, which pass.
    """
    try:
        yield
    except (GanforgeError, OSError, MemoryError):
        raise
    except Exception as error:
        raise PluginError(f"{who} raised {described(error)}. {TELL}; {STRICT}=1 shows the traceback") from error


def check_networks(built: Any, who: str) -> tuple[Network, Network]:
    """A generator and a discriminator.

    Raises:
        PluginError: it is anything else.
    """
    match built:
        case (Network() as generator, Network() as discriminator):
            return generator, discriminator
    raise PluginError(f"{who} built {built!r:.60}, where its contract asks for two networks. {TELL}")


@cache
def checked_loss(entry: LossEntry, who: str) -> LossEntry:
    """The loss, with a look at what it gives: a framework might take a row of numbers for its sum, and train on."""

    def discriminator(*inputs: Any) -> tuple[Tensor, Tensor]:
        with _noted(who):
            terms = entry.discriminator(*inputs)
        if not isinstance(terms, tuple) or len(terms) != 2:
            raise PluginError(f"{who}: its discriminator gave {terms!r:.60}, not a tuple of two scalars. {TELL}")
        return _scalar(terms[0], f"{who}: its discriminator"), _scalar(terms[1], f"{who}: its discriminator")

    return replace(entry, discriminator=discriminator, generator=_checked(entry.generator, f"{who}: its generator"))


@cache
def checked_penalty(entry: PenaltyEntry, who: str) -> PenaltyEntry:
    """The penalty, with a look at what it gives."""
    return replace(entry, penalty=_checked(entry.penalty, who))


def _checked(function: Callable[..., Tensor], who: str) -> Callable[..., Tensor]:
    def checked(*inputs: Any) -> Tensor:
        with _noted(who):
            value = function(*inputs)
        return _scalar(value, who)

    return checked


def _scalar(value: Tensor, who: str) -> Tensor:
    try:
        shape = tuple(value.shape)
    except AttributeError:  # no tensor of any framework
        raise PluginError(f"{who} gave {value!r:.60}, where its contract asks for a scalar tensor. {TELL}") from None
    if shape:
        raise PluginError(f"{who} gave shape {shape}, where its contract asks for a scalar. {TELL}")
    return value


@contextmanager
def _noted(who: str) -> Iterator[None]:
    """Name who was at work in a traceback: what is raised here may as well be the framework's, as when memory ends."""
    try:
        yield
    except Exception as error:
        error.add_note(f"raised in {who}")
        raise
