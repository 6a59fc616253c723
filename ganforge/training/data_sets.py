"""The data set of a recipe: opened, and decoded."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from ganforge._io.files import write_whole
from ganforge._io.paths import expanded
from ganforge.data.checks import check_image_set
from ganforge.data.contract import DatasetEntry, Describes, ImageSet
from ganforge.data.preparing import Prepared, image_channels, prepare
from ganforge.data.survey import Account, take_account, told
from ganforge.errors import DataError
from ganforge.recipes.completing import complete
from ganforge.recipes.leaving_out import is_nothing
from ganforge.recipes.schema import Recipe
from ganforge.spec.checks import blamed
from ganforge.training.parts import Part

OnProgress = Callable[[int, int], None]
"""Called with the number of images decoded so far and of all."""


def open_data(recipe: Recipe, data_set: Part[DatasetEntry]) -> ImageSet:
    """The recipe's data set, opened, not yet decoded.

    Raises:
        DataError: it is not there.
    """
    entry, given = data_set.entry, recipe.data.path
    path = expanded(given) if given is not None else None
    if entry.needs_path and path is None:
        raise DataError(f"data set {entry.name!r} needs the path of its images: --data PATH, or data= in Python")
    who = f"data set {entry.name!r} of plugin {data_set.plugin!r}"
    options = data_set.options
    if "rules" in options.__struct_fields__:
        options = msgspec.structs.replace(options, rules=recipe.data.rules)
    with blamed(who):
        image_set = entry.open(path, options)
    return check_image_set(image_set, who)


def with_data(
    recipe: Recipe, data_set: Part[DatasetEntry], image_set: ImageSet | None = None
) -> tuple[Recipe, ImageSet]:
    """The recipe completed from its data set, and the data set, opened, unless it is given.

    Raises as `open_data` and `complete`.
    """
    if image_set is None:
        image_set = open_data(recipe, data_set)
    channels = recipe.channels or image_channels(image_set)
    notes = image_set.notes if isinstance(image_set, Describes) else ()
    return complete(recipe, channels, image_set.class_names, "; ".join(notes)), image_set


ACCOUNT = "data.json"
"""Name, in a run's folder, of the account of its data."""


def account_of(recipe: Recipe, image_set: ImageSet) -> tuple[Account, list[str]]:
    """What a recipe's data set holds, and the same in lines for people."""
    account = take_account(image_set)
    options = recipe.data.options
    return account, told(account, options.get("background", "white"), ranged=not is_nothing(options.get("value_range")))


def record_account(folder: Path, account: Account) -> None:
    """Write the account of a run's data into its folder.

    Raises:
        WriteError: it cannot be written.
    """
    write_whole(folder / ACCOUNT, msgspec.json.format(msgspec.json.encode(account)))


def read_account(folder: Path) -> dict[str, Any] | None:
    """The account of a run's data, as plain data; None: the run has none, as those of before there were any."""
    try:
        found: dict[str, Any] = msgspec.json.decode((folder / ACCOUNT).read_bytes())
    except (OSError, msgspec.DecodeError):
        return None
    return found


def decode(recipe: Recipe, image_set: ImageSet, on_progress: OnProgress | None = None) -> Prepared:
    """The images of a completed recipe's data set, decoded or from the cache."""
    assert recipe.channels is not None, "complete the recipe first"
    return prepare(
        image_set,
        name=recipe.data.set,
        shape=(*recipe.size, recipe.channels),
        resizing=recipe.data.resizing,
        max_bad=recipe.data.max_bad,
        progress=on_progress,
    )
