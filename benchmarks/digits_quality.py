"""How good are the digits of a run of the default recipe? Judged by a classifier that has never seen a GAN.

    ganforge train --out run && python benchmarks/digits_quality.py run

The judge is scikit-learn's SVC(gamma=0.001, C=10) trained on half of the real digits. Printed: its accuracy on the
other half; how many of 1,000 samples with asked-for labels it recognises as asked; the mean distance between samples of
a class as a fraction of that between real ones.
"""

import argparse
import json

import numpy as np
import numpy.typing as npt
from sklearn.datasets import load_digits
from sklearn.metrics import pairwise_distances
from sklearn.svm import SVC

import ganforge


def spread(images: npt.NDArray[np.float64], labels: npt.NDArray[np.int64]) -> float:
    """Mean distance between two different images of a class, averaged over the classes."""
    means = []
    for label in range(10):
        distances = pairwise_distances(images[labels == label])
        count = len(distances)
        means.append(distances.sum() / (count * (count - 1)))
    return float(np.mean(means))


def main() -> None:
    """Judge and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", help="folder of a run of the recipe digits")
    folder = parser.parse_args().run
    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.target))
    images, labels = digits.data[order], digits.target[order].astype(np.int64)
    half = len(labels) // 2
    judge = SVC(gamma=0.001, C=10).fit(images[:half], labels[:half])

    asked = np.repeat(np.arange(10), 100)
    samples = ganforge.load(folder).sample(seeds=range(1000), labels=asked.tolist())
    drawn = samples.reshape(1000, 64) * (16 / 255)  # the judge's pixels are 0 to 16
    figures = {
        "judge on real digits": round(float(judge.score(images[half:], labels[half:])), 4),
        "recognised as asked": round(float((judge.predict(drawn) == asked).mean()), 4),
        "spread relative to real": round(spread(drawn, asked) / spread(images, labels), 4),
    }
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
