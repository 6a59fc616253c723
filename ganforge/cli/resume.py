"""`ganforge resume`: continue a run, in the same framework or another."""

from pathlib import Path

import click

from ganforge.cli.answer import Answer, answers
from ganforge.cli.devices import device_option
from ganforge.cli.show import preparing, tell_json


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--backend", help="Backend to continue with. [default: the run's]")
@click.option("--steps", type=click.IntRange(min=1), help="New total number of steps.")
@click.option("--epochs", type=click.IntRange(min=1), help="New total number of epochs, instead of --steps.")
@click.option("--data", "path", help="Path of the images, if they have moved.")
@device_option("Device to continue on.")
@answers
def resume(
    run: Path,
    backend: str | None,
    steps: int | None,
    epochs: int | None,
    path: str | None,
    device: str | None,
    answer: Answer,
) -> None:
    """Continue a RUN from its last checkpoint, bit for bit."""
    from ganforge.training import resuming

    if steps and epochs:
        raise click.UsageError("give either --steps or --epochs")
    quiet = not answer.words
    with preparing(answer.words) as tell:
        done = resuming.resume(
            run, backend=backend, steps=steps, epochs=epochs, data=path, device=device, quiet=quiet, on_progress=tell
        )
    tell_json(answer, done)
    if done.interrupted:
        raise KeyboardInterrupt
