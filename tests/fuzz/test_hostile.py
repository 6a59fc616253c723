"""Documents that cost: few bytes that promise, repeat or refer without end; by hand, as no fuzzer is so patient."""

import gzip
import io
import struct
import subprocess
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import process_time

import click
import numpy as np
import pytest
from ganforge_cifar10 import Options, open_cifar10
from ganforge_cifar10.batches import parse_batch
from ganforge_faces.tables import Table, read_column

from ganforge.cli.parameter_types import RANGES
from ganforge.data.folders import list_images
from ganforge.data.image_files import read_image
from ganforge.errors import DataError, GanforgeError, RecipeError, SpecError
from ganforge.recipes.laying import override, parse_assignments
from ganforge.recipes.parsing import parse
from ganforge.recipes.reading import load_table
from ganforge.training.experiment import resolve_networks

from .judge import peak
from .readers.settings import core


@contextmanager
def cheap(seconds: float = 5.0, mebibytes: int = 256) -> Iterator[None]:
    """Bounds on the processor's time and on what the process grows by at its peak."""
    began, before = process_time(), peak()
    yield
    assert process_time() - began < seconds
    assert peak() - before < mebibytes << 20


# Recipes -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "recipe, assignment, said",
    [
        ("dcgan", "architecture.width=1000000000000", "make them narrower"),
        ("dcgan", "architecture.width=4500", "this machine has"),
        ("dcgan", "architecture.kernel=1000000000", "make them narrower"),
        ("dcgan", "training.latent.size=1000000000000", "make them narrower"),
        ("dcgan", "training.batch_size=1000000000000", "a batch of 1,000,000,000,000"),
        ("dcgan", "training.discriminator.updates=1000000000000", "updates must be a whole number >= 1 and <= "),
        ("dcgan", "image_size=1000000000", "image_size can be 8192 at most"),
        ("dcgan", "image_size=64x99999", "image_size can be 8192 at most"),
        ("dcgan", "image_size=[64, 1000000000000]", "image_size can be 8192 at most"),
        ("carpedm20", "width=1000000000", "make them narrower"),
    ],
)
def test_sizes_that_no_machine_has_are_refused_before_any_memory_is_taken(
    recipe: str, assignment: str, said: str
) -> None:
    table = override(load_table(recipe, core()) | {"channels": 3}, parse_assignments([assignment]))
    with cheap(), pytest.raises(GanforgeError, match=said):
        resolve_networks(parse(table), core()).gan.initial_state(0)


@pytest.mark.parametrize("depth", [1, 10, 18, 19, 20, 25, 50, 100, 200, 300, 330, 500, 900, 3000])
def test_residual_blocks_in_residual_blocks(depth: int) -> None:
    layer = {"kind": "relu"}
    for _ in range(depth):
        layer = {"kind": "residual", "layers": [layer]}
    table = {
        "name": "deep",
        "image_size": 4,
        "channels": 1,
        "generator": [{"kind": "dense", "units": 16}, layer, {"kind": "reshape", "shape": [4, 4, 1]}],
        "discriminator": [{"kind": "flatten"}, {"kind": "dense", "units": 1}],
    }
    if depth <= 18:
        assert resolve_networks(parse(table), core()).gan.shapes
    else:
        with pytest.raises(RecipeError, match="nested too deeply"):
            parse(table)


@pytest.mark.parametrize("extends", ["./r.toml", "sub/../r.toml", "link/r.toml", "other.toml"])
def test_a_recipe_that_extends_itself_by_another_way(extends: str, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "link").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "other.toml").write_text('extends = "sub/../r.toml"')
    (tmp_path / "r.toml").write_text(f'extends = "{extends}"')
    with cheap(), pytest.raises(RecipeError, match="extends itself"):
        load_table(str(tmp_path / "r.toml"), core())


def test_recipes_that_extend_one_another_for_too_long(tmp_path: Path) -> None:
    for number in range(1000):
        (tmp_path / f"{number}.toml").write_text(f'extends = "./{number + 1}.toml"')
    with pytest.raises(RecipeError, match="more than 20 recipes"):
        load_table(str(tmp_path / "0.toml"), core())


@pytest.mark.parametrize("extends", ["/dev/zero", "~nobody-here/r.toml", "/proc/self/mem", "\\u0000.toml", "."])
def test_places_that_are_no_recipe(extends: str, tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text(f'extends = "{extends}"')
    with cheap(), pytest.raises(RecipeError):
        load_table(str(tmp_path / "r.toml"), core())


def test_a_file_that_is_too_large_for_a_recipe(tmp_path: Path) -> None:
    with (tmp_path / "r.toml").open("wb") as file:
        file.truncate(1 << 40)
    with cheap(), pytest.raises(RecipeError, match="1,099,511,627,776 bytes"):
        load_table(str(tmp_path / "r.toml"), core())


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "a." * 100_000 + "b = 1", "a = " + "{b=" * 50_000, "x = " + "9" * 5000]
)
def test_depth_and_length_in_toml(text: str, tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text(text)
    with cheap(20.0), pytest.raises(RecipeError):
        parse(load_table(str(tmp_path / "r.toml"), core()))


def test_more_seeds_than_anybody_draws() -> None:
    with cheap(), pytest.raises(click.UsageError, match="more than 1,000,000 numbers"):
        RANGES.convert(",".join(["0-999999"] * 1000), None, None)


# Data ----------------------------------------------------------------------------------------------------------------


def _ifd(*entries: tuple[int, int, int]) -> bytes:
    fields = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + fields + bytes(4)


HEADERS = {
    "PNG": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
    + (head := struct.pack(">II", 60000, 60000) + b"\x08\x02\0\0\0")
    + struct.pack(">I", zlib.crc32(b"IHDR" + head))
    + b"\0\0\0\x10IDAT",
    "PPM": b"P6 60000 60000 255\n",
    "GIF": b"GIF89a" + struct.pack("<HH", 60000, 60000) + b"\x80\0\0" + bytes(6) + b",\0\0\0\0" + bytes(4) + b"\0",
    "BMP": b"BM" + bytes(8) + struct.pack("<IIiiHHIIiiII", 54, 40, 60000, 60000, 1, 24, 0, 0, 0, 0, 0, 0),
    "TIFF": _ifd((256, 4, 60000), (257, 4, 60000), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 8), (279, 4, 1)),
}


@pytest.mark.parametrize("form", HEADERS)
def test_a_header_that_promises_60000x60000(form: str) -> None:
    with cheap(mebibytes=64), pytest.raises(DataError, match="too large to be read safely"):
        read_image(io.BytesIO(HEADERS[form] + bytes(100)), "it")


def test_folders_in_folders_hundreds_deep(tmp_path: Path) -> None:
    folder = tmp_path
    for _ in range(40):  # by steps, as mkdir with parents calls itself, too
        folder /= "/".join("x" * 40)
        folder.mkdir(parents=True)
    (folder / "a.png").touch()
    try:
        with cheap(10.0), pytest.raises(DataError, match="hundreds deep"):
            list_images(tmp_path)
    finally:
        subprocess.run(["rm", "-r", tmp_path / "x"], check=True)  # Python's own way is as deep as the folders
    with pytest.raises(DataError, match="may stand in it once"):
        list_images(tmp_path, "**/**/*")
    with pytest.raises(DataError, match="hundreds deep"):
        list_images(tmp_path, "x/" * 1500 + "*")


def _pickle(items: bytes) -> bytes:
    return b"\x80\x02}(" + items + b"u."


def test_a_text_of_a_pickle_that_is_asked_for_without_end() -> None:
    text = b"X" + struct.pack("<I", 200_000) + b"a" * 200_000 + b"q\x01"
    call = b"c_codecs\nencode\nq\x02" + text + b"X\x06\0\0\0latin1\x86q\x03R0"
    again = b"h\x02h\x03R"
    with cheap(), pytest.raises(DataError, match="more bytes than the file can hold"):
        parse_batch(_pickle(call.removesuffix(b"0") + again * 20_000), "data_batch_1", "it")


def test_a_key_of_a_pickle_that_is_used_without_end() -> None:
    key = b"T" + struct.pack("<I", 500_000) + b"k" * 500_000 + b"q\x01"
    with cheap(), pytest.raises(DataError, match="no short text"):
        parse_batch(_pickle(key + b"N" + b"h\x01N" * 100_000), "data_batch_1", "it")


def test_an_archive_of_members_without_content(tmp_path: Path) -> None:
    header = tarfile.TarInfo("x").tobuf()
    (tmp_path / "a.tar.gz").write_bytes(gzip.compress(header * 200_000, 1))
    with cheap(), pytest.raises(DataError, match="more than 10,000 members"):
        open_cifar10(tmp_path / "a.tar.gz", Options())


def test_a_line_of_a_table_without_end(tmp_path: Path) -> None:
    path = tmp_path / "list_attr_celeba.txt"
    with path.open("wb") as file:
        file.truncate(1 << 36)
    with cheap(), pytest.raises(DataError, match="line 1: more than 10,000 characters"):
        read_column(Table(where=str(path), content=path), "Smiling")


@pytest.mark.parametrize("read", [lambda content: np.asarray(read_image(io.BytesIO(content), "it"))])
def test_the_largest_image_has_its_price(read: Callable[[bytes], np.ndarray]) -> None:
    """Eighty million pixels in ten kilobytes: what no header gives away costs at most this."""
    rows = zlib.compress(bytes(8900 * (1 + -(-8900 // 8))), 9)
    head = struct.pack(">II", 8900, 8900) + b"\x01\0\0\0\0"
    chunks = ((b"IHDR", head), (b"IDAT", rows), (b"IEND", b""))
    content = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    with cheap(mebibytes=512):
        assert read(content).shape == (8900, 8900, 1)


def test_messages_stay_on_one_screen() -> None:
    assert len(str(SpecError("x" * 10**6))) < 4100
    assert str(DataError("a\x1b]0;b\x07\udcff\n\tc")) == "a\ufffd]0;b\ufffd\ufffd\n\tc"
