"""`ganforge data crop`: crop faces out of illustrations or photographs, for training."""

from pathlib import Path

import click

from ganforge.cli.answer import Answer, answers


@click.command()
@click.argument("source", metavar="SRC", type=click.Path(path_type=Path))
@click.argument("target", metavar="DST", type=click.Path(path_type=Path))
@click.option(
    "--cascade",
    "cascade_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Trained cascade, e.g. lbpcascade_animeface.xml for drawings. [default: OpenCV's for photographs]",
)
@click.option("--size", type=click.IntRange(1, 4096), default=96, show_default=True, help="Pixels per side of a face.")
@click.option(
    "--padding",
    type=click.FloatRange(0, 2),
    default=0.2,
    show_default=True,
    metavar="SHARE",
    help="Margin on each side, as a fraction of the face's size.",
)
@click.option(
    "--min-size",
    type=click.IntRange(min=1),
    default=48,
    show_default=True,
    metavar="PX",
    help="Smallest face to keep.",
)
@click.option(
    "--neighbors",
    type=click.IntRange(0, 100),
    default=5,
    show_default=True,
    help="Overlapping detections required for a face. Higher: fewer errors, fewer faces.",
)
@click.option(
    "--scale",
    type=click.FloatRange(1, 2, min_open=True),
    default=1.1,
    show_default=True,
    help="Scale step of the search. Smaller: slower, finds more faces.",
)
@answers
def crop(
    source: Path, target: Path, cascade_file: Path | None, size: int, padding: float, min_size: int, neighbors: int,
    scale: float, answer: Answer,
) -> None:  # fmt: skip
    """Crop the faces in the images of SRC into the new folder DST.

    SRC is a folder or an archive. Lists images that cannot be read or show no face. Needs OpenCV:
    pip install 'ganforge[crop]'.
    """
    from ganforge.data.face_cropping import cascade, crop_faces
    from ganforge.errors import DataError

    detect = cascade(cascade_file, min_size=min_size, neighbors=neighbors, scale=scale)
    images = faces = 0
    skipped = list[dict[str, str]]()
    for cropped in crop_faces(source, target, detect, size=size, padding=padding):
        images += 1
        faces += len(cropped.faces)
        if cropped.reason:
            skipped.append({"where": cropped.where, "reason": cropped.reason})
            if answer.words:
                click.echo(f"skipped {cropped.where}: {cropped.reason}", err=True)
    if not faces:
        raise DataError(
            f"{source}: no face in any of {images:,} images. For drawings name a cascade that was trained on them "
            "(--cascade lbpcascade_animeface.xml); for small faces lower --min-size"
        )
    words = f"{target}: {faces:,} faces from {images:,} images; {len(skipped):,} images skipped"
    answer.say(words, {"out": target, "faces": faces, "images": images, "skipped": skipped})
