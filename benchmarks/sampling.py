"""How fast a trained model draws images, beside the framework's own module with the same weights.

    python benchmarks/sampling.py [--backend torch] [--images 256] [--batch 64] [--rounds 5] [--recipes dcgan digits]

Both draw the same latents, alternating; printed are images a second (median) and the ratio of the medians, for
`Session.generate`, for `generate(exact=True)` and for the native module called with whole batches.
"""

import argparse
from collections.abc import Callable
from statistics import median
from time import perf_counter

import numpy as np

import ganforge
from ganforge.generation import Model

CHANNELS = {"dcgan": 3, "cgan-mnist": 1, "digits": 1}
RECIPES = tuple(CHANNELS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backend", default="torch")
    parser.add_argument("--images", type=int, default=256)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--recipes", nargs="+", choices=RECIPES, default=RECIPES)
    given = parser.parse_args()
    print(f"{'recipe':<12} {'generate':>10} {'exact':>10} {'native':>10}  images/s; generate / native")
    for recipe in given.recipes:
        names = [str(number) for number in range(10)]
        overrides = {"channels": CHANNELS[recipe], "class_names": names if recipe != "dcgan" else []}
        model = ganforge.build(recipe, backend=given.backend, overrides=overrides)
        ways = _ways(model, given.backend, given.images, given.batch)
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for number in range(given.rounds + 1):
            for name, draw in ways.items():
                start = perf_counter()
                draw()
                if number:  # the first one warms up
                    seconds[name].append(perf_counter() - start)
        rates = {name: given.images / median(each) for name, each in seconds.items()}
        ratio = rates["generate"] / rates["native"]
        row = " ".join(f"{rates[name]:>10,.1f}" for name in ("generate", "exact", "native"))
        print(f"{recipe:<12} {row}  {ratio:.2f}", flush=True)


def _ways(model: Model, backend: str, images: int, batch: int) -> dict[str, Callable[[], object]]:
    stream = np.random.default_rng(0)
    gan = model.gan
    latents = stream.standard_normal((images, gan.protocol.latent.size))
    labels = stream.integers(0, gan.classes, images) if gan.classes else None
    ways: dict[str, Callable[[], object]] = {
        "generate": lambda: model.session.generate(latents, labels),
        "exact": lambda: model.session.generate(latents, labels, exact=True),
    }
    parts = [slice(start, start + batch) for start in range(0, images, batch)]
    module = model.session.native("generator")
    if backend == "torch":
        import torch

        given = [
            (
                torch.tensor(latents[part], dtype=torch.float32),
                *(() if labels is None else (torch.tensor(labels[part]),)),
            )
            for part in parts
        ]

        def native() -> object:
            with torch.no_grad():
                return [module(*each) for each in given]

    else:
        inputs = [[latents[part].astype(np.float32), *(() if labels is None else (labels[part],))] for part in parts]

        def native() -> object:
            return [module.predict_on_batch(each if len(each) > 1 else each[0]) for each in inputs]

    return ways | {"native": native}


if __name__ == "__main__":
    main()
