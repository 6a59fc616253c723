"""The long form: `python -m tests.fuzz --inputs 100000 [--target idx]`; see the package's docstring."""

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from hashlib import sha1
from pathlib import Path
from random import Random
from typing import Any

PACKAGES = ("ganforge", "ganforge_cifar10", "ganforge_faces", "ganforge_folder", "ganforge_mnist")
PARSERS = ("tomllib", "pickletools", "gzip", "tarfile", "PIL")
"""Of others: their branches are followed too."""
_MEMORY = 6 << 30
"""Address space of a process, in case that a document asks for all there is."""


def main() -> None:
    """Parse the command, run each target in a process of its own, and say how it went."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000, help="of each target, times its share")
    parser.add_argument("--target", action="append", help="one reader, or several; all without it")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, default=Path("fuzz-findings"), help="where documents with findings go")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        _fuzz(given.target[0], given.inputs, given.seed, given.keep)
    from .readers import TARGETS

    bad = 0
    total = 0
    print(f"{'reader':15} {'inputs':>9} {'per s':>7} {'edges':>6} {'corpus':>6} {'findings':>8}")
    for name in given.target or TARGETS:
        count = max(1, round(given.inputs * TARGETS[name].share))
        row = _run(name, count, given.seed, given.keep)
        total += row["inputs"]
        bad += row["findings"] + (row["code"] != 0)
        print(
            f"{name:15} {row['inputs']:9,} {row['inputs'] / row['seconds']:7,.0f} {row['edges']:>6} "
            f"{row['corpus']:>6} {row['findings']:8} {row['note']}",
            flush=True,
        )
    print(f"{total:,} inputs, {bad} findings" + (f"; see {given.keep}" if bad else ""))
    sys.exit(1 if bad else 0)


def _run(name: str, count: int, seed: int, keep: Path) -> dict[str, Any]:
    """One target in a process of its own: a crash or a hang of it is a finding too."""
    place = keep / name
    place.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "tests.fuzz", "--child", "--target", name, "--inputs", str(count)]
    began = time.perf_counter()
    done = subprocess.run([*command, "--seed", str(seed), "--keep", str(place)], capture_output=True, check=False)
    seconds = time.perf_counter() - began
    told = done.stderr.decode(errors="replace")
    (place / "log.txt").write_text(told)
    tally = place / "tally.json"
    counted = json.loads(tally.read_text()) if tally.exists() else {"inputs": 0, "findings": 0}
    edges = re.findall(r"cov: (\d+) ft: \d+ corp: (\d+)", told)
    last = edges[-1] if edges else ("?", "?")
    note = "" if done.returncode == 0 else f"ended with {done.returncode}; see {place / 'log.txt'}"
    return {**counted, "seconds": seconds, "edges": last[0], "corpus": last[1], "code": done.returncode, "note": note}


def _fuzz(name: str, count: int, seed: int, keep: Path) -> None:
    """In the process of one target: never returns."""
    import atheris

    with atheris.instrument_imports(include=[*PACKAGES, *PARSERS]):
        from .readers import TARGETS
    from .judge import outcome
    from .mutation import change_of, havoc

    target = TARGETS[name]
    tally = {"inputs": 0, "findings": 0}
    places: set[str] = set()
    folder = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    corpus = Path(tempfile.mkdtemp())
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))

    def one(document: bytes) -> None:
        tally["inputs"] += 1
        found = outcome(target, document, folder)
        if found is not None and found.place not in places:
            places.add(found.place)
            tally["findings"] += 1
            kept = keep / sha1(document).hexdigest()[:12]
            kept.write_bytes(document)
            kept.with_suffix(".txt").write_text(f"{found.place}\n{found.text}", errors="replace")
        if tally["inputs"] % 1000 == 0 or tally["inputs"] >= count:
            (keep / "tally.json").write_text(json.dumps(tally))

    def mutate(document: bytes, longest: int, number: int) -> bytes:
        random = Random(number)

        def inner(content: bytes) -> bytes:
            if random.random() < 0.5:
                return bytes(atheris.Mutate(content, max(longest, len(content) + 64)))
            return havoc(content, random, target.words)

        return change_of(target, random, inner)(document)[:longest]

    for number, document in enumerate(target.seeds()):
        (corpus / f"seed-{number:02}").write_bytes(document)
    settings = (
        *(f"-runs={count}", f"-seed={seed}", f"-artifact_prefix={keep}/", f"-max_len={target.longest}", "-timeout=60"),
        *("-rss_limit_mb=4096", "-print_final_stats=1", "-detect_leaks=0"),
    )
    os.environ["OMP_NUM_THREADS"] = "1"
    atheris.Setup([sys.argv[0], *settings, str(corpus)], one, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
