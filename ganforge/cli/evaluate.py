"""`ganforge evaluate`: measure the quality of the images of a run or a folder."""

from pathlib import Path
from typing import Literal

import click

from ganforge.cli.answer import Answer, AnsweringInFiles, answers_in_files
from ganforge.cli.devices import device_option
from ganforge.cli.parameter_types import STEP_OR_BEST


@click.command(cls=AnsweringInFiles)
@click.argument("target", metavar="RUN|FOLDER", type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(path_type=Path), help="Path of the real images.")
@click.option("--dataset", default="folder", show_default=True, help="Data set of the real images for a FOLDER.")
@click.option(
    "--extractor",
    "extractors",
    multiple=True,
    metavar="NAME",
    help="Feature extractor: lite0, lite0:96, random, pixels, inception:FILE or MODULE:FUNCTION; repeatable. "
    "[default: the best installed]",
)
@click.option(
    "--images", type=click.IntRange(min=1), default=10_000, show_default=True, help="Maximum number of images."
)
@click.option(
    "--checkpoint", type=STEP_OR_BEST, metavar="STEP|best", help="Evaluate this checkpoint. [default: the newest]"
)
@click.option("--every-checkpoint", is_flag=True, help="Evaluate all checkpoints of the RUN.")
@click.option("--against", type=click.Path(path_type=Path), help="Also evaluate this RUN or FOLDER.")
@click.option("--save-features", type=click.Path(path_type=Path), metavar="FILE.npz", help="Save the features.")
@click.option(
    "--copies",
    type=click.Path(path_type=Path),
    metavar="FILE.png",
    help="Find the nearest training image of each sample, and draw the closest pairs.",
)
@click.option("--backend", help="Backend to sample with. [default: the run's]")
@device_option("Device to draw on.")
@answers_in_files
def evaluate(
    target: Path,
    data: Path | None,
    dataset: str,
    extractors: tuple[str, ...],
    images: int,
    checkpoint: int | Literal["best"] | None,
    every_checkpoint: bool,
    against: Path | None,
    save_features: Path | None,
    copies: Path | None,
    backend: str | None,
    device: str | None,
    answer: Answer,
) -> None:
    """Evaluate a RUN or a FOLDER of images.

    Computes KID, Frechet distance, precision, recall, density, coverage and MIND, and the same measures between two
    sets of real images: the best values possible. docs/quality.md explains which to trust.
    """
    from ganforge.cli.show import stages
    from ganforge.evaluation.evaluating import evaluate as measured

    if save_features is not None and save_features.suffix != ".npz":
        raise click.BadParameter(f"{save_features} must end in .npz", param_hint="--save-features")
    if copies is not None and copies.suffix != ".png":
        raise click.BadParameter(f"{copies} must end in .png", param_hint="--copies")
    with stages(answer.words) as tell:
        found = measured(
            target,
            data=data,
            dataset=dataset,
            extractors=extractors,
            images=images,
            checkpoint=checkpoint,
            every_checkpoint=every_checkpoint,
            against=against,
            save_features=save_features,
            copies=copies,
            backend=backend,
            device=device,
            on_stage=tell,
        )
    answer.say(str(found), found.table())
