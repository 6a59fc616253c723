"""What installed plugins are: their metadata, and the data sets that they hand over."""

import importlib.metadata
import io
import json
import sys
from contextlib import redirect_stderr
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

import numpy as np

from ganforge.data.contract import DatasetEntry, Download
from ganforge.data.preparing import image_channels, prepare
from ganforge.errors import DataError
from ganforge.plugins import host as plugins
from ganforge.plugins.markers import hookimpl
from ganforge.recipes.parsing import parse
from ganforge.training.data_sets import with_data
from ganforge.training.parts import find_data_set

from ..containers import json_value
from ..target import Target, bundle, unbundle

# Metadata of installed distributions

_PLUGIN = ModuleType("fuzz_plugin")


@hookimpl
def ganforge_datasets() -> list[DatasetEntry]:
    """One data set, as a good plugin gives it."""
    return [DatasetEntry(name="good", summary="", license="", source="", open=lambda path, options: NotImplemented)]


_PLUGIN.ganforge_datasets = ganforge_datasets  # type: ignore[attr-defined]


def _import(name: str) -> ModuleType:
    """In place of the real one: no module of this machine is imported because a random name was one."""
    if name != _PLUGIN.__name__:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    return _PLUGIN


def _read_metadata(document: bytes, folder: Path) -> None:
    """A distribution's entry points and its METADATA, as an installer may have left them."""
    entry_points, about = unbundle(document, 2)
    info = folder / "someone-1.0.dist-info"
    info.mkdir()
    (info / "entry_points.txt").write_bytes(entry_points)
    (info / "METADATA").write_bytes(about)
    with (
        patch.object(importlib.metadata, "import_module", _import),
        patch.object(sys, "path", [str(folder)]),
        patch.object(plugins, "DEFAULT_PLUGINS", ()),
        redirect_stderr(io.StringIO()) as told,
    ):
        host = plugins.new_host()
        host.entries("ganforge_datasets", DatasetEntry)
    "".join((told.getvalue(), *map(str, host.failures), *map(str, host.loaded))).encode()


# Data sets


class _Set:
    """An image set that hands over what the document says, of any type."""

    def __init__(self, given: dict[str, Any]) -> None:
        self.given = given

    @property
    def fingerprint(self) -> Any:
        return self.given["fingerprint"]

    @property
    def class_names(self) -> Any:
        names = self.given["class_names"]
        return tuple(names) if isinstance(names, list) else names

    def __len__(self) -> Any:
        return self.given["len"]

    def label(self, index: int) -> Any:
        return self.given["label"]

    def where(self, index: int) -> Any:
        return self.given["where"]

    def read(self, index: int) -> Any:
        match self.given["read"]:
            case str(text):
                raise DataError(text)
            case [list(shape), str(dtype)] if all(type(side) is int and 0 <= side <= 40 for side in shape[:5]):
                return np.zeros(shape[:5], dtype)
            case other:
                return other


def _read_entry(document: bytes, folder: Path) -> None:
    """An entry made of JSON values, opened and prepared as for training."""
    try:
        given = json.loads(document)
        made = given["set"]["fingerprint"], {**given}, _Set(given["set"])
    except (ValueError, LookupError, TypeError, RecursionError):
        return  # no plugin
    host = plugins.Host(manager=plugins.new_host((), strict=True).manager, warn=lambda line: line.encode() and None)

    @hookimpl
    def ganforge_datasets() -> Any:
        downloads = given["downloads"]
        yield DatasetEntry(
            name=given["name"],
            summary=given["summary"],
            license="",
            source=given["source"],
            open=lambda path, options: made[2] if isinstance(given["set"], dict) else given["set"],
            needs_path=given["needs_path"],
            downloads=tuple(Download(**each) for each in downloads) if isinstance(downloads, list) else downloads,
        )

    plugin = ModuleType("made_up")
    plugin.ganforge_datasets = ganforge_datasets  # type: ignore[attr-defined]
    ours = set(host.entries("ganforge_datasets", DatasetEntry))
    host.add("made_up", lambda: plugin)
    for name in set(host.entries("ganforge_datasets", DatasetEntry)) - ours:
        recipe = parse({"name": "x", "data": {"set": name, "path": "."}, "image_size": 8})
        _, image_set = with_data(recipe, find_data_set(recipe, host))
        shape = (4, 4, image_channels(image_set))
        prepared = prepare(image_set, name=name, shape=shape, cache=folder / "cache")
        assert prepared.images.shape[1:] == shape and len(prepared.images) > 0
        for skipped in prepared.skipped:
            f"{skipped.where}: {skipped.reason}".encode()


def _entries() -> list[bytes]:
    download = {"url": "https://a.example/b.bin", "file": "b.bin", "size": 3, "checksum": "md5:" + "0" * 32}
    given: dict[str, Any] = {
        "name": "good",
        "summary": "",
        "source": "here",
        "needs_path": True,
        "downloads": [download],
    }
    labelled = {"fingerprint": "f", "class_names": ["a", "b"], "len": 2, "label": 1, "where": "it"}
    return [
        json.dumps(given | {"set": labelled | {"read": [[5, 6, 3], "uint8"]}}).encode(),
        json.dumps(given | {"set": labelled | {"class_names": [], "read": [[3, 3, 1], "uint8"]}}).encode(),
        json.dumps(given | {"set": labelled | {"read": "torn"}}).encode(),
    ]


def _in_set(document: bytes, change: Any) -> bytes:
    """The image set, one value in it changed."""
    given = json.loads(document)
    inner = json_value(json.dumps(given["set"]).encode(), change)
    return json.dumps(given | {"set": "\0here\0"}).encode().replace(json.dumps("\0here\0").encode(), inner)


_METADATA = b"Metadata-Version: 2.1\nName: someone\nVersion: 1.0\n"

TARGETS = (
    Target(
        name="plugins",
        seeds=lambda: [
            bundle(b"[ganforge]\ngood = fuzz_plugin\n[console_scripts]\nx = y:z\n", _METADATA),
            bundle(b"[ganforge]\nbad = nowhere:it [extra]\nworse = fuzz_plugin:no.such\n", _METADATA),
        ],
        read=_read_metadata,
        words=(b"[ganforge]", b"=", b":", b".", b"\n", b"[", b"]", b"#", b"fuzz_plugin", b"Name:", b"Version:", b" "),
    ),
    Target(
        name="entries",
        seeds=_entries,
        read=_read_entry,
        containers=(json_value, _in_set, _in_set),
        words=(
            *(
                b"null",
                b"true",
                b"1e400",
                b"-1",
                b"[]",
                b"{}",
                b'""',
                b'"\\ud800"',
                b"1.5",
                b"9" * 30,
                b'"a"',
                b"[[0]]",
            ),
            *(
                b'[[1,1,1],"uint8"]',
                b'[[2,2],"uint8"]',
                b'[[4,4,3],"float32"]',
                b'[[4,4,3],"object"]',
                b'"a/b"',
                b"100",
            ),
        ),
    ),
)
