"""`ganforge resume`: go on with a run, in the same framework or another."""

from pathlib import Path

import click

from ganforge.cli.answer import Answer, answers
from ganforge.cli.devices import device_option
from ganforge.cli.show import preparing, tell_json


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--backend", help="Framework to go on with. [default: the one it ran on last]")
@click.option("--steps", type=click.IntRange(min=1), help="Another number of steps in all.")
@click.option("--data", "path", help="Where the data set's pictures lie now, if they have moved.")
@device_option("Device to go on on.")
@answers
def resume(
    run: Path, backend: str | None, steps: int | None, path: str | None, device: str | None, answer: Answer
) -> None:
    """Go on with a RUN from its last checkpoint, exactly as if it had never stopped."""
    from ganforge.training import resuming

    quiet = not answer.words
    with preparing(answer.words) as tell:
        done = resuming.resume(
            run, backend=backend, steps=steps, data=path, device=device, quiet=quiet, on_progress=tell
        )
    tell_json(answer, done)
    if done.interrupted:
        raise KeyboardInterrupt
