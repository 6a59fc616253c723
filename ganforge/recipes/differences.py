"""How two recipes differ, in the settings that decide what is trained."""

from ganforge.recipes.schema import Table

_FREE = {"data.path", "data.max_bad", "evaluation"} | {
    f"run.{key}"
    for key in (
        "steps",
        "epochs",
        "device",
        "backend",
        "log_every",
        "sample_every",
        "checkpoint_every",
        "keep",
        "keep_every",
    )
}
"""What a run may change on its way without being another run."""


def differences(recipe: Table, other: Table, prefix: str = "") -> list[str]:
    """What differs between two recipes, one line a field: `training.batch_size: 64, 32`.

    Where the images lie, how long to run, on what, what to measure and what to leave behind may differ and are not
    listed.
    """
    lines: list[str] = []
    for key in sorted(set(recipe) | set(other)):
        ours, theirs = recipe.get(key), other.get(key)
        if ours == theirs or f"{prefix}{key}" in _FREE:
            continue
        if isinstance(ours, dict) and isinstance(theirs, dict):
            lines += differences(ours, theirs, f"{prefix}{key}.")
        else:
            lines.append(f"{prefix}{key}: {ours!r}, {theirs!r}")
    return lines
