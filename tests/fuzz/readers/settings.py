"""What a person writes: recipes, `--set`, lists of numbers."""

import os
from functools import cache
from pathlib import Path
from typing import Any

import click
import msgspec
import tomli_w

from ganforge.cli.parameter_types import RANGES, SPAN
from ganforge.errors import RecipeError
from ganforge.plugins.host import Host, new_host
from ganforge.recipes.laying import override, parse_assignments
from ganforge.recipes.parsing import parse
from ganforge.recipes.reading import load_table
from ganforge.recipes.schema import Recipe
from ganforge.recipes.tables import to_table
from ganforge.training.experiment import resolve_networks

from ..target import Target

_RECIPES = Path(str(Path(load_table.__code__.co_filename).parent / "recipes"))


@cache
def core() -> Host:
    """The default plugins."""
    return new_host((), strict=True)


def _settled(recipe: Recipe) -> Recipe:
    """As data of two classes would settle it."""
    names = recipe.class_names or (("a", "b") if recipe.conditional else ())
    return msgspec.structs.replace(recipe, channels=recipe.channels or 3, class_names=names)


def check(recipe: Recipe) -> None:
    """What every command does with a recipe before it touches images; a recipe must survive its own table."""
    table = to_table(recipe)
    tomli_w.dumps(table).encode()
    assert parse(table) == recipe, "another recipe comes out of its own table"
    msgspec.json.encode(table)
    assert resolve_networks(_settled(recipe), core()).gan.shapes


def _read_recipe(document: bytes, folder: Path) -> None:
    path = folder / "recipe.toml"
    path.write_bytes(document)
    check(parse(load_table(str(path), core())))


def _read_assignments(document: bytes, folder: Path) -> None:
    """Lines, each as it would come after `--set`."""
    table: dict[str, Any] = load_table("dcgan", core())
    for line in document.split(b"\n"):
        table = override(table, parse_assignments([os.fsdecode(line)]))
    check(parse(table))


def _read_ranges(document: bytes, folder: Path) -> None:
    text = os.fsdecode(document)
    try:
        if len(document) % 2:
            SPAN.convert(text, None, None)
        else:
            assert len(RANGES.convert(text, None, None)) <= 1_000_000
    except click.UsageError as error:  # the command line's own kind of message
        raise RecipeError(error.message) from error


_WORDS = tuple(
    b'extends = "|[[generator]]|[[generator.layers]]|[training.generator.optimizer]|kind = "|conv_transpose|"dense"|'
    b'residual|"1/8"|"8 * width"|batch_norm|latent|size = |filters = |units = |shape = [|inf|1e308|1979-05-27|true|'
    b"image_size = |padding = [[0, 1], [1, 0]]|stride = |kernel = |99999|1000000000000|'''|[data]|layers = [".split(
        b"|"
    )
)
_SMALL = b"""
name = "small"
image_size = "8x12"
channels = 1
conditional = true
width = 4
class_names = ["a", "b"]
[layers.batch_norm]
decay = 0.9
epsilon = 1e-5
[[generator]]
kind = "join_label"
[[generator]]
kind = "dense"
units = ["1/4", "2 * width"]
[[generator]]
kind = "reshape"
shape = ["1/4", "2 * width"]
[[generator]]
kind = "residual"
layers = [{ kind = "batch_norm" }, { kind = "relu" }, { kind = "conv", filters = "2 * width", kernel = 3 }]
[[generator]]
kind = "conv_transpose"
filters = "channels"
kernel = [4, 5]
stride = 4
size = "1/1"
[[generator]]
kind = "tanh"
[[discriminator]]
kind = "conv"
filters = 4
kernel = 3
stride = 2
padding = [[1, 0], [0, 1]]
[[discriminator]]
kind = "leaky_relu"
slope = 0.2
[[discriminator]]
kind = "flatten"
[[discriminator]]
kind = "join_label"
[[discriminator]]
kind = "dense"
units = "logits"
[data]
set = "folder"
pattern = "*.png"
[training]
batch_size = 4
latent = { size = 3, distribution = "uniform" }
penalty = { name = "r1", weight = 1.0 }
targets = { flip = 0.1 }
average = { decay = 0.9 }
[training.generator]
updates = 2
optimizer = { kind = "rmsprop", learning_rate = 1e-4, clip = 0.01 }
"""


def _bare(path: Path) -> bytes:
    """A recipe without its comments, in which no mistake can be made."""
    return b"".join(line for line in path.read_bytes().splitlines(True) if not line.startswith(b"#"))


TARGETS = (
    Target(
        name="recipe",
        seeds=lambda: [_SMALL, *(_bare(path) for path in sorted(_RECIPES.glob("*.toml")))],
        read=_read_recipe,
        words=_WORDS,
    ),
    Target(
        name="set",
        seeds=lambda: [
            b"image_size=96x64",
            b"training.batch_size=32\ntraining.loss.name=hinge",
            b'data.classes=["cat","dog"]\ndata.set=cifar10',
            b"architecture.width=8\nname=x y",
            b"training.average={decay=0.9}\nrun.steps=10",
        ],
        read=_read_assignments,
        words=(*_WORDS, b".", b"=", b"\n"),
    ),
    Target(
        name="ranges",
        share=3,
        seeds=lambda: [b"0-63", b"3,8,21", b"-3,03", b"1.5,1e3"],
        read=_read_ranges,
        words=(b"-", b",", b"e"),
    ),
)
