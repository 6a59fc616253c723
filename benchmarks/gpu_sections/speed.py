"""Training speed beside loops by hand, and sampling beside the native module. What matters most comes first.

`busy` is the share of a step's time in which a kernel ran, `launches` the kernels a step; on a CPU they count calls
from Python. Loops by hand allow TF32 in convolutions, as PyTorch does by itself, unless they say otherwise.
"""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from time import perf_counter
from typing import Any

import numpy as np
import torch
from baseline_torch import Style

from ganforge.errors import GanforgeError
from ganforge.training.benchmark import ready
from gpu_sections.common import FRAMEWORKS, Asked, arguments, device_of, noisy, seconds_a_step, tell
from gpu_sections.contenders import Case, Loop, by_hand, ours, tf32, waiting
from gpu_sections.kernels import traced

Contender = tuple[str, Callable[[Case], Loop], bool]
"""Name, what makes the loop, and whether TF32 is let in."""


def cases(tiny: bool) -> Iterator[tuple[Case, bool]]:
    """In order of what they are worth, and whether all contenders take part."""
    if tiny:
        yield Case(recipe="dcgan", size=16, batch=8, width=4), True
        return
    yield Case(recipe="dcgan", size=64, batch=128), True
    for recipe, size in (("dcgan", 32), ("dcgan", 128), ("cgan-mnist", 28)):
        yield Case(recipe=recipe, size=size, batch=128), False
    for batch in (64, 256, 512):
        for recipe, size in (("dcgan", 64), ("dcgan", 32), ("dcgan", 128), ("cgan-mnist", 28)):
            yield Case(recipe=recipe, size=size, batch=batch), False


def contenders(device: str, everyone: bool, compiler: str) -> Iterator[Contender]:
    """The loops of a case."""
    plain = Style(device=device)
    last, amp = Style(device=device, channels_last=True), Style(device=device, channels_last=True, autocast=True)
    yield "by hand, as the example", lambda case: by_hand(case, plain), False
    for precision in ("float32", "bfloat16"):
        yield f"ganforge torch {precision}", lambda case, p=precision: ours(case, "torch", device, p), False
    yield "ganforge torch TF32", lambda case: ours(case, "torch", device, "float32"), True
    yield "by hand, channels-last, autocast", lambda case: by_hand(case, amp), True
    if not everyone:
        return
    yield "by hand, channels-last, TF32", lambda case: by_hand(case, last), True
    if "jax" in FRAMEWORKS:
        for precision in ("float32", "bfloat16"):
            yield f"ganforge jax {precision}", lambda case, p=precision: ours(case, "jax", device, p), False
    compiled = Style(device=device, channels_last=True, autocast=True, compiler=compiler)
    yield "by hand, channels-last, autocast, compiled", lambda case: by_hand(case, compiled), True


def measured(case: Case, name: str, make: Callable[[Case], Loop], device: str, seconds: float) -> dict[str, Any]:
    """A row of one contender."""
    on_gpu = device.startswith("cuda")
    if on_gpu:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    loop = make(case)
    each = seconds_a_step(loop.step, loop.wait, seconds)
    row = {
        "recipe": f"{case.recipe}-{case.size}",
        "batch": case.batch,
        "loop": name,
        "images_per_second": case.batch / each,
        "milliseconds": 1e3 * each,
    }
    if "jax" not in name:
        trace = traced(loop.step, loop.wait, device)
        row |= {"busy": trace.busy / each, "launches": trace.launches}
        row |= {"megabytes": torch.cuda.max_memory_allocated() / 1e6} if on_gpu else {}
    return row


def training(asked: Asked, device: str) -> None:
    for case, everyone in cases(asked.tiny):
        base = None
        for name, make, lets_in in contenders(device, everyone, "eager" if asked.tiny else "inductor"):
            try:
                with tf32(True) if lets_in else nullcontext():
                    row = measured(case, name, make, device, 0.05 if asked.tiny else 0.5)
            except (GanforgeError, RuntimeError) as error:  # the others still say something
                tell(recipe=f"{case.recipe}-{case.size}", batch=case.batch, loop=name, failed=f"{error}"[:200])
                continue
            base = base or row["milliseconds"]
            tell(**row, ratio=base / row["milliseconds"], headline=everyone)


def sampling(asked: Asked, device: str) -> None:
    """10,000 images, by ganforge and by the native module, which hands its images over too."""
    case = Case(recipe="dcgan", size=16 if asked.tiny else 64, batch=8, width=4 if asked.tiny else None)
    images = 64 if asked.tiny else 10_000
    session = ready(noisy(case.recipe, case.overrides, "torch", device, "float32")).model.session
    latents = np.random.default_rng(0).standard_normal((images, 100))
    module = session.native("generator").to(device)

    def native() -> None:
        with torch.no_grad():
            for start in range(0, images, 64):
                module(torch.tensor(latents[start : start + 64], dtype=torch.float32, device=device)).cpu()

    ways = {
        "ganforge": lambda: session.generate(latents, None),
        "ganforge, exact": lambda: session.generate(latents[: images // 10], None, exact=True),
        "native module": native,
    }
    for name, draw in ways.items():
        count = images // 10 if "exact" in name else images
        draw()
        waiting(device)
        begun = perf_counter()
        draw()
        waiting(device)
        tell(sampling=name, images=count, images_per_second=count / (perf_counter() - begun), headline=True)


def main() -> None:
    asked = arguments()
    device = device_of("torch", asked.device)
    sampling(asked, device)
    training(asked, device)


if __name__ == "__main__":
    main()
