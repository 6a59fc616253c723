"""From an extractor's name to features that are held to its contract."""

import sys
from dataclasses import dataclass
from hashlib import sha256
from importlib import import_module
from importlib.util import find_spec
from inspect import getsourcefile
from pathlib import Path
from typing import Any

import numpy as np

from ganforge.data.contract import ImageShape
from ganforge.data.extractors import Extractor, ExtractorEntry, Learner, OnProgress
from ganforge.data.preparing import Prepared
from ganforge.errors import EvaluationError, PluginError, near_names
from ganforge.evaluation.features import Features, check_features, check_finite
from ganforge.plugins.host import Host
from ganforge.spec.arrays import Images
from ganforge.spec.checks import blamed

_HOOK = "ganforge_extractors"
_AT_ONCE = 256
"""Images that an extractor is given at a time."""
_TRIED = 4
_ALIKE = 1e-4
"""How far features of the same image may differ, relative to the largest: what a framework's rounding leaves."""


@dataclass(frozen=True, kw_only=True)
class Opened:
    """An extractor, and what it was asked for by."""

    name: str
    """With its argument, as `lite0:96`."""
    extractor: Extractor
    frechet: str
    cached: bool
    """Whether its fingerprint covers all that its features depend on, so that they may be kept."""


@dataclass(frozen=True, kw_only=True)
class Untaught:
    """An extractor that is asked for and has yet to learn from the real images."""

    name: str
    learner: Learner
    frechet: str

    def taught(self, real: Prepared, on_progress: OnProgress | None = None) -> Opened:
        """The extractor, having learned from all real images.

        Raises:
            EvaluationError: they have no labels, or the extractor has no use for them.
            PluginError: it breaks its contract.
        """
        if real.labels is None:
            raise EvaluationError(
                f"extractor {self.name!r} learns the classes of the real images, and these have none; take a labelled "
                "set, as a folder with a subfolder for each class, or another extractor"
            )
        who = f"extractor {self.name!r}"
        with blamed(who):
            found = self.learner.learn(real.images, real.labels, real.class_names, on_progress)
        if not isinstance(found, Extractor):
            raise PluginError(f"{who} gave {found!r:.60}, not an Extractor. Please tell the plugin's author")
        return Opened(name=self.name, extractor=found, frechet=self.frechet, cached=True)


def default_extractor(host: Host) -> str:
    """The most preferred extractor whose modules are installed."""
    entries = [provided.entry for provided in host.entries(_HOOK, ExtractorEntry).values()]
    ranked = sorted((entry.rank, entry.name) for entry in entries if entry.rank is not None and not missing(entry))
    if not ranked:
        raise PluginError("no extractor is installed; see `ganforge plugins`, and GANFORGE_PLUGINS if it is set")
    return ranked[0][1]


def missing(entry: ExtractorEntry) -> list[str]:
    """The modules that an extractor needs and that are not installed."""
    return [module for module in entry.modules if find_spec(module.partition(".")[0]) is None]


def open_extractor(asked: str, shape: ImageShape, host: Host) -> Opened | Untaught:
    """The extractor `NAME`, `NAME:ARGUMENT`, or the function `MODULE:FUNCTION`, for images of one shape.

    Raises:
        PluginError: none of that name, a module that is missing, an entry or a function that breaks its contract.
        EvaluationError: no such function; or what the extractor itself refuses.
    """
    name, colon, argument = asked.partition(":")
    entries = host.entries(_HOOK, ExtractorEntry)
    if name not in entries:
        if not colon:
            raise PluginError(
                f"unknown extractor {asked!r}; {near_names(asked, entries)}\n"
                "For a function of your own, give MODULE:FUNCTION"
            )
        return _function(asked, name, argument)
    entry = entries[name].entry
    lacking = missing(entry)
    if lacking:
        raise PluginError(
            f"extractor {name!r} needs {' and '.join(lacking)}, which is not installed; "
            f"run: pip install '{entry.install}'"
        )
    who = f"extractor {name!r} of plugin {entries[name].plugin!r}"
    with blamed(who):
        extractor = entry.open(shape, argument if colon else None)
    if isinstance(extractor, Learner):
        return Untaught(name=asked, learner=extractor, frechet=entry.frechet)
    if not isinstance(extractor, Extractor):
        raise PluginError(f"{who} gave {extractor!r:.60}, not an Extractor. Please tell the plugin's author")
    return Opened(name=asked, extractor=extractor, frechet=entry.frechet, cached=True)


def _function(asked: str, module: str, path: str) -> Opened:
    """A user's own function; modules of the current folder are found too."""
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        function: Any = import_module(module)
        for part in path.split("."):
            function = getattr(function, part)
    except (ImportError, ValueError, AttributeError) as error:
        raise EvaluationError(f"extractor {asked!r}: there is no such function: {error}") from error
    finally:
        sys.path.remove(here)
    if not callable(function):
        raise EvaluationError(f"extractor {asked!r}: it is {function!r:.60}, not a function of images")
    extractor = Extractor(
        dimension=0,
        fingerprint=f"{asked}, source {_source(function)}",
        resizing="by the function itself, if any",
        function=function,
    )
    return Opened(name=asked, extractor=extractor, frechet="Frechet distance", cached=False)


def _source(function: Any) -> str:
    try:
        return sha256(Path(getsourcefile(function) or "").read_bytes()).hexdigest()[:12]
    except (TypeError, OSError):
        return "unknown"


def check_extractor_works(opened: Opened, images: Images) -> None:
    """Try an extractor on a few images before it is given many.

    Raises:
        EvaluationError: another shape or type than it says, NaN, or other features for the same images.
    """
    few = np.array(images[:_TRIED])
    first, again = _called(opened, few), _called(opened, few[::-1].copy())[::-1]
    check_finite(first, f"a first try, extractor {opened.name!r}")
    if first.shape != again.shape:
        raise _changing(opened)
    if not np.abs(first - again).max() <= _ALIKE * max(float(np.abs(first).max()), 1e-30):
        raise EvaluationError(
            f"extractor {opened.name!r}: called twice with the same images, in another order, it gives other features; "
            "it must not draw random numbers nor look at the other images (dropout, batch norm in training mode)"
        )


def extract(opened: Opened, images: Images, who: str, on_progress: OnProgress | None = None) -> Features:
    """Features of images: float64 (N, d).

    Raises:
        EvaluationError: another shape than the extractor says, NaN, or the same features for all images.
    """
    parts = []
    for at in range(0, len(images), _AT_ONCE):
        parts.append(_called(opened, np.array(images[at : at + _AT_ONCE])))  # a copy: cached images are read-only
        if parts[-1].shape[1] != parts[0].shape[1]:
            raise _changing(opened)
        if on_progress is not None:
            on_progress(min(at + _AT_ONCE, len(images)), len(images))
    return check_features(np.concatenate(parts), f"{who}, extractor {opened.name!r}")


def _changing(opened: Opened) -> EvaluationError:
    return EvaluationError(f"extractor {opened.name!r}: the number of its features changes between calls")


def _called(opened: Opened, images: Images) -> Features:
    with blamed(f"extractor {opened.name!r}"):
        found: Any = opened.extractor.function(images)
    dimension = opened.extractor.dimension or "any"
    if (
        not isinstance(found, np.ndarray)
        or found.ndim != 2
        or len(found) != len(images)
        or (dimension != "any" and found.shape[1] != dimension)
        or found.dtype.kind not in "fiu"
    ):
        given = f"{found.dtype} {found.shape}" if isinstance(found, np.ndarray) else f"{found!r:.60}"
        raise EvaluationError(
            f"extractor {opened.name!r}: for {len(images)} images it gave {given}, not numbers "
            f"({len(images)}, {dimension})"
        )
    return found.astype(np.float64, copy=False)
