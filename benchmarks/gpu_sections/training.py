"""A minute's training on the digits, and on MNIST where it is at hand, and what the networks then draw."""

import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from digits_quality import spread
from sklearn.datasets import load_digits
from sklearn.svm import SVC

import ganforge
from gpu_sections.common import Asked, arguments, device_of, tell


def trained(recipe: str, asked: Asked, device: str, out: Path, *options: str) -> None:
    """Train for a minute, ask the training to stop, and draw ten of each class."""
    steps = "40" if asked.tiny else "1000000"
    command = [sys.executable, "-m", "ganforge", "train", "--recipe", recipe, "--backend", "torch", "--device", device]
    # Grids are one more thing to wait for, and there would be hundreds.
    command += ["--steps", steps, "--sample-every", "1000000", "--checkpoint-every", "20000", "--out", str(out)]
    process = subprocess.Popen([*command, *options], stdout=sys.stderr, text=True)
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        process.wait()
    grid = asked.out / f"{recipe}.png"
    draw = [sys.executable, "-m", "ganforge", "sample", str(out), "--seeds", "0-9", "--labels", "0-9"]
    subprocess.run([*draw, "--device", device, "--out", str(grid)], stdout=sys.stderr, check=True)
    model = ganforge.load(out, device=device)
    tell(training=recipe, steps=model.step, grid=grid.name, headline=True)


def judged(out: Path, device: str) -> None:
    """How many of the digits a classifier recognises as asked, and how varied they are: `digits_quality.py`."""
    digits = load_digits()
    judge = SVC(gamma=0.001, C=10).fit(digits.data, digits.target)
    labels = np.repeat(np.arange(10), 100)
    drawn = ganforge.load(out, device=device).sample(seeds=range(1000), labels=labels.tolist())
    flat = drawn.reshape(1000, 64) * (16 / 255)
    tell(
        recognised=float((judge.predict(flat) == labels).mean()),
        spread=spread(flat, labels) / spread(digits.data, digits.target.astype(np.int64)),
        headline=True,
    )


def main() -> None:
    asked = arguments()
    device = device_of("torch", asked.device)
    with tempfile.TemporaryDirectory() as place:
        begun = time.monotonic()
        trained("digits", asked, device, Path(place) / "digits")
        judged(Path(place) / "digits", device)
        if asked.mnist is None:
            tell(training="cgan-mnist", skipped="no --mnist PATH", seconds_so_far=time.monotonic() - begun)
            return
        narrow = ["--set", "width=4", "--batch-size", "16"] if asked.tiny else []
        trained("cgan-mnist", asked, device, Path(place) / "mnist", "--data", str(asked.mnist), *narrow)


if __name__ == "__main__":
    main()
