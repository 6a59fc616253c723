"""What is told of a recipe before it is trained."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ganforge.plugins.host import default_host
from ganforge.plugins.kinds import known_kinds
from ganforge.recipes.laying import parse_assignments
from ganforge.recipes.reading import DEFAULT_RECIPE, RecipeLike, read
from ganforge.recipes.schema import Recipe
from ganforge.spec.gan import Gan


def load_recipe(
    recipe: RecipeLike = DEFAULT_RECIPE,
    *,
    data: str | Path | None = None,
    dataset: str | None = None,
    overrides: Mapping[str, Any] | None = None,
    assignments: Iterable[str] = (),
) -> Recipe:
    """The typed recipe: the named one with what is given laid on it.

    Args:
        recipe, data, dataset, overrides: see `train`.
        assignments: further overrides as text, `training.batch_size=32`.
    """
    given = {**(overrides or {})}
    host = default_host()
    return read(
        recipe, host, known_kinds(host), data=data, dataset=dataset, overrides=given | parse_assignments(assignments)
    )


def shares_of_a_batch(gan: Gan) -> str:
    """In which shares a batch is computed, and which layers see a share where they would see the batch."""
    batch, count, seeing = gan.protocol.batch_size, gan.protocol.accumulate, gan.seeing_shares
    named = ", ".join(seeing[:4]) + (f" and {len(seeing) - 4} more" if len(seeing) > 4 else "")
    return f"a batch of {batch} is computed in {count} shares of {batch // count}" + (
        f"; these layers see a share, not the batch: {named}" if seeing else ""
    )
