"""What a data set hands over, held to its contract as it comes in: a breach is named where it is made."""

from operator import index
from typing import Any

from ganforge.data.contract import ImageSet
from ganforge.errors import PluginError
from ganforge.spec.checks import TELL, blamed


def check_image_set(image_set: ImageSet, who: str) -> ImageSet:
    """An image set whose length, fingerprint and class names are what they should be.

    Raises:
        PluginError: one is not.
    """
    with blamed(who):
        fingerprint, names = image_set.fingerprint, image_set.class_names
        len(image_set)
    if not isinstance(fingerprint, str):
        raise PluginError(f"{who} has the fingerprint {fingerprint!r:.60}, where its contract asks for text. {TELL}")
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
        raise PluginError(
            f"{who} has the class names {names!r:.60}, where its contract asks for a tuple of text. {TELL}"
        )
    with blamed(who):
        "".join((fingerprint, *names)).encode()  # both are written down
    return image_set


def check_label(label: Any, classes: int, who: str) -> int:
    """A label of one of so many classes.

    Raises:
        PluginError: it is no whole number, or there is no such class.
    """
    try:
        number = index(label)
    except TypeError:
        number = -1
    if not 0 <= number < classes:
        raise PluginError(f"{who} gave the label {label!r:.60}, but there are {classes} classes. {TELL}")
    return number
