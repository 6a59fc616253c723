"""Write docs/recipes.md: the comment at the head of each shipped recipe, its settings, and its layers.

python docs/make_recipes.py
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ganforge
from ganforge.plugins import default_host
from ganforge.recipes import Recipe, RecipeEntry, to_table
from ganforge.spec import NETWORKS, Gan, NetworkName, network_costs, step_operations
from ganforge.training import resolve_networks

PAGE = Path(__file__).with_name("recipes.md")
IMAGES = PAGE.with_name("images")
COMMAND = "python docs/make_recipes.py"

HEAD = f"""# Recipes

This page is generated from the recipe files by `{COMMAND}`; edit the recipes instead.

A recipe is one TOML file that describes the data set, the networks and the training. `ganforge train --recipe NAME`
trains it in any framework; `--dry-run` shows the layers for your images, and `--set KEY=VALUE` changes any of the
settings below; the value `none` leaves one out. To write your own, see [write-a-recipe.md](write-a-recipe.md).

Where a recipe takes the number of channels or classes from the data, the tables assume three channels and ten classes.
If a recipe is not conditional, layers that only join a label are left out. The cost of a step is given in
floating-point operations. Two cores compute 100 to 180 GFLOP per second, so one pass of `dcgan` over 5,000 images takes
a minute and a half.

## Which recipe for my images

| your images | recipe | why |
|---|---|---|
| thousands of one kind, half an hour | `light` | 0.42 of the KID of `dcgan` (9,000 anime faces, 32x32, two cores) |
| the same, of many kinds | `light` | 0.80 of the KID of `dcgan` (4,000 images of CIFAR-10) |
| the same, with hours | `sngan` | spectral norm limits the discriminator; a tenth of the cost of `sngan-resnet` |
| the same, to compare losses | `lsgan` | least squares also moves images that already pass for real |
| 50 to 2,000 of one kind | `few-images` | the discriminator sees augmented images; with 200 faces, this halved KID |
| any, with a GPU or a night | `sngan-resnet`, `wgan-gp` | five updates of the discriminator per step: steady but slow |
| classes, to be drawn on request | `projection` | the label acts in each batch norm and on the features |
| the same, with little time | `acgan` | a twentieth of the cost of `projection`; less variety within a class |
| the same, with a GPU | `sagan` | attention relates distant parts of an image |
| any, with a GPU and days | `r3gan`, wider | no norm, no labels needed; the best published result of these |
| handwritten digits | `digits`, `cgan-mnist` | small, and measured: [quality.md](quality.md) |

The other recipes reproduce published programs. `ganforge recipes --compare A B` shows how two recipes differ.
[published-tricks.md](published-tricks.md) shows how to write the techniques of papers as recipes.

## All recipes

| recipe | images | parameters | batch | GFLOP per step | description |
|---|---|---|---|---|---|"""


def page() -> str:
    """The whole page."""
    entries = default_host().entries("ganforge_recipes", RecipeEntry)
    own = sorted(name for name, each in entries.items() if each.plugin == "ganforge.plugins.builtin")
    return "\n".join([HEAD, *map(row, own), "", *(section(name, entries[name].entry.path) for name in own)])


def row(name: str) -> str:
    """A line of the table of all recipes."""
    recipe, gan = ganforge.load_recipe(name), built(name)
    parameters = sum(each.parameters for network in NETWORKS for each in network_costs(gan, network))
    height, width, _ = gan.image_shape
    return (
        f"| [{name}](#{name}) | {height}x{width} | {parameters / 1e6:,.1f} million | {gan.protocol.batch_size} | "
        f"{step_operations(gan) / 1e9:,.1f} | {recipe.summary} |"
    )


def built(name: str) -> Gan:
    """The networks of a recipe, with three channels and ten classes where it takes them from the data."""
    recipe = ganforge.load_recipe(name)
    numbers = [str(number) for number in range(10)] if recipe.conditional else []
    return resolve_networks(
        ganforge.load_recipe(name, overrides={"channels": recipe.channels or 3, "class_names": numbers}), default_host()
    ).gan


def section(name: str, path: Path) -> str:
    """One recipe."""
    recipe, gan = ganforge.load_recipe(name), built(name)
    settings = "\n".join(f"{key} = {value}" for key, value in flat(shown(recipe)))
    return "\n".join(
        [
            f"## {name}\n",
            comment(path.read_text(encoding="utf-8")),
            *(f"![Drawn by {name}](images/{name}.png)\n" for _ in IMAGES.glob(f"{name}.png")),
            f"```toml\n{settings}\n```\n",
            *(layer_table(gan, network) for network in NETWORKS),
            f"A step costs about {step_operations(gan) / 1e9:,.1f} GFLOP.\n",
        ]
    )


def comment(text: str) -> str:
    """The comment at the top of a recipe as Markdown; indented lines are commands."""
    out: list[str] = []
    inside = False
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        words = line[1:].removeprefix(" ")
        if words.startswith("  ") != inside:
            out.append("```" if inside else "```sh")
            inside = not inside
        out.append(words.removeprefix("  ") if inside else words)
    if inside:
        out.append("```")
    return "\n".join(out) + "\n"


def shown(recipe: Recipe) -> dict[str, Any]:
    """The settings of a recipe, except its name, its summary and the layers, which the tables show."""
    hidden = ("name", "summary", "generator", "discriminator")
    return {key: value for key, value in to_table(recipe).items() if key not in hidden}


def flat(table: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Every value with its path, as --set takes them."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{key}.")
        elif value != []:
            yield f"{prefix}{key}", json.dumps(value)


def layer_table(gan: Gan, network: NetworkName) -> str:
    """The layers of one of the two networks, as Markdown."""
    costs = network_costs(gan, network)
    rows = [
        f"| {each.name} | {' x '.join(map(str, each.output))} | {each.settings} | "
        f"{f'{each.parameters:,}' if each.parameters else ''} |"
        for each in costs
    ]
    total = sum(each.parameters for each in costs)
    head = f"| {network} | output | settings | parameters: {total:,} |\n|---|---|---|---|"
    return "\n".join([head, *rows, ""])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
