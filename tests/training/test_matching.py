"""Which arrays of two GANs are of the same layer."""

import pytest

from ganforge.training.matching import counterparts

PLAIN = {
    "generator/00_dense/kernel": (3, 8),
    "generator/02_residual/00_conv/kernel": (3, 3, 2, 2),
    "generator/02_residual/02_conv/kernel": (3, 3, 2, 4),
    "generator/02_residual/shortcut/00_conv/kernel": (1, 1, 2, 4),
    "generator/100_conv/kernel": (3, 3, 4, 1),
    "averaged/00_dense/kernel": (3, 8),
}


def shifted(names: dict[str, str]) -> dict[str, str]:
    return {"generator/" + ours: "generator/" + theirs for ours, theirs in names.items()}


def test_the_same_networks_match_by_name() -> None:
    assert counterparts(PLAIN, PLAIN) == {name: name for name in PLAIN}
    assert counterparts(PLAIN, {}) == {}


def test_layers_of_each_kind_match_in_their_order_inside_blocks_too() -> None:
    labelled = {
        "generator/01_dense/kernel": (5, 8),
        "generator/03_residual/01_conv/kernel": (3, 3, 2, 2),
        "generator/03_residual/04_conv/kernel": (3, 3, 2, 4),
        "generator/03_residual/shortcut/00_conv/kernel": (1, 1, 2, 4),
        "generator/99_conv/kernel": (3, 3, 4, 1),
        "averaged/01_dense/kernel": (5, 8),
    }
    names = dict(zip(labelled, PLAIN, strict=True))
    assert counterparts(labelled, PLAIN) == names
    assert counterparts(PLAIN, labelled) == {theirs: ours for ours, theirs in names.items()}


def test_names_count_where_more_fits_by_them() -> None:
    """The first convolution has become a block; by their order, each later one would be another's."""
    ours = {f"discriminator/{name}/kernel": shape for name, shape in (("02_conv", (2,)), ("04_conv", (3,)))}
    theirs = {"discriminator/00_conv/kernel": (1,), **ours}
    assert counterparts(ours, theirs) == {name: name for name in ours}


def test_another_kind_of_layer_never_matches() -> None:
    assert counterparts({"generator/00_conv/kernel": (1,)}, {"generator/00_dense/kernel": (1,)}) == {}
    assert counterparts({"generator/00_conv/kernel": (1,)}, {"discriminator/00_conv/kernel": (1,)}) == {}


@pytest.mark.parametrize("layers", [9, 101])
def test_the_order_is_that_of_the_numbers(layers: int) -> None:
    names = [f"generator/{number:02d}_conv/kernel" for number in range(layers)]
    ours = {name: (number,) for number, name in enumerate(names)}
    theirs = {f"generator/{number + 1:02d}_conv/kernel": (number,) for number in reversed(range(layers))}
    found = counterparts(ours, theirs)
    assert all(theirs[there] == ours[name] for name, there in found.items())
    assert list(found) == names
