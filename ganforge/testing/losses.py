"""Check a loss or a penalty, ours or anybody's: what its entry says of it, and the same numbers on every backend."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

import msgspec
import numpy as np

from ganforge._io.origins import described
from ganforge.backend.contract import BackendEntry
from ganforge.backend.observations import Seen, difference, observe
from ganforge.errors import PluginError, near_names
from ganforge.plugins.host import default_host
from ganforge.spec.arrays import Array
from ganforge.spec.gan import Gan
from ganforge.spec.layers import Dense
from ganforge.spec.losses import LossEntry, PenaltyEntry, Targets
from ganforge.spec.ops import Tensor
from ganforge.spec.protocol import LossChoice, PenaltyChoice
from ganforge.testing.comparing import ADVICE, chosen_backends, guarded
from ganforge.testing.findings import ConformanceError, Finding
from ganforge.testing.ops import NUMPY_OPS
from ganforge.testing.plugin import REFERENCE
from ganforge.testing.tiny_gans import TINY, inputs

_BATCH = 6
_CLASSES = 3
_SHIFT = 0.75
_CLOSE = 1e-12
_RAISED = "it raised"
_OVER_NUMPY = ("discriminator", "generator", f"a step of backend {REFERENCE.name!r}")
"""Where a loss that raises may be one that only a framework can compute."""


def check_loss(loss: str | LossEntry | PenaltyEntry, *, backends: Sequence[str] | None = None) -> None:
    """Check a loss or a penalty, by its name or its entry.

    Of a loss: that it gives scalars which are means over the batch, uses what its entry says and nothing else, and that
    a shift of all logits changes it exactly if the entry does not say `shift_invariant`. Of both: that a step with it
    is the same on each backend as on the NumPy reference, gradients and second derivatives included.

    Args:
        loss: its name, once it is installed, or its entry.
        backends: names of the backends; by default all whose framework is installed.

    Raises:
        ConformanceError: what is wrong, and where.
        PluginError: no loss or backend of that name is installed, or autograd is not.
    """
    entry = _found(loss) if isinstance(loss, str) else loss
    chosen = chosen_backends(backends)
    gan = _gan(entry)
    findings = list(guarded(partial(_declared, entry), "its functions")) if isinstance(entry, LossEntry) else []
    # A step would only repeat in many words what is wrong with a single call.
    findings = findings or list(_differing(gan, chosen))
    if any(finding.what.startswith(_RAISED) and finding.where in _OVER_NUMPY for finding in findings):
        findings += _of_one_framework(gan, chosen)
    if findings:
        raise ConformanceError(f"{'loss' if isinstance(entry, LossEntry) else 'penalty'} {entry.name!r}", findings)


def _found(name: str) -> LossEntry | PenaltyEntry:
    losses = default_host().entries("ganforge_losses", LossEntry)
    penalties = default_host().entries("ganforge_losses", PenaltyEntry)
    entries: dict[str, LossEntry | PenaltyEntry] = {name: each.entry for name, each in penalties.items()}
    entries |= {name: each.entry for name, each in losses.items()}
    if name not in entries:
        raise PluginError(f"unknown loss or penalty {name!r}; {near_names(name, entries)}")
    return entries[name]


def _declared(entry: LossEntry) -> Iterator[Finding]:
    """What a loss's entry says of it, against what it does to some logits, by the reference's `Ops`."""
    draw = np.random.default_rng(0)
    real, fake = draw.normal(0.0, 2.0, (2, _BATCH, entry.logits(_CLASSES)))
    targets = Targets(draw.uniform(0.7, 1.0, (_BATCH, 1)), draw.uniform(0.0, 0.3, (_BATCH, 1)))
    if entry.classifies:
        targets = targets._replace(labels=np.eye(_CLASSES)[np.arange(_BATCH) % _CLASSES])
    other = targets._replace(real=targets.fake, fake=targets.real)

    def judge(real: Array, fake: Array, targets: Targets) -> list[Tensor]:
        return list(entry.discriminator(NUMPY_OPS, real, fake, targets))

    def make(real: Array, fake: Array, targets: Targets) -> list[Tensor]:
        return [entry.generator(NUMPY_OPS, real if entry.generator_sees_real else None, fake, targets)]

    twice = Targets(*(None if each is None else np.concatenate([each, each]) for each in targets))
    for name, terms in (("discriminator", judge), ("generator", make)):
        try:
            values = terms(real, fake, targets)
        except Exception as error:  # whatever a stranger's function raises is the finding
            yield Finding(what=f"{_RAISED} {described(error)}", where=name, trap=_unseen(entry, name))
            return
        shapes = [np.shape(each) for each in values]
        if shapes != [()] * (2 if name == "discriminator" else 1):
            expected = "two scalars" if name == "discriminator" else "one scalar"
            yield Finding(what=f"it gives the shapes {shapes}, not {expected}; see ops.mean", where=name)
            return
        if not np.isfinite(values).all():
            yield Finding(what=f"it gives {values} for logits of ordinary size", where=name)
        if not _same(values, terms(np.concatenate([real, real]), np.concatenate([fake, fake]), twice)):
            yield Finding(what="it changes when the batch is doubled: it must be a mean over the batch", where=name)
    yield from _flags(entry, judge, real, fake, targets, other)
    yield from _realness(entry, real)
    if not entry.uses_targets and not _same(make(real, fake, targets), make(real, fake, other)):
        yield Finding(what="it depends on the targets; say uses_targets=True", where="generator")


def _realness(entry: LossEntry, logits: Array) -> Iterator[Finding]:
    """Whether it gives a number for each image."""
    try:
        shape = np.shape(entry.realness(logits))
    except Exception as error:  # whatever a stranger's function raises is the finding
        yield Finding(what=f"{_RAISED} {described(error)}", where="realness", trap=ADVICE)
        return
    if shape != (len(logits), 1):
        what = f"of logits {logits.shape} it makes {shape}: one number for each image is needed, (batch, 1)"
        yield Finding(what=what, where="realness")


def _flags(
    entry: LossEntry, judge: Callable[..., list[Tensor]], real: Array, fake: Array, targets: Targets, other: Targets
) -> Iterator[Finding]:
    """The two properties of the discriminator's terms that the core acts on."""
    depends = not _same(judge(real, fake, targets), judge(real, fake, other))
    if depends != entry.uses_targets:
        word = "depends" if depends else "does not depend"
        yield Finding(what=f"it {word} on the targets; say uses_targets={depends}", where="discriminator")
    if entry.classifies:
        assert targets.labels is not None
        if _same(judge(real, fake, targets), judge(real, fake, targets._replace(labels=targets.labels[::-1]))):
            yield Finding(what="it does not depend on the labels; say classifies=False", where="discriminator")
    shift = _SHIFT * np.arange(1, real.shape[1] + 1)  # as the biases of the outputs would, each on its own
    change = abs(sum(judge(real + shift, fake + shift, targets)) - sum(judge(real, fake, targets)))
    still = bool(change < _CLOSE)
    if still != entry.shift_invariant:
        what = f"a shift of all logits changes it by {change:.3g}; say shift_invariant={still}"
        yield Finding(what=what, where="discriminator")


def _unseen(entry: LossEntry, name: str) -> str:
    hints = []
    if name == "generator" and not entry.generator_sees_real:
        hints.append("it gets None for the real logits unless the entry says generator_sees_real=True")
    if not entry.classifies:
        hints.append("targets.labels is None unless the entry says classifies=True")
    return "; ".join(hints)


def _same(some: list[Tensor], others: list[Tensor]) -> bool:
    return bool(np.allclose(some, others, rtol=_CLOSE, atol=_CLOSE))


def _gan(entry: LossEntry | PenaltyEntry) -> Gan:
    """A tiny GAN that is trained with it."""
    if isinstance(entry, PenaltyEntry):
        base = TINY["wasserstein-gradient"]
        penalty = PenaltyChoice(name=entry.name, weight=3.0)
        return replace(base, penalty=entry, protocol=msgspec.structs.replace(base.protocol, penalty=penalty))
    base = TINY["auxiliary-classifier" if entry.classifies else "relativistic"]
    network = base.discriminator_network
    last = network.layers[-1]
    assert isinstance(last, Dense)
    layers = (*network.layers[:-1], msgspec.structs.replace(last, units=entry.logits(network.classes)))
    return replace(
        base,
        loss=entry,
        protocol=msgspec.structs.replace(base.protocol, loss=LossChoice(name=entry.name)),
        discriminator_network=msgspec.structs.replace(network, layers=layers),
    )


def _step(gan: Gan, entry: BackendEntry) -> list[Seen]:
    session = entry.open(gan, gan.initial_state(0), "float64", "cpu")
    return list(observe(session, gan, lambda step: inputs(gan, 0, step), "float64", steps=1))


def _of_one_framework(gan: Gan, backends: Sequence[BackendEntry]) -> Iterator[Finding]:
    """What raises over the reference's arrays but trains in a framework uses that framework's own functions."""
    for entry in backends:
        try:
            _step(gan, entry)
        except Exception:  # as the findings before this one say
            continue
        what = f"it works on backend {entry.name!r}, so it uses functions of that framework or methods of its tensors"
        yield Finding(what=what, trap="write it over the functions of ops, so that every backend can run it")


def _differing(gan: Gan, backends: Sequence[BackendEntry]) -> Iterator[Finding]:
    """For each backend the first array in which a step differs from the reference's."""
    expected: list[Seen] = []
    for entry in (REFERENCE, *backends):
        where = f"backend {entry.name!r}"
        try:
            found = _step(gan, entry)
        except Exception as error:  # whatever a stranger's function raises is the finding
            yield Finding(what=f"{_RAISED} {described(error)}", where=f"a step of {where}", trap=ADVICE)
            continue
        if entry is REFERENCE:
            expected = found
        for x, y in zip(expected, found, strict=False):  # nothing is expected where the reference raised
            apart, _ = difference(x, y)
            if apart > x.tolerance:
                what = f"{x.row}: {apart:.2g} from the reference, where rounding explains {x.tolerance:.0e}"
                yield Finding(what=what, where=f"{where}, {x.name}", trap=ADVICE)
                break
