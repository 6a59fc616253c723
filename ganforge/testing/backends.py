"""Check a backend, ours or anybody's: the same numbers as the reference, and every other promise of a session."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from ganforge._io.origins import described
from ganforge.backend.contract import BackendEntry, Precision, Session
from ganforge.errors import PluginError
from ganforge.parity.comparison import compare
from ganforge.plugins.host import default_host
from ganforge.spec.arrays import State
from ganforge.spec.gan import Gan
from ganforge.testing.diagnosis import diagnose
from ganforge.testing.findings import ConformanceError, Finding
from ganforge.testing.plugin import REFERENCE
from ganforge.testing.session_contract import contract_breaches
from ganforge.testing.tiny_gans import FLOAT64_ONLY, TINY, inputs
from ganforge.training.backends import find_backend

NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
PROMISED = ("labels", "residuals", "shared-average")
"""Tiny GANs on which the promises that are no numbers are checked: labels, dropout in a nest, averaged weights."""
_ENOUGH = 4
"""Findings after which the rest would only repeat them."""


def check_backend(
    backend: str | BackendEntry,
    *,
    gans: Mapping[str, Gan] = TINY,
    precisions: Sequence[Precision] = ("float64", "float32"),
    device: str = "cpu",
) -> None:
    """Check a backend by its name or its entry, on tiny GANs that cover every layer, loss and optimizer.

    Takes seconds to a few minutes, as the framework compiles a step for each GAN.

    Raises:
        ConformanceError: what is wrong, where, and the known trap that gives the same numbers, if there is one.
        PluginError: no such backend, its framework is not installed, or autograd is not.
    """
    entry = _on(find_backend(backend, default_host()) if isinstance(backend, str) else backend, device)
    findings = list(_entry(entry))
    for precision in precisions:
        for name, gan in gans.items():
            if len(findings) < _ENOUGH and not (precision == "float32" and name in FLOAT64_ONLY):
                findings += check_gan(entry, name, gan, precision)
    if len(findings) >= _ENOUGH:
        findings.append(Finding(what=f"and perhaps more: nothing is checked after {_ENOUGH} findings"))
    if findings:
        raise ConformanceError(f"backend {entry.name!r}", findings)


def check_gan(entry: BackendEntry, name: str, gan: Gan, precision: Precision) -> list[Finding]:
    """What is wrong with a backend on one GAN in one precision."""
    where = f"GAN {name!r} in {precision}"
    found: list[Finding] = []
    try:
        if name in PROMISED:
            session = entry.open(gan, gan.initial_state(0), precision, "cpu")
            found += [
                Finding(what=each.what, where=f"{where}, {each.where}" if each.where else where)
                for each in contract_breaches(session, gan, precision)
            ]
        found += _numbers(entry, gan, precision, where)
    except Exception as error:  # whatever a stranger's backend raises is the finding
        found.append(Finding(what=f"it raised {described(error)}", where=where))
    return found


def _numbers(entry: BackendEntry, gan: Gan, precision: Precision, where: str) -> Iterator[Finding]:
    feed, state = partial(inputs, gan, 0), gan.initial_state(0)
    report = compare(gan, REFERENCE, entry, inputs=feed, state=state, precision=precision, steps=3, lock_step=3)
    first = report.first
    if first is None:
        return
    diagnosis = diagnose(gan, [entry], inputs=feed, state=state, precision=precision)[0]
    traps = diagnosis.traps or diagnosis.partly
    yield Finding(
        what=f"{first.what}: {first.difference:.2g} from the reference, where rounding explains {first.tolerance:.0e}",
        where=f"{where}, {first.where}",
        trap="\n    ".join(map(str, traps)),
    )


def _on(entry: BackendEntry, device: str) -> BackendEntry:
    """The backend on one device wherever the CPU is asked for; the reference knows no other."""

    def opened(gan: Gan, state: State, precision: Precision, asked: str) -> Session:
        return entry.open(gan, state, precision, device if asked == "cpu" else asked)

    return replace(entry, open=opened)


def _entry(entry: BackendEntry) -> Iterator[Finding]:
    if not NAME.fullmatch(entry.name):
        yield Finding(what="its name is not lower case, digits and hyphens", where=repr(entry.name))
    if not entry.summary.strip() or "\n" in entry.summary:
        yield Finding(what="its summary is not one line", where=repr(entry.summary))
    gan = next(iter(TINY.values()))
    try:
        entry.open(gan, gan.initial_state(0), "float64", "no-such-device")
    except PluginError:
        return
    except Exception as error:  # any other is the finding
        yield Finding(what=f"a device that does not exist raises {type(error).__name__}, not PluginError", where="open")
    else:
        yield Finding(what="a device that does not exist is taken without an error", where="open")
