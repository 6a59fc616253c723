"""How good are the digits of a run of `cgan-mnist`? Judged by a classifier that has never seen a GAN.

    ganforge train --recipe cgan-mnist --data MNIST --out run && python benchmarks/mnist_quality.py run MNIST

The judge is a small convolutional network, trained for three epochs on the 60,000 real training digits of the folder
MNIST; it must recognise 99 % of the 10,000 real test digits, or nothing is said. Printed: that figure; how many of
1,000 samples with asked-for labels the judge recognises as asked; the mean distance between samples of a class as a
fraction of that between real ones.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from sklearn.metrics import pairwise_distances
from torch import Tensor, nn
from torch.nn import functional

import ganforge
from ganforge.data import read_idx

Images = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]


def as_input(images: Images) -> Tensor:
    return torch.from_numpy(images.reshape(-1, 1, 28, 28)).float() / 255


def trained_judge(images: Images, labels: Labels, epochs: int = 3, batch: int = 128) -> nn.Module:
    """A network of two convolutions and two dense layers, trained with Adam at a falling rate."""
    torch.manual_seed(0)
    judge = nn.Sequential(
        *(nn.Conv2d(1, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(32 * 49, 128), nn.ReLU(), nn.Dropout(0.3), nn.Linear(128, 10)),
    )
    steps = epochs * (len(labels) // batch)
    optimizer = torch.optim.Adam(judge.parameters(), 2e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)
    for step in range(steps):
        if step % (len(labels) // batch) == 0:
            order = torch.randperm(len(labels)).numpy()
        picked = order[(step * batch) % len(labels) :][:batch]
        loss = functional.cross_entropy(judge(as_input(images[picked])), torch.from_numpy(labels[picked]))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    return judge.eval()


@torch.no_grad()
def recognised(judge: nn.Module, images: Images, labels: Labels) -> float:
    found = [judge(as_input(part)).argmax(1) for part in np.array_split(images, 10)]
    return float((torch.cat(found).numpy() == labels).mean())


def spread(images: Images, labels: Labels) -> float:
    """Mean distance between two different images of a class, averaged over the classes."""
    means = []
    for label in range(10):
        distances = pairwise_distances(images[labels == label].reshape(-1, 784).astype(np.float64))
        means.append(distances.sum() / (len(distances) * (len(distances) - 1)))
    return float(np.mean(means))


def real_digits(folder: Path, part: str) -> tuple[Images, Labels]:
    images = read_idx(folder / f"{part}-images-idx3-ubyte.gz", 3)
    return images, read_idx(folder / f"{part}-labels-idx1-ubyte.gz", 1).astype(np.int64)


def main() -> None:
    """Judge and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder of a run of the recipe cgan-mnist")
    parser.add_argument("mnist", type=Path, help="folder with MNIST's four files")
    asked_for = parser.parse_args()
    run, folder = asked_for.run, asked_for.mnist
    images, labels = real_digits(folder, "train")
    judge = trained_judge(images, labels)
    accuracy = recognised(judge, *real_digits(folder, "t10k"))
    if accuracy < 0.99:
        sys.exit(f"the judge recognises only {accuracy:.2%} of the real test digits: it is no judge")
    some = np.random.default_rng(0).permutation(len(labels))[:6000]
    asked = np.repeat(np.arange(10), 100)
    model = ganforge.load(run)
    drawn = model.sample(seeds=range(1000), labels=asked.tolist())
    figures = {
        "judge on real test digits": round(accuracy, 4),
        "step": model.step,
        "recognised as asked": round(recognised(judge, drawn, asked), 4),
        "spread relative to real": round(spread(drawn, asked) / spread(images[some], labels[some]), 4),
    }
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
