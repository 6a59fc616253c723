"""`ganforge sample`: draw pictures with a trained run."""

from pathlib import Path

import click

from ganforge.cli.devices import device_option
from ganforge.cli.parameter_types import RANGES


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--seeds", type=RANGES, default="0-63", show_default=True, help="One picture each, as 0-63 or 3,8,21.")
@click.option("--labels", type=RANGES, help="Draw every seed once for each of these labels, as 0-9.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="grid.png, or samples.npz for arrays images and labels.",
)
@click.option("--best", is_flag=True, help="With the best checkpoint, that of `train --keep-best`, not the newest.")
@click.option("--exact", is_flag=True, help="Draw every image the same bit for bit in any company, which is slower.")
@click.option("--backend", help="Framework to draw with. [default: the one it ran on last]")
@device_option("Device to draw on.")
def sample(
    run: Path,
    seeds: list[int],
    labels: list[int] | None,
    out: Path,
    best: bool,
    exact: bool,
    backend: str | None,
    device: str | None,
) -> None:
    """Draw images with a RUN. The image of a seed is the same, to one grey level, whatever else is asked for.

    Without --labels a conditional run draws label (seed modulo the number of classes).
    """
    from ganforge.generation.sampling import save_grid, save_npz
    from ganforge.training.models import load

    if out.suffix not in (".png", ".npz"):
        raise click.BadParameter(f"{out} must end in .png or .npz", param_hint="--out")
    model = load(run, best=best, backend=backend, device=device)
    save = save_grid if out.suffix == ".png" else save_npz
    count = save(model, seeds, labels, out, exact=exact)
    click.echo(f"{out}: {count} pictures, drawn after {model.step:,} steps")
