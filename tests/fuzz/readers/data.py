"""Images and labels that others made: the files of every data set."""

import gzip
import io
import os
import pickle
import struct
import tarfile
from pathlib import Path
from unittest.mock import patch

import numpy as np
from ganforge_cifar10 import Options as Cifar10Options
from ganforge_cifar10 import open_cifar10
from ganforge_cifar10.batches import parse_batch
from ganforge_faces.tables import Table, read_column
from ganforge_folder import open_folder
from ganforge_mnist import Options as MnistOptions
from ganforge_mnist import open_mnist
from PIL import Image

from ganforge.data import OpenOptions as FolderOptions
from ganforge.data import image_files
from ganforge.data.contract import ImageSet
from ganforge.data.folders import ImageFile
from ganforge.data.image_files import read_image
from ganforge.data.resizing import fit_image
from ganforge.data.resizing_settings import Resizing

from ..containers import gzipped, one_of, png, tar_content, tar_header
from ..target import Target, bundle, unbundle


def _look(image_set: ImageSet) -> None:
    """All that the core asks of an image set."""
    assert len(image_set) > 0 and image_set.fingerprint
    for index in {0, len(image_set) - 1}:
        image_set.where(index).encode()
        if image_set.class_names:
            assert 0 <= image_set.label(index) < len(image_set.class_names)
        assert image_set.read(index).dtype == np.uint8
    " ".join(image_set.class_names).encode()


def _noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


# MNIST


def _idx(values: np.ndarray) -> bytes:
    return struct.pack(f">I{values.ndim}I", 2048 + values.ndim, *values.shape) + values.tobytes()


def _read_idx(document: bytes, folder: Path) -> None:
    images, labels = unbundle(document, 2)
    (folder / "t10k-images-idx3-ubyte.gz").write_bytes(images)
    (folder / "t10k-labels-idx1-ubyte").write_bytes(labels)
    _look(open_mnist(folder, MnistOptions(split="test")))


def _idx_seeds() -> list[bytes]:
    images, labels = _idx(_noise(3, 4, 5)), _idx(np.arange(3, dtype=np.uint8))
    empty = bundle(_idx(_noise(0, 4, 5)), _idx(_noise(0)))
    return [empty, bundle(images, labels), bundle(gzip.compress(images, 1, mtime=0), gzip.compress(labels, 1, mtime=0))]


# CIFAR-10

_LABELS = [3, 9]
_BINARY = np.hstack([np.array(_LABELS, np.uint8)[:, None], _noise(2, 3072)]).tobytes()


def _pickles() -> list[bytes]:
    table = {b"data": _noise(2, 3072), b"labels": _LABELS, b"batch_label": b"one", b"filenames": [b"a", b"b"]}
    return [pickle.dumps(table, protocol=protocol) for protocol in (2, 3, 4)]


def _read_batch(document: bytes, folder: Path) -> None:
    batch = parse_batch(document, "data_batch_1" if document.startswith(b"\x80") else "data_batch_1.bin", "batch")
    assert batch.pixels.shape == (len(batch.labels), 3072)


def _archive(members: dict[str, bytes], kind: int = tarfile.USTAR_FORMAT) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=kind) as tar:
        for name, content in members.items():
            header = tarfile.TarInfo(name)
            header.size = len(content)
            tar.addfile(header, io.BytesIO(content))
    return made.getvalue()


def _archives() -> list[bytes]:
    binary = _archive({"b/data_batch_1.bin": _BINARY, "b/test_batch.bin": _BINARY, "b/readme.html": b"<p>"})
    python = _archive({"b/data_batch_1": _pickles()[0], "b/batches.meta": b"(dp1\n."}, tarfile.PAX_FORMAT)
    return [binary, gzip.compress(python, 1, mtime=0)]


def _read_archive(document: bytes, folder: Path) -> None:
    path = folder / "cifar-10-binary.tar.gz"
    path.write_bytes(document)
    _look(open_cifar10(path, Cifar10Options(split="both", classes="cat,frog")))


_PICKLE_WORDS = tuple(
    b"cnumpy\n|_reconstruct\n|ndarray\n|dtype\n|c_codecs\nencode\n|cos\nsystem\n|(lp1\n|tb|R|}|]|K\x00|\x85|\x86|\x87|"
    b"u1|U\x01b|\x8a\x08|\x8c\x04data|q\x01|h\x01|.|e|u|s|a|NNN|\x94|I01\n|L99999999999999999999L\n".split(b"|")
)

# Images

_PIXEL_LIMIT = 1_000_000
"""In place of the real one, so that a header that promises the most is not the slowest input; see test_hostile.py."""


def _read_image(document: bytes, folder: Path) -> None:
    with patch.object(image_files, "PIXEL_LIMIT", _PIXEL_LIMIT):
        pixels = read_image(io.BytesIO(document), "it")
    for shape in ((8, 6, 3), (5, 8, 1)):
        for fit in ("cover", "resize_crop", "stretch", "pad"):
            for method in ("bicubic", "area"):
                assert fit_image(pixels, shape, Resizing(fit=fit, filter=method)).shape == shape


def _encoded(image: Image.Image, kind: str, **settings: object) -> bytes:
    made = io.BytesIO()
    image.save(made, kind, **settings)
    return made.getvalue()


def _images() -> list[bytes]:
    colour, grey = Image.fromarray(_noise(6, 5, 3)), Image.fromarray(_noise(6, 5))
    alpha, deep = Image.fromarray(_noise(6, 5, 4), "RGBA"), Image.fromarray(_noise(6, 5).astype(np.uint16) * 257)
    turned = Image.Exif()
    turned[0x0112] = 6
    palette = colour.quantize(4)
    return [
        *(_encoded(each, "PNG") for each in (colour, grey, alpha, deep, palette, colour.convert("1"))),
        _encoded(palette, "PNG", transparency=1),
        _encoded(colour, "JPEG", exif=turned.tobytes()),
        _encoded(colour, "JPEG", progressive=True),
        *(_encoded(each, "JPEG") for each in (grey, colour.convert("CMYK"))),
        _encoded(palette, "GIF", save_all=True, append_images=[palette.rotate(90)]),
        *(_encoded(each, "BMP") for each in (colour, grey, palette)),
        *(_encoded(each, "PPM") for each in (colour, grey)),
        b"P2 2 2 255\n1 2\n3 255\n",
        *(_encoded(colour, "TIFF", compression=each) for each in (None, "tiff_lzw", "tiff_adobe_deflate", "jpeg")),
        *(_encoded(each, "TIFF") for each in (deep, Image.new("F", (3, 2)), Image.new("I", (3, 2), 70000))),
        *(_encoded(colour, "WEBP", lossless=each) for each in (True, False)),
        _encoded(colour, "JPEG2000"),
    ]


# Folders

_IMAGE = _encoded(Image.new("L", (2, 2), 7), "PNG")


def _read_folder(document: bytes, folder: Path) -> None:
    """First line the pattern, second how labels are found, then the files."""
    pattern, labels, *names = (document + b"\n\n").split(b"\n")[:12]
    for name in names:
        path = folder / os.fsdecode(name.replace(b"\0", b"_").lstrip(b"/"))
        if ".." in path.parts or len(path.parts) > 200:  # deeper ones: test_hostile.py
            continue
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(_IMAGE)
        except OSError:  # no name for a file, or a file already where a folder should be
            continue
    kind = ("auto", "subfolders", "none")[len(labels) % 3]
    _look(open_folder(folder, FolderOptions(pattern=os.fsdecode(pattern), labels=kind)))  # type: ignore[arg-type]


# CelebA's tables


def _read_table(document: bytes, folder: Path) -> None:
    path = folder / "list_attr_celeba.txt"
    path.write_bytes(document)
    column = read_column(Table(where=str(path), content=path), "Smiling")
    assert column.of(ImageFile(name="a/000001.png", size=1, changed=1)) in (-1, 0, 1, 2)


_TABLE = b"2\nBald Smiling \n000001.jpg -1 1\n000002.jpg 1 -1\n"


TARGETS = (
    Target(
        name="idx",
        share=1.5,
        seeds=_idx_seeds,
        read=_read_idx,
        containers=(one_of(2), one_of(2, gzipped())),
        words=(struct.pack(">I", 2051), struct.pack(">I", 2049), b"\x1f\x8b\x08"),
    ),
    Target(
        name="cifar-archive",
        longest=24576,
        seeds=_archives,
        read=_read_archive,
        containers=(tar_content, tar_header, gzipped(), gzipped(tar_header), gzipped(tar_content)),
        words=(b"x", b"g", b"L", b"2", b"5", b"../", b"/etc", b"ustar", b"\x80" * 4),
    ),
    Target(
        name="cifar-batch",
        longest=8192,
        share=2,
        seeds=lambda: [_BINARY, *_pickles()],
        read=_read_batch,
        words=_PICKLE_WORDS,
    ),
    Target(
        name="image",
        seeds=_images,
        read=_read_image,
        containers=(png,),
        words=(b"IHDR", b"tRNS", b"acTL", b"fcTL", b"PLTE", b"eXIf", b"Exif\0\0", b"P7", b"Pf", b"II*\0"),
    ),
    Target(
        name="folder",
        seeds=lambda: [
            b"**/*\n\na.png\nb.jpg",
            b"**/*\n1\nx/a.png\ny/b.PNG\ny/z/c.gif",
            b"*/[ab]*.png\n\nx/a.png\ny/b.png",
        ],
        read=_read_folder,
        words=(b".png", b"**", b"/", b"\n", b"../", b"\xff.png\n", b"[!a]", b"./", b"~", b"\n.a/b.png"),
    ),
    Target(
        name="celeba",
        share=1.5,
        seeds=lambda: [_TABLE, b"image_id,Bald,Smiling\n000001.jpg,-1,1\n", b"000001.jpg 0\n000002.jpg 2\n"],
        read=_read_table,
        words=(b"image_id", b"Smiling", b" ", b",", b"\n", b"-1", b"000001.jpg", "٣".encode(), b"\xc2\x85"),
    ),
)
