"""An account of a data set: what is taken, what is left out and why, and what is changed on the way."""

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec

from ganforge._io.files import write_whole
from ganforge._io.words import counted
from ganforge.data.cache import default_cache
from ganforge.data.checks import check_label
from ganforge.data.contract import Describes, ImageFacts, ImageSet, LeftOut
from ganforge.data.readers.labelling import NO_LABELS, NOT_ASKED
from ganforge.errors import DataError, WriteError
from ganforge.spec.checks import blamed

_FORMAT = 1
EXPECTED = (f"no labels: {NO_LABELS}", f"no labels: {NOT_ASKED}", "no labels: none in the file")
"""Notes that are not worth a line, but where labels are asked for."""
_CHUNK = 64
_WHO = "the data set's plugin"


class Looks(msgspec.Struct, frozen=True, kw_only=True):
    """How many images are of which kind, at their source."""

    grey: int = 0
    color: int = 0
    transparent: int = 0
    deep: int = 0
    """Of more than 8 bits a channel."""
    highest: int = 0
    """Largest value among the deep ones."""
    unreadable: int = 0

    @property
    def channels(self) -> int | None:
        """1 if no image has color, 3 if one has; None: none can be read."""
        return (3 if self.color else 1) if self.grey + self.color else None


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """What was found at `--data`."""

    images: int
    """Those that are taken, readable or not."""
    classes: dict[str, int]
    """Images of each."""
    looks: Looks | None
    """None: the set does not say."""
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()


def take_account(image_set: ImageSet, cache: Path | None = None) -> Account:
    """Look at an opened data set; the files' headers are read once and what they say is kept in the cache."""
    counts = [0] * len(image_set.class_names)
    for index in range(len(image_set)) if counts else ():
        with blamed(_WHO):
            label = image_set.label(index)
        counts[check_label(label, len(counts), _WHO)] += 1
    described = image_set if isinstance(image_set, Describes) else None
    return Account(
        images=len(image_set),
        classes=dict(zip(image_set.class_names, counts, strict=True)),
        looks=looks_of(image_set, cache),
        left_out=described.left_out if described else (),
        notes=described.notes if described else (),
    )


def looks_of(image_set: ImageSet, cache: Path | None = None) -> Looks | None:
    """How many images are of which kind; None: the set does not describe them. See `take_account`."""
    return _looks(image_set, default_cache() if cache is None else cache) if isinstance(image_set, Describes) else None


def told(account: Account, background: str = "white", *, ranged: bool = False) -> list[str]:
    """The account in lines for people, those about what they might not expect alone.

    Args:
        account: the account.
        background: that transparent pixels are composed over.
        ranged: whether the values of black and white are given.
    """
    looks, lines = account.looks or Looks(), [note for note in account.notes if note not in EXPECTED]
    if looks.grey and looks.color:
        lines.append(
            f"{counted(looks.color, 'image')} in color, {looks.grey:,} grey: all become color (--set channels=1: grey)"
        )
    if looks.transparent:
        lines.append(
            f"{counted(looks.transparent, 'image')} with transparency: shown over {background} "
            "(--set data.background=COLOR)"
        )
    if looks.deep:
        line = f"{counted(looks.deep, 'image')} of more than 8 bits, the largest value {looks.highest:,}"
        if not ranged and looks.highest <= 65535 // 4:
            white = 2 ** max(looks.highest, 1).bit_length() - 1
            line += ": they come out nearly black, as white is 65,535; "
            line += f"--set 'data.value_range=[0, {white}]' makes {white:,} white"
        lines.append(line)
    if looks.unreadable:
        lines.append(f"{counted(looks.unreadable, 'image')} cannot be read")
    return lines + [f"left out: {each.count:,}, {each.reason} ({each.example})" for each in account.left_out]


def _looks(image_set: Any, cache: Path) -> Looks:
    key = hashlib.sha256(f"{_FORMAT} {image_set.fingerprint}".encode("utf-8", "surrogateescape")).hexdigest()[:16]
    kept = cache / f"account-{key}.json"
    try:
        return msgspec.json.decode(kept.read_bytes(), type=Looks)
    except (OSError, msgspec.DecodeError):
        looks = _look(image_set)
    try:
        cache.mkdir(parents=True, exist_ok=True)
        write_whole(kept, msgspec.json.encode(looks))
    except (
        OSError,
        WriteError,
    ):  # it is looked at again next time; a full disk is told of when images are prepared
        return looks
    return looks


def _look(image_set: Any) -> Looks:
    ranges = [range(at, min(at + _CHUNK, len(image_set))) for at in range(0, len(image_set), _CHUNK)]
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        facts = [each for part in pool.map(lambda part: _facts(image_set, part), ranges) for each in part]
    good = [each for each in facts if each is not None]
    return Looks(
        grey=sum(not each.color for each in good),
        color=sum(each.color for each in good),
        transparent=sum(each.transparent for each in good),
        deep=sum(each.deep for each in good),
        highest=max((each.highest for each in good), default=0),
        unreadable=len(facts) - len(good),
    )


def _facts(image_set: Describes, indices: Sequence[int]) -> list[ImageFacts | None]:
    found: list[ImageFacts | None] = []
    for index in indices:
        try:
            found.append(image_set.facts(index))
        except (DataError, OSError):  # told of, by name, when it is read
            found.append(None)
    return found
