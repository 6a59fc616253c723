"""What the checks of losses, layers and optimizers share: the installed backends, each held against the reference."""

import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from ganforge._io.origins import described
from ganforge.backend.contract import BackendEntry, Precision
from ganforge.errors import RecipeError
from ganforge.parity.comparison import compare
from ganforge.plugins.host import default_host
from ganforge.recipes.kinds import read_settings
from ganforge.spec.gan import Gan
from ganforge.spec.kinds import LayerEntry, OptimizerEntry
from ganforge.testing.findings import Finding
from ganforge.testing.plugin import REFERENCE
from ganforge.testing.tiny_gans import inputs
from ganforge.training.backends import find_backend, missing_modules

ADVICE = "does it use anything but its ops, + - * /, comparisons and slices?"


def chosen_backends(names: Sequence[str] | None) -> list[BackendEntry]:
    """The backends of these names; None: all whose framework is installed, the reference not among them.

    Raises:
        PluginError: there is none of that name, or its framework is missing.
    """
    if names is not None:
        return [find_backend(name, default_host()) for name in names]
    entries = (provided.entry for provided in default_host().entries("ganforge_backends", BackendEntry).values())
    return [entry for entry in entries if entry.name != REFERENCE.name and not missing_modules(entry)]


def guarded(stage: Callable[[], Iterator[Finding]], where: str, advice: str = ADVICE) -> Iterator[Finding]:
    """The findings of a stage; whatever a stranger's code raises there is one more."""
    try:
        yield from stage()
    except Exception as error:
        yield Finding(what=f"it raised {described(error)}", where=where, trap=advice)


def differing(
    gan: Gan, backend: BackendEntry, precision: Precision, where: str, *, steps: int = 2
) -> Iterator[Finding]:
    """The first thing in which a few steps of a backend differ from the reference's."""
    place = f"backend {backend.name!r} in {precision}, {where}"

    def stage() -> Iterator[Finding]:
        report = compare(
            gan,
            REFERENCE,
            backend,
            inputs=partial(inputs, gan, 0),
            state=gan.initial_state(0),
            precision=precision,
            steps=steps,
        )
        if (first := report.first) is not None:
            what = f"{first.what}: {first.difference:.2g} from the reference, where rounding explains"
            yield Finding(what=f"{what} {first.tolerance:.0e}", where=f"{place}, {first.where}", trap=ADVICE)

    yield from guarded(stage, place)


def settings_return(settings: Any, kinds: Mapping[str, type]) -> Iterator[Finding]:
    """Whether settings come out of a recipe, and out of a pickle, as they went in."""
    table = msgspec.to_builtins(settings)
    try:
        read: Any = read_settings(table, kinds, "recipe", "settings")
    except RecipeError as error:
        yield Finding(what=f"a recipe that holds it cannot be read: {error}", where=repr(settings))
    else:
        if read != settings:
            yield Finding(what=f"written into a recipe and read again it is {read!r}", where=repr(settings))
    if pickle.loads(pickle.dumps(settings)) != settings:
        yield Finding(what="pickled and unpickled it is another", where=repr(settings))


def entry_findings(
    entry: LayerEntry | OptimizerEntry, kind: type, examples: Callable[[], Sequence[object]]
) -> Iterator[Finding]:
    """What is wrong with an entry of a `kind` itself: its class, its summary, its examples."""
    try:
        entry.check_class()
    except TypeError as error:
        yield Finding(what=str(error))
        return
    if not entry.summary.strip() or "\n" in entry.summary:
        yield Finding(what="its summary is not one line", where=repr(entry.summary))
    try:
        given = examples()
    except TypeError:
        yield Finding(what="its settings have no defaults, and the entry has no examples to check")
        return
    yield from (
        Finding(what=f"an example is a {type(each).__name__}, not a {kind.__name__}", where=repr(each))
        for each in given
        if type(each) is not kind
    )
