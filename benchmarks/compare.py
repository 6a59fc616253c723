"""ganforge beside the loops that one writes by hand: the same GANs, taking turns.

    python benchmarks/compare.py [--cases digits,cgan-mnist] [--against torch] [--rounds 9] [--seconds 2] [--json FILE]

Each contender is a process of its own, so that no framework disturbs another and each has its own peak of memory; one
at a time takes a turn of some seconds, so that a noisy machine is noisy for all. A ratio is the median over all rounds
of a hand-written loop's time by ganforge's in the same round; that of CPU time hardly minds what else runs. After its
turn a contender multiplies two matrices: the speed of a step is also told as a share of that speed.

ganforge's times hold the drawing of a step's inputs, the hand-written loops' what they draw themselves. ganforge is
checked before (`ganforge.training.benchmark`): a session whose numbers are wrong gives no figures.
"""

import argparse
import importlib
import json
import os
import time
import warnings
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from itertools import count
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import ganforge
from ganforge.errors import GanforgeError
from ganforge.plugins.host import default_host
from ganforge.recipes.laying import merge
from ganforge.recipes.schema import Recipe
from ganforge.spec.costs import step_operations
from ganforge.training.benchmark import check, on_noise, peak_memory, ready

SIDE = 1024
EXAMPLES: dict[str, dict[str, Any]] = {
    "torch": {"training": {"latents": "shared"}},
    "tensorflow": {"training": {"batches": "joint"}},
    "jax": {"training": {"latents": "shared"}},
}
"""DCGAN as PyTorch's example has it, whose generator learns from the discriminator's fakes; and as Keras's has it. JAX
has no example of its own: as PyTorch's."""
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "digits": ("digits", {}),
    "cgan-mnist": ("cgan-mnist", {}),
    "dcgan-32": ("dcgan", {"image_size": 32, "training": {"batch_size": 64}}),
    "dcgan-64": ("dcgan", {"image_size": 64, "training": {"batch_size": 64}}),
}
CONTENDERS = {
    "torch": ("by hand, PyTorch", "torch float32", "torch bfloat16"),
    "tensorflow": ("by hand, Keras", "tensorflow float32", "tensorflow bfloat16"),
    "jax": ("by hand, JAX", "jax float32", "torch float32"),
}
LOOPS = {"torch": "baseline_torch", "tensorflow": "baseline_keras", "jax": "baseline_jax"}


@dataclass(frozen=True, kw_only=True)
class Turn:
    """Of one contender in one round, seconds a step."""

    wall: float
    cpu: float
    product: float
    """Operations a second of a matrix product."""
    peak: int
    """Largest memory so far, bytes."""


def steps(case: str, framework: str, contender: str) -> Iterator[object]:
    """Does step after step, each finished when it is handed out.

    Raises:
        BenchError: ganforge's numbers are wrong.
    """
    recipe = described(case, framework)
    if not contender.startswith("by hand"):
        backend, precision = contender.split()
        experiment = on_noise(recipe.with_run(backend=backend, precision=precision), default_host())
        check(experiment)
        yield from ready(experiment).steps()
    loops = importlib.import_module(LOOPS[framework])
    height, width = recipe.size
    batch, channels = recipe.training.batch_size, recipe.channels or 3
    stream = np.random.default_rng(0)
    images = stream.integers(0, 256, (4, batch, height, width, channels), dtype=np.uint8)
    labels = stream.integers(0, 10, (4, batch))
    step = {"digits": loops.digits, "cgan-mnist": loops.cgan_mnist}.get(case, lambda: loops.dcgan(height))()
    for k in count():
        yield step(images[k % 4], labels[k % 4])


def described(case: str, framework: str) -> Recipe:
    """The recipe of a case, in the way of the framework's own example."""
    name, overrides = CASES[case]
    return ganforge.load_recipe(name, overrides=merge(overrides, EXAMPLES[framework] if name == "dcgan" else {}))


def products(framework: str) -> Callable[[], object]:
    """A product of two matrices of 1024 rows and columns in float32."""
    if framework == "torch":
        import torch

        a = torch.ones(SIDE, SIDE)
        return lambda: a @ a
    if framework == "jax":
        import jax.numpy as jnp

        c = jnp.ones((SIDE, SIDE))
        return lambda: (c @ c).block_until_ready()
    import tensorflow as tf

    b = tf.ones((SIDE, SIDE))
    return lambda: tf.matmul(b, b).numpy()


def serve(end: Connection, case: str, framework: str, contender: str) -> None:
    """A contender: answers every number of seconds with a turn of at least so long."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    warnings.filterwarnings("ignore")
    each = steps(case, framework, contender)
    try:
        next(each), next(each)  # traced, and warm
    except GanforgeError as error:
        end.send(str(error))
        return
    multiply = products(framework)
    multiply()
    end.send(None)
    while seconds := end.recv():
        begun, cpu, done = time.perf_counter(), time.process_time(), 0
        while time.perf_counter() - begun < seconds or done < 2:
            next(each)
            done += 1
        wall, cpu = time.perf_counter() - begun, time.process_time() - cpu
        begun = time.perf_counter()
        for _ in range(8):
            multiply()
        rate = 8 * 2 * SIDE**3 / (time.perf_counter() - begun)
        end.send(Turn(wall=wall / done, cpu=cpu / done, product=rate, peak=peak_memory()))


def compete(case: str, framework: str, rounds: int, seconds: float) -> dict[str, list[Turn]]:
    """Turns by contender."""
    spawn, ends, processes = get_context("spawn"), {}, []
    for contender in CONTENDERS[framework]:
        ends[contender], other = spawn.Pipe()
        processes.append(spawn.Process(target=serve, args=(other, case, framework, contender), daemon=True))
        processes[-1].start()
        if refused := ends[contender].recv():
            for each in processes:
                each.terminate()
            raise SystemExit(f"{contender}, {case}: {refused}")
    turns: dict[str, list[Turn]] = {contender: [] for contender in ends}
    for _ in range(rounds):
        for contender, end in ends.items():
            end.send(seconds)
            turns[contender].append(end.recv())
    for end, process in zip(ends.values(), processes, strict=True):
        end.send(None)
        process.join()
    return turns


def figures(case: str, framework: str, turns: dict[str, list[Turn]]) -> list[dict[str, Any]]:
    """A row for each contender."""
    recipe = described(case, framework)
    gan = on_noise(recipe, default_host()).gan
    baseline, *_ = turns.values()
    return [
        {
            "case": case,
            "contender": contender,
            "images_per_second": recipe.training.batch_size / median(turn.wall for turn in own),
            "milliseconds": 1e3 * median(turn.wall for turn in own),
            "cpu_milliseconds": 1e3 * median(turn.cpu for turn in own),
            "ratio": median(hand.wall / turn.wall for hand, turn in zip(baseline, own, strict=True)),
            "cpu_ratio": median(hand.cpu / turn.cpu for hand, turn in zip(baseline, own, strict=True)),
            "share_of_product": median(step_operations(gan) / turn.wall / turn.product for turn in own),
            "peak_megabytes": max(turn.peak for turn in own) / 1e6,
            "rounds": len(own),
        }
        for contender, own in turns.items()
    ]


HEAD = """\
| GAN | loop | images/s | ms a step | ratio | ratio of CPU time | of a product | memory |
|---|---|---|---|---|---|---|---|"""


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as Markdown."""
    return "\n".join(
        f"| {row['case']} | {row['contender']} | {row['images_per_second']:.0f} | {row['milliseconds']:.1f} | "
        f"{row['ratio']:.2f} | {row['cpu_ratio']:.2f} | {row['share_of_product']:.0%} | "
        f"{row['peak_megabytes']:.0f} MB |"
        for row in rows
    )


def among(known: Collection[str]) -> Callable[[str], list[str]]:
    """What reads a list with commas of names that are known."""

    def names(text: str) -> list[str]:
        unknown = set(text.split(",")) - set(known)
        if unknown:
            raise argparse.ArgumentTypeError(f"{', '.join(sorted(unknown))}: there is only {', '.join(known)}")
        return text.split(",")

    return names


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=among(CASES), default=list(CASES), help="some of them, with commas between")
    parser.add_argument("--against", type=among(CONTENDERS), default=list(CONTENDERS), help="torch, tensorflow, jax")
    parser.add_argument("--rounds", type=int, default=9, help="turns of each")
    parser.add_argument("--seconds", type=float, default=2.0, help="a turn takes at least, and two steps")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    asked = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for framework in asked.against:
        for case in asked.cases:
            found = figures(case, framework, compete(case, framework, asked.rounds, asked.seconds))
            print(table(found) if rows else f"{HEAD}\n{table(found)}", flush=True)
            rows += found
    if asked.json:
        asked.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
