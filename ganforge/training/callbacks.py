"""Callbacks: what a caller of `train` or `resume` wants to be told of one run, without writing a plugin."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from inspect import signature
from typing import Any, TypeAlias

from ganforge.errors import GanforgeError

Listeners: TypeAlias = Mapping[str, tuple[Callable[..., Any], ...]]
"""By event, the functions to call."""
EVENTS = ("run_started", "step_finished", "epoch_finished", "checkpoint_saved", "step_measured", "run_finished")
"""The events of a run, named as the plugin hooks are without `ganforge_`."""


def listeners(callbacks: Sequence[object]) -> Listeners:
    """By event, the functions to call, in the order given.

    A callback is an object with methods named as `EVENTS`, or a function of `(run, step, scalars)`, which is called
    as `step_finished` is.

    Raises:
        GanforgeError: a callback is neither, or they are no list.
    """
    if not isinstance(callbacks, Iterable) or isinstance(callbacks, str):
        raise GanforgeError(f"callbacks takes a list, as callbacks=[log], not {callbacks!r:.60}")
    found: dict[str, list[Callable[..., Any]]] = {event: [] for event in EVENTS}
    for callback in callbacks:
        if isinstance(callback, type):
            raise GanforgeError(f"callback {callback.__name__} is a class; give an object of it: {callback.__name__}()")
        methods = {event: method for event in EVENTS if callable(method := getattr(callback, event, None))}
        if not methods and callable(callback):
            methods = {"step_finished": callback}
            _check_arguments(callback)
        if not methods:
            raise GanforgeError(
                f"{callback!r:.60} is no callback: it is neither a function of (run, step, scalars) nor an object with "
                f"one of the methods {', '.join(EVENTS)}"
            )
        for event, method in methods.items():
            found[event].append(method)
    return {event: tuple(functions) for event, functions in found.items()}


def _check_arguments(function: Callable[..., Any]) -> None:
    try:
        signature(function).bind(None, 1, None)
    except TypeError as error:
        name = getattr(function, "__name__", repr(function))
        raise GanforgeError(f"callback {name} must take (run, step, scalars): {error}") from error
    except ValueError:  # a built-in function whose signature Python does not know
        return
