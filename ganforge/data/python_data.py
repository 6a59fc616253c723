"""Images as Python programs have them, as an image set: arrays, and the data sets of other libraries.

Those are recognised by the names of their classes, so that none of these libraries is imported here.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from ganforge.data.array_set import array_set
from ganforge.data.class_labels import class_labels
from ganforge.data.contract import ImageSet
from ganforge.data.image_files import pixels_of, read_image
from ganforge.data.item_set import Item, Wanted, item_set, spooled_set
from ganforge.data.pixel_values import ValueRange, color_of
from ganforge.data.readers.opening import open_images
from ganforge.data.reading_settings import OpenOptions
from ganforge.errors import DataError

_IMAGE_KEYS = ("image", "images", "img", "pixel_values", "x")
_LABEL_KEYS = ("label", "labels", "fine_label", "class", "target", "y")

_TAKEN = (
    "an array, a list of images, (images, labels), {'images': ..., 'labels': ...}, a torch Tensor, Dataset or "
    "DataLoader, a tf.data.Dataset, a Hugging Face Dataset, a path, an image set"
)
"""What `as_image_set` takes, in words."""


def as_image_set(
    data: Any,
    *,
    labels: Any = None,
    class_names: Sequence[str] | None = None,
    value_range: ValueRange | None = None,
    background: str = "white",
    name: str = "data",
) -> ImageSet:
    """Images as Python programs have them, as an image set that `prepare` and `train` take.

    An array is not copied; an image of it is converted when it is read. All else is gone through once here, for its
    labels, its range of values and a fingerprint of its content; an object that cannot be asked for single items
    (`tf.data.Dataset`, an `IterableDataset`, a generator) goes into a temporary file meanwhile. Nothing else is
    written.

    Args:
        data: one of

            - an array: (N, height, width) or (N, height, width, 1 to 4), of uint8, bool, or numbers with a declared or
              evident range; or a list of such images, of any sizes, or of Pillow's;
            - a torch Tensor: (N, height, width) or (N, 1 to 4, height, width);
            - `(images, labels)`, or `{"images": ..., "labels": ...}`;
            - a torch `Dataset`, or a `DataLoader`, of which the data set is taken, in its own order; its items are
              an image, `(image, label)`, or a dict;
            - a `tf.data.Dataset`, batched or not, with the same kinds of elements;
            - a Hugging Face `Dataset` with an Image column;
            - a path, of whatever `--data` takes;
            - an `ImageSet`, which comes back as it is.
        labels: a whole number or a text for each image; in place of what `data` itself has.
        class_names: names of the classes 0, 1, ...; by default the sorted values of the labels.
        value_range: the values that become black and white; by default the evident ones. That is 0 and 255 for uint8,
            0 and 65535 for uint16; for floats 0 and 1, or -1 and 1 if there are negative ones, or 0 and 255.
        background: color that shows through transparent pixels, as CSS writes it.
        name: what the data is called in messages.

    Raises:
        DataError: another kind of object, an array of objects, ragged lists, pixels that are not finite or outside
            their range, or labels of another number.
    """
    if isinstance(data, ImageSet):
        return data
    if isinstance(data, (str, Path)):
        if labels is not None or class_names is not None:
            raise DataError(f"{data}: labels and class_names are for data in memory; a path has labels of its own")
        return open_images(Path(data), OpenOptions(background=background, value_range=value_range))
    names = None if class_names is None else tuple(class_names)
    wanted = Wanted(
        name=name,
        labels=labels,
        class_names=names,
        value_range=value_range,
        background=color_of(background, "background"),
    )
    if isinstance(data, tuple) and len(data) == 2 and labels is None:
        return as_image_set(
            data[0],
            labels=data[1],
            class_names=names,
            value_range=value_range,
            background=background,
            name=name,
        )
    for is_one, make in _KINDS:
        if is_one(data):
            return make(data, wanted)
    raise DataError(f"{name}: a {type(data).__qualname__} is no kind of data that is known: {_TAKEN}")


def _is(module: str, *names: str) -> Callable[[Any], bool]:
    """Whether an object is of one of these classes, or of one derived from them, of a module that may not be there."""

    def is_one(data: Any) -> bool:
        return any(
            kind.__name__ in names and kind.__module__.partition(".")[0] == module for kind in type(data).__mro__
        )

    return is_one


def _from_array(data: Any, wanted: Wanted) -> ImageSet:
    labels, names = None, tuple[str, ...]()
    array = np.asarray(data)
    if wanted.labels is not None:
        count = len(array) if array.ndim else 0
        labels, names = class_labels(wanted.labels, count, f"{wanted.name}: labels", wanted.class_names)
    return array_set(
        array,
        name=wanted.name,
        labels=labels,
        class_names=names,
        value_range=wanted.value_range,
        background=wanted.background,
    )


def _from_tensor(data: Any, wanted: Wanted) -> ImageSet:
    array = data.detach().cpu().numpy()
    return _from_array(array.transpose(0, 2, 3, 1) if array.ndim == 4 else array, wanted)


def _from_mapping(data: Mapping[str, Any], wanted: Wanted) -> ImageSet:
    images, labels = _parts(data, wanted.name)
    if images is None:
        raise DataError(
            f"{wanted.name}: a dict with {', '.join(map(repr, data))}; 'images' is needed, and 'labels' may be"
        )
    return as_image_set(
        images,
        labels=labels if wanted.labels is None else wanted.labels,
        class_names=wanted.class_names,
        value_range=wanted.value_range,
        background="#{:02x}{:02x}{:02x}".format(*wanted.background),
        name=wanted.name,
    )


def _from_list(data: Sequence[Any], wanted: Wanted) -> ImageSet:
    if len(data) and isinstance(data[0], (list, int, float)):
        try:
            return _from_array(np.array(data), wanted)
        except ValueError as error:
            raise DataError(f"{wanted.name}: ragged lists, that are no array of images: {error}") from error
    return item_set(len(data), lambda index: (_pixels(data[index], f"{wanted.name}[{index}]"), None), wanted)


def _from_torch(data: Any, wanted: Wanted) -> ImageSet:
    names = wanted.class_names or getattr(data, "classes", None)
    wanted = _with(wanted, names)
    try:
        count = len(data)
    except TypeError:  # an IterableDataset
        return spooled_set((_item(each, f"{wanted.name}[{at}]") for at, each in enumerate(data)), wanted)
    return item_set(count, lambda index: _item(data[index], f"{wanted.name}[{index}]"), wanted)


def _from_tensorflow(data: Any, wanted: Wanted) -> ImageSet:
    if int(data.cardinality()) == -1:
        raise DataError(f"{wanted.name}: a tf.data.Dataset without an end; leave out repeat(), or add take(N)")
    return spooled_set(_unbatched(data.as_numpy_iterator(), wanted.name), wanted)


def _unbatched(elements: Iterator[Any], name: str) -> Iterator[Item]:
    for at, element in enumerate(elements):
        where = f"{name}[{at}]"
        images, labels = _parts(element, where)
        batch = images.ndim == 4 or (images.ndim == 3 and images.shape[2] not in (1, 2, 3, 4))
        if not batch:
            yield _pixels(images, where), labels
            continue
        for row in range(len(images)):
            yield _pixels(images[row], where), None if labels is None else labels[row]


def _from_hugging_face(data: Any, wanted: Wanted) -> ImageSet:
    kinds = {column: type(feature).__name__ for column, feature in data.features.items()}
    image = next((column for column, kind in kinds.items() if kind == "Image"), None)
    if image is None:
        raise DataError(
            f"{wanted.name}: no column of images; its columns: {', '.join(f'{c} ({k})' for c, k in kinds.items())}"
        )
    label = next((column for column, kind in kinds.items() if kind == "ClassLabel"), None)
    label = label or next((column for column in kinds if column in _LABEL_KEYS), None)
    if label is not None and kinds[label] == "ClassLabel":
        wanted = _with(wanted, wanted.class_names or data.features[label].names)
    # As files, so that they are read as all others are: upright, 16 bits scaled, over the background.
    files = data.with_format("arrow", columns=[image] if label is None else [image, label])

    def item(index: int) -> Item:
        row = files[index].to_pylist()[0]
        content, where = row[image], f"{wanted.name}[{index}]"
        source = BytesIO(content["bytes"]) if content["bytes"] is not None else Path(content["path"])
        return read_image(source, where), None if label is None else row[label]

    return item_set(len(files), item, wanted)


def _refuse_splits(data: Any, wanted: Wanted) -> ImageSet:
    raise DataError(f"{wanted.name}: a {type(data).__name__} of several splits; take one: data[{next(iter(data))!r}]")


def _with(wanted: Wanted, class_names: Sequence[str] | None) -> Wanted:
    return Wanted(
        name=wanted.name,
        labels=wanted.labels,
        class_names=None if class_names is None else tuple(map(str, class_names)),
        value_range=wanted.value_range,
        background=wanted.background,
    )


def _parts(item: Any, where: str) -> tuple[Any, Any]:
    """An item's image and label, either of which may be None."""
    if isinstance(item, Mapping):
        image = next((item[key] for key in _IMAGE_KEYS if key in item), None)
        return image, next((item[key] for key in _LABEL_KEYS if key in item), None)
    if isinstance(item, (tuple, list)):
        if not item:
            raise DataError(f"{where}: an empty {type(item).__name__}, where an image is needed")
        return item[0], item[1] if len(item) > 1 else None
    return item, None


def _item(item: Any, where: str) -> Item:
    image, label = _parts(item, where)
    if image is None:
        raise DataError(f"{where}: a dict with {', '.join(map(repr, item))}; 'image' is needed, and 'label' may be")
    if _is("torch", "Tensor")(label):
        label = label.item() if label.numel() == 1 else label.numpy()
    return _pixels(image, where), label


def _pixels(image: Any, where: str) -> npt.NDArray[Any]:
    """One image as (height, width, channels), of its own number type."""
    if isinstance(image, Image.Image):
        return pixels_of(image, where)
    if _is("torch", "Tensor")(image):
        image = image.detach().cpu().numpy()
        if image.ndim == 3 and image.shape[0] in (1, 3, 4):
            return np.asarray(image.transpose(1, 2, 0))
    pixels = np.asarray(image)
    if pixels.ndim == 3 and pixels.shape[2] not in (1, 2, 3, 4) and pixels.shape[0] in (1, 3, 4):
        return pixels.transpose(1, 2, 0)
    return pixels[..., np.newaxis] if pixels.ndim == 2 else pixels


_KINDS: Sequence[tuple[Callable[[Any], bool], Callable[[Any, Wanted], ImageSet]]] = (
    (lambda data: isinstance(data, np.ndarray), _from_array),
    (_is("torch", "Tensor"), _from_tensor),
    (_is("torch", "DataLoader"), lambda data, wanted: _from_torch(data.dataset, wanted)),
    (_is("torch", "Dataset"), _from_torch),
    (_is("tensorflow", "DatasetV2"), _from_tensorflow),
    (_is("datasets", "Dataset"), _from_hugging_face),
    (_is("datasets", "DatasetDict", "IterableDatasetDict"), _refuse_splits),
    (_is("datasets", "IterableDataset"), _from_torch),
    (_is("tensorflow", "Tensor", "EagerTensor"), lambda data, wanted: _from_array(data.numpy(), wanted)),
    (_is("jax", "Array"), _from_array),
    (_is("jaxlib", "ArrayImpl"), _from_array),
    (lambda data: isinstance(data, Mapping), _from_mapping),
    (lambda data: isinstance(data, (list, tuple)), _from_list),
    (
        lambda data: isinstance(data, Iterator),
        lambda data, wanted: spooled_set((_item(each, f"{wanted.name}[{at}]") for at, each in enumerate(data)), wanted),
    ),
)
"""How a kind of object is recognised, and what is made of it."""
