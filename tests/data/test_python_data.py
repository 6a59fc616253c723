"""Arrays and other libraries' data sets as image sets."""

import io
import tracemalloc
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ganforge.data.contract import ImageSet
from ganforge.data.preparing import prepare
from ganforge.data.python_data import as_image_set
from ganforge.errors import DataError

IMAGES = np.random.default_rng(0).integers(0, 256, (12, 16, 17, 3), np.uint8)
LABELS = np.arange(12) % 3


def check(image_set: ImageSet, *, labelled: bool = True, images: np.ndarray = IMAGES) -> None:
    assert len(image_set) == 12
    for index in range(12):
        np.testing.assert_array_equal(image_set.read(index), images[index])
        if labelled:
            assert image_set.label(index) == LABELS[index]
    assert bool(image_set.class_names) == labelled


def test_an_array_is_not_copied() -> None:
    large = np.zeros((2000, 64, 64, 3), np.uint8)
    tracemalloc.start()
    image_set = as_image_set(large)
    image_set.read(5)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < large.nbytes / 10


@pytest.mark.parametrize(
    ("array", "value_range"),
    [
        (IMAGES, None),
        (IMAGES.astype(np.int64), None),
        (IMAGES.astype(np.float32), None),
        (IMAGES / 255, None),
        (IMAGES / 127.5 - 1, None),
        (IMAGES.astype(np.uint16) * 257, None),
        (IMAGES.astype(np.uint16) * 16, (0, 255 * 16)),
    ],
)
def test_ranges(array: np.ndarray, value_range: tuple[float, float] | None) -> None:
    check(as_image_set(array, value_range=value_range), labelled=False)
    check(as_image_set(array, labels=LABELS, value_range=value_range))


def test_shapes() -> None:
    check(as_image_set(IMAGES[..., 0]), labelled=False, images=IMAGES[..., :1])
    assert as_image_set(IMAGES[..., 0] > 99).read(0).max() == 255
    check(as_image_set(list(IMAGES)), labelled=False)
    check(as_image_set([Image.fromarray(each) for each in IMAGES], labels=LABELS.tolist()))
    check(as_image_set(IMAGES.tolist()), labelled=False)
    sizes = as_image_set([IMAGES[0], IMAGES[1, :5]])
    assert [sizes.read(index).shape for index in (0, 1)] == [(16, 17, 3), (5, 17, 3)]


def test_transparent_pixels_show_the_background() -> None:
    alpha = np.zeros((1, 2, 1, 4), np.uint8)
    alpha[0, 0] = (10, 20, 30, 255)
    assert as_image_set(alpha, background="#ff8000").read(0).tolist() == [[[10, 20, 30]], [[255, 128, 0]]]
    assert as_image_set(alpha).read(0).tolist() == [[[10, 20, 30]], [[255, 255, 255]]]


def test_labels_and_names() -> None:
    check(as_image_set((IMAGES, LABELS)))
    check(as_image_set({"images": IMAGES, "labels": LABELS[:, None]}))
    named = as_image_set(IMAGES, labels=["11" if label else "2" for label in LABELS])
    assert named.class_names == ("2", "11") and named.label(0) == 0
    holes = as_image_set(IMAGES, labels=LABELS * 5 + 1)
    assert holes.class_names == ("1", "6", "11") and holes.label(2) == 2
    assert as_image_set(IMAGES, labels=LABELS, class_names=list("abcd")).class_names == ("a", "b", "c", "d")


def test_the_fingerprint_follows_all_that_decides() -> None:
    other = IMAGES.copy()
    other[11, 15, 16, 2] ^= 1
    sets = [
        as_image_set(IMAGES),
        as_image_set(other),
        as_image_set(IMAGES, labels=LABELS),
        as_image_set(IMAGES, labels=LABELS[::-1]),
        as_image_set(IMAGES, value_range=(0, 300)),
        as_image_set(IMAGES[:, ::-1]),
    ]
    assert len({each.fingerprint for each in sets}) == len(sets)
    assert as_image_set(IMAGES.copy()).fingerprint == sets[0].fingerprint


def test_prepared(tmp_path: Any) -> None:
    prepared = prepare(as_image_set((IMAGES, LABELS)), name="data", shape=(16, 17, 3), cache=tmp_path)
    np.testing.assert_array_equal(prepared.images, IMAGES)
    assert prepared.labels is not None and prepared.labels.tolist() == LABELS.tolist()


@pytest.mark.parametrize(
    ("data", "options", "said"),
    [
        (np.array([None, 1]), {}, "an array of Python objects"),
        (np.full((2, 4, 4), np.nan), {}, "not finite"),
        (np.full((2, 4, 4), -7.5), {}, "-7.5 to -7.5: .* give value_range"),
        (IMAGES, {"value_range": (0, 100)}, r"lie outside value_range \(0, 100\)"),
        (IMAGES, {"value_range": (5, 5)}, "is no range"),
        ([[1, 2], [3]], {}, "ragged lists"),
        ([IMAGES[0], None], {}, r"data\[1\]: an image of type object"),
        ([IMAGES[0], IMAGES[0] / 255], {}, r"data\[1\]: float64 pixels, but those before are uint8"),
        (IMAGES.transpose(0, 3, 1, 2), {}, r"give array\.transpose\(0, 2, 3, 1\)"),
        (IMAGES[0, 0], {}, "shape"),
        (IMAGES[:0], {}, "shape"),
        ([], {}, "there are no images"),
        ((IMAGES, LABELS[:5]), {}, "5 labels for 12 images"),
        (IMAGES, {"labels": LABELS + 0.5}, "label 0 is 0.5"),
        (IMAGES, {"labels": np.eye(12)}, "argmax"),
        (IMAGES, {"labels": [None] * 12}, "whole numbers or names"),
        (IMAGES, {"labels": [[1], [1, 2]] * 6}, "no list of numbers"),
        (IMAGES, {"labels": LABELS, "class_names": ["a", "b"]}, "label 2 is 2, but there are 2 classes"),
        (IMAGES, {"background": "qqq"}, "'qqq' is not a color"),
        (5, {}, "a int is no kind of data"),
        (np.array(["a"]), {}, "type <U1"),
        ({"pics": IMAGES}, {}, "'images' is needed"),
    ],
)
def test_what_is_refused(data: Any, options: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        as_image_set(data, **options)


def test_a_pixel_that_is_not_finite_is_found_in_any_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ganforge.data.array_set._BLOCK", 1)
    images = np.zeros((5, 4, 4))
    images[2, 1, 1] = np.nan
    with pytest.raises(DataError, match="not finite"):
        as_image_set(images)


def test_torch() -> None:
    import torch
    from torch.utils.data import DataLoader, Dataset, IterableDataset

    class Map(Dataset[Any]):
        classes = ("a", "b", "c")

        def __len__(self) -> int:
            return 12

        def __getitem__(self, index: int) -> Any:
            return torch.from_numpy(IMAGES[index]).permute(2, 0, 1) / 255, int(LABELS[index])

    class Stream(IterableDataset[Any]):
        def __iter__(self) -> Iterator[Any]:
            return ({"image": IMAGES[index], "label": torch.tensor(LABELS[index])} for index in range(12))

    for data in (Map(), DataLoader(Map(), batch_size=5, shuffle=True)):
        image_set = as_image_set(data)
        check(image_set)
        assert image_set.class_names == ("a", "b", "c")
    check(as_image_set(Stream()))
    check(as_image_set(torch.from_numpy(IMAGES).permute(0, 3, 1, 2)), labelled=False)


def test_tensorflow() -> None:
    import tensorflow as tf

    pairs = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS))
    for data in (pairs, pairs.batch(5), pairs.map(lambda image, label: {"image": image, "label": label})):
        check(as_image_set(data))
    check(as_image_set(tf.data.Dataset.from_tensor_slices(IMAGES).batch(4)), labelled=False)
    check(as_image_set(tf.constant(IMAGES)), labelled=False)
    with pytest.raises(DataError, match=r"add take\(N\)"):
        as_image_set(pairs.repeat())


def test_jax() -> None:
    import jax

    check(as_image_set(jax.numpy.asarray(IMAGES)), labelled=False)


def png(pixels: np.ndarray) -> bytes:
    made = io.BytesIO()
    Image.fromarray(pixels).save(made, "PNG")
    return made.getvalue()


@pytest.mark.filterwarnings("ignore")  # of pickling, in their library
def test_hugging_face() -> None:
    pytest.importorskip("datasets.features", reason="the library datasets is not installed")
    import datasets
    import pyarrow

    files = [{"bytes": png(each), "path": None} for each in IMAGES]
    columns = {"img": pyarrow.array(files, datasets.Image.pa_type), "kind": pyarrow.array(LABELS.tolist())}
    features = datasets.Features({"img": datasets.Image(), "kind": datasets.ClassLabel(names=["a", "b", "c"])})
    data = datasets.Dataset(pyarrow.table(columns), info=datasets.DatasetInfo(features=features), fingerprint="x")
    image_set = as_image_set(data)
    check(image_set)
    assert image_set.class_names == ("a", "b", "c")
    check(as_image_set(data.to_iterable_dataset().rename_columns({"img": "image", "kind": "label"})))
    with pytest.raises(DataError, match=r"take one: data\['train'\]"):
        as_image_set(datasets.DatasetDict({"train": data}))
    with pytest.raises(DataError, match=r"no column of images; its columns: kind"):
        as_image_set(data.select_columns("kind"))
