"""What it costs TensorFlow on a CPU that the same steps give the same bits.

    python benchmarks/repeatable_cost.py [--recipe digits] [--set image_size=32] [--pairs 20] [--steps 10]

Two sessions of the recipe are trained on noise in one process, a block of steps each in turn: one as the backend makes
it, one with what TensorFlow does by itself (gradients summed by AddN, Grappler's arithmetic optimizer). Printed: CPU
seconds a step of both, and median, first and third quartile of the ratios of neighbouring blocks. PyTorch on a CPU
needs no setting but a fixed number of threads, so there is nothing to compare.
"""

import argparse
import json
from time import process_time

import numpy as np
import tensorflow as tf
from ganforge_tensorflow import ops

import ganforge
from ganforge.generation.model import Model
from ganforge.recipes.schema import Recipe
from ganforge.training.batches import Batches, draw_step

TREE = tf.AggregationMethod.EXPERIMENTAL_TREE


def choose(free: bool) -> None:
    """Set what a session that is traced or called from now on is made with."""
    ops.tf.AggregationMethod.EXPERIMENTAL_TREE = tf.AggregationMethod.DEFAULT if free else TREE
    tf.config.optimizer.set_experimental_options({"arithmetic_optimization": free})


def opened(recipe: Recipe, classes: int) -> Model:
    names = {"class_names": [str(label) for label in range(classes)]} if classes else {}
    return ganforge.build(recipe, backend="tensorflow", overrides={"channels": recipe.channels or 3, **names})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="digits")
    parser.add_argument("--set", dest="assignments", action="append", default=[])
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--steps", type=int, default=10, help="of a block")
    options = parser.parse_args()
    recipe = ganforge.load_recipe(options.recipe, assignments=tuple(options.assignments))
    classes = 10 if recipe.conditional else 0
    noise = np.random.default_rng(0)
    pictures = noise.integers(0, 256, (500, *recipe.size, recipe.channels or 3), dtype=np.uint8)
    labels = noise.integers(0, classes, 500) if classes else None
    models = {free: opened(recipe, classes) for free in (False, True)}

    def block(free: bool, first: int) -> float:
        choose(free)
        gan, session = models[free].gan, models[free].session
        fed = [
            draw_step(Batches(gan=gan, images=pictures, labels=labels, seed=0), first + step)
            for step in range(options.steps)
        ]
        begun = process_time()
        for inputs in fed:
            float(session.step(inputs)["g_loss"])
        return (process_time() - begun) / options.steps

    times: dict[bool, list[float]] = {False: [], True: []}
    for pair in range(options.pairs + 1):
        for free in (bool(pair % 2), not pair % 2):
            times[free].append(block(free, pair * options.steps))
    ours, free = (np.array(times[side][1:]) for side in (False, True))  # the first traces
    low, middle, high = np.percentile(ours / free, [25, 50, 75])
    print(
        json.dumps(
            {
                "CPU seconds a step": float(np.median(ours)),
                "CPU seconds a step, TensorFlow left free": float(np.median(free)),
                "ratio": float(middle),
                "quartiles": [float(low), float(high)],
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
