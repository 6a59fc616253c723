"""`ganforge bench`: how fast a recipe trains on this machine."""

from math import isfinite

import click

from ganforge.cli.answer import Answer, answers
from ganforge.cli.assignments import set_option
from ganforge.cli.devices import device_option


@click.command()
@click.option("--recipe", default="digits", show_default=True, help="Recipe name or path of a TOML file.")
@click.option("--backend", help="Backend to measure. [default: the first installed]")
@click.option("--batch-size", type=click.IntRange(min=1), help="Images per batch.")
@click.option("--precision", type=click.Choice(["float32", "float64", "bfloat16"]), help="Floating-point precision.")
@device_option("Device to measure on.")
@click.option("--seconds", type=click.FloatRange(min=0), default=10, show_default=True, help="Seconds to measure.")
@set_option("Set any value of the recipe; none leaves it out.")
@answers
def bench(
    recipe: str,
    backend: str | None,
    batch_size: int | None,
    precision: str | None,
    device: str | None,
    seconds: float,
    assignments: tuple[str, ...],
    answer: Answer,
) -> None:
    """Measure how fast a recipe trains, on noise images.

    Also checks the computed numbers; the exit code is 1 if they are wrong. Images per second counts the real images
    that the discriminator sees. Memory is the peak memory of the process, including the check.
    """
    import msgspec

    from ganforge.recipes.laying import parse_assignments
    from ganforge.training.benchmark import bench as measured

    if not isfinite(seconds):
        raise click.BadParameter(f"{seconds} is no time", param_hint="--seconds")
    overrides = parse_assignments(assignments)
    settings = {"batch_size": batch_size, "precision": precision, "device": device}
    found = measured(recipe, backend, seconds=seconds, overrides=overrides, **settings)
    memory = "" if found.peak_megabytes is None else f"  memory       {found.peak_megabytes:.0f} MB at most\n"
    words = (
        f"{found.recipe} with {found.backend} on {found.device} in {found.precision}: "
        f"{found.images_per_second:.1f} images/s\n"
        f"  a step       {found.milliseconds:.2f} ms, batch {found.batch_size}, median of {found.steps} "
        f"({found.cpu_milliseconds:.2f} ms of CPU); the first {found.first_step_seconds:.2f} s\n"
        f"  arithmetic   {found.gflop:.2f} GFLOP a step, {found.gflop_per_second:.0f} GFLOP/s, "
        f"{found.share:.0%} of a matrix product's {found.product_gflop_per_second:.0f}\n"
        f"{memory}"
        f"  checked      differs from the plain computation by {found.difference:.2g} of what is allowed"
    )
    answer.say(words, msgspec.to_builtins(found))
