"""What ganforge wrote once and somebody else may have changed since: runs, checkpoints, the cache."""

import io
import json
from functools import cache
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import numpy as np
from PIL import Image
from safetensors.numpy import save as save_arrays

from ganforge.data.cache import Meta, open_entry
from ganforge.data.resizing_settings import Resizing
from ganforge.evaluation import metrics_file
from ganforge.generation.animations import progress
from ganforge.generation.loss_curves import draw
from ganforge.recipes.parsing import parse
from ganforge.recipes.schema import Recipe
from ganforge.recipes.tables import to_table
from ganforge.spec.arrays import State
from ganforge.spec.gan import Gan
from ganforge.training import checkpoint
from ganforge.training.best_checkpoint import step_of_best
from ganforge.training.experiment import resolve_networks
from ganforge.training.observers import journal
from ganforge.training.run import Run
from ganforge.training.run_checkpoints import newest_good
from ganforge.training.run_folder import CHECKPOINTS, read_recipe

from ..containers import chosen, json_value, npy_header, one_of, png, safetensors_header
from ..target import Change, Target, bundle, unbundle
from .settings import check, core

# Checkpoints


@cache
def _trained() -> tuple[Recipe, Gan]:
    """A run of very small networks."""
    table = {
        "name": "tiny",
        "image_size": 4,
        "channels": 1,
        "generator": [
            {"kind": "dense", "units": 16},
            {"kind": "reshape", "shape": [4, 4, 1]},
            {"kind": "tanh"},
        ],
        "discriminator": [{"kind": "flatten"}, {"kind": "dense", "units": 1}],
        "training": {"batch_size": 4, "latent": {"size": 2}},
        "run": {"steps": 10, "backend": "torch"},
    }
    recipe = parse(table)
    return recipe, resolve_networks(recipe, core()).gan


def _about(**changed: Any) -> checkpoint.About:
    settings = {"step": 3, "recipe": to_table(_trained()[0]), "data": "0" * 32, "seconds": 1.5, "sha256": ""} | changed
    return checkpoint.About(format=checkpoint.FORMAT, **settings)


def _read_checkpoint(document: bytes, folder: Path) -> None:
    """As `ganforge resume` does, up to the backend; what is damaged is told and passed by."""
    about, content = unbundle(document, 2)
    place = folder / "checkpoints" / "step-00000003"
    place.mkdir(parents=True)
    (place / checkpoint.ABOUT).write_bytes(about)
    (place / checkpoint.STATE).write_bytes(content)
    told: list[str] = []
    try:
        found = newest_good(folder, told.append)
    finally:
        "".join(told).encode()
    assert found is not None
    parse(found[0].recipe)
    _, gan = _trained()
    gan.check_state(found[1])
    for array in found[1].values():
        array.astype(np.float64)


def _checkpoint_seeds() -> list[bytes]:
    state: State = {name: array.astype(np.float32) for name, array in _trained()[1].initial_state(0).items()}
    return [_sealed(msgspec.json.encode(_about()), save_arrays(state)), _sealed(msgspec.json.encode(_about()), _ODD)]


_ODD = save_arrays({"generator/00_dense/kernel": np.zeros((2, 16), np.int8), "x": np.zeros(0, np.float16)})


def _sealed(about: bytes, content: bytes) -> bytes:
    """A checkpoint whose checksum is right, so that the readers behind it are reached."""
    empty = msgspec.structs.replace(msgspec.json.decode(about, type=checkpoint.About), sha256="")
    checksum = sha256(content + msgspec.json.encode(empty)).hexdigest()
    return bundle(msgspec.json.encode(msgspec.structs.replace(empty, sha256=checksum)), content)


def _in_checkpoint(document: bytes, change: Change) -> bytes:
    about, content = unbundle(document, 2)
    match chosen(document, 3):
        case 0:
            return _sealed(about, safetensors_header(content, change))
        case 1:
            return _sealed(about, change(content))
        case _:
            return _sealed(json_value(about, change), content)


def _read_about(document: bytes, folder: Path) -> None:
    """run.json beside a good state: valid JSON is given its checksum, so that what is in it is looked at."""
    _, content = unbundle(_checkpoint_seeds()[0], 2)
    try:
        sealed = _sealed(document, content)
    except (ValueError, RecursionError):
        sealed = bundle(document, content)
    _read_checkpoint(sealed, folder)


# A run's own files


def _read_run(document: bytes, folder: Path) -> None:
    (folder / "recipe.toml").write_bytes(document)
    check(read_recipe(folder))


def _read_journal(document: bytes, folder: Path) -> None:
    """As `history` reads it, beside a run that may be going on; as `resume` cuts it."""
    (folder / journal.NAME).write_bytes(document)
    entries = journal.read(folder)
    json.dumps(entries)
    journal.ganforge_run_started(cast(Run, SimpleNamespace(folder=folder, start=2)))
    assert all(entry["step"] <= 2 for entry in journal.read(folder))
    if chosen(document, 200) == 0:  # to draw costs a thousand times as much
        draw(entries, "it")


def _read_metrics(document: bytes, folder: Path) -> None:
    """As `history` reads them; as `resume` cuts them."""
    (folder / metrics_file.NAME).write_bytes(document)
    for line in metrics_file.read(folder):
        assert all(isinstance(value, float) for value in line.measures.values())
    metrics_file.cut(folder, 2)
    assert all(line.step <= 2 for line in metrics_file.read(folder))


def _read_best(document: bytes, folder: Path) -> None:
    (folder / CHECKPOINTS).mkdir()
    (folder / CHECKPOINTS / "best").write_bytes(document)
    step_of_best(folder)


def _read_grids(document: bytes, folder: Path) -> None:
    (folder / "samples").mkdir()
    (folder / "samples" / "step-00000001.png").write_bytes(document)
    progress(folder)


def _grid() -> bytes:
    made = io.BytesIO()
    Image.new("RGB", (12, 8), 3).save(made, "PNG")
    return made.getvalue()


# The cache


def _npy(values: np.ndarray) -> bytes:
    made = io.BytesIO()
    np.save(made, values)
    return made.getvalue()


def _entries() -> list[bytes]:
    meta = Meta(name="it", shape=(2, 2, 1), resizing=Resizing(fit="cover"), class_names=("a", "b"), count=3)
    plain = msgspec.structs.replace(meta, class_names=())
    images, labels = np.arange(12, dtype=np.uint8).reshape(3, 2, 2, 1), np.array([0, 1, 1])
    return [bundle(msgspec.json.encode(each), _npy(images), _npy(labels)) for each in (meta, plain)]


def _read_entry(document: bytes, folder: Path) -> None:
    """Damaged in any way means not there; what is there can be trained on."""
    for name, part in zip(("meta.json", "images.npy", "labels.npy"), unbundle(document, 3), strict=True):
        (folder / name).write_bytes(part)
    entry = open_entry(folder)
    if entry is None:
        return
    meta = entry.meta
    assert entry.images.shape == (meta.count, *meta.shape) and meta.count > 0 and min(meta.shape) > 0
    assert entry.images[-1].dtype == np.uint8 and meta.shape[2] in (1, 3)
    assert (entry.labels is not None) == bool(meta.class_names)
    if entry.labels is not None:
        assert 0 <= entry.labels.min() and entry.labels.max() < len(meta.class_names)


_JSON_WORDS = (
    b'"',
    b"{",
    b"}",
    b"[",
    b"null",
    b"true",
    b"NaN",
    b"Infinity",
    b"1e400",
    b"-1",
    b"\\ud800",
    b'"step":',
    b"\n",
)

TARGETS = (
    Target(
        name="checkpoint",
        seeds=_checkpoint_seeds,
        read=_read_checkpoint,
        containers=(_in_checkpoint, _in_checkpoint, one_of(2)),
        words=(*_JSON_WORDS, b"data_offsets", b'"dtype":"F16"', b'"shape":[', b"BF16", b"F8_E4M3", b"BOOL", b"C64"),
    ),
    Target(
        name="run-json",
        seeds=lambda: [msgspec.json.encode(_about()), msgspec.json.encode(_about(recipe={"name": "x"}, seconds=0))],
        read=_read_about,
        containers=(json_value,),
        words=_JSON_WORDS,
    ),
    Target(
        name="run-recipe",
        seeds=lambda: [b'name = "x"\nimage_size = 8\nchannels = 1\n[run]\nsteps = 10\nbackend = "torch"\n'],
        read=_read_run,
        words=(b"[data]", b"[training]", b"steps", b"width", b"1e400", b"true", b'"'),
    ),
    Target(
        name="journal",
        seeds=lambda: [
            b'{"step": 1, "images": 4, "d_loss": 1.5, "g_loss": 0.2}\n{"step": 2, "d_loss": NaN, "d_real": 0.1}\n'
            b'{"step": 3, "epoch": 0.5, "d_loss": 1.25, "d_fake": -3.5}\n{"step": 4, "d_lo'
        ],
        read=_read_journal,
        words=(*_JSON_WORDS, b'"d_loss":', b'{"step": 2}\n'),
    ),
    Target(
        name="metrics",
        seeds=lambda: [
            b'{"step":1,"extractor":"x","fingerprint":"y","images":9,"measures":{"kid":0.5},"real":{"kid":0.0}}\n'
            b'{"step":3,"extractor":"x","fingerprint":"y","images":9,"measures":{},"real":{}}\n{"step":4,"ext'
        ],
        read=_read_metrics,
        words=(*_JSON_WORDS, b'"measures":', b'"images":'),
    ),
    Target(
        name="best",
        seeds=lambda: [b'{"step":20,"measure":"kid","value":0.5}\n'],
        read=_read_best,
        containers=(json_value,),
        words=_JSON_WORDS,
    ),
    Target(
        name="grids", seeds=lambda: [_grid()], read=_read_grids, containers=(png,), words=(b"IHDR", b"tRNS", b"GIF89a")
    ),
    Target(
        name="cache",
        seeds=_entries,
        read=_read_entry,
        containers=(one_of(3), one_of(3, npy_header), one_of(3, json_value)),
        words=(*_JSON_WORDS, b"'shape': (", b"'descr': '|O'", b"PK\x03\x04", b"\x80\x04", b"<i8", b"|u1", b"True"),
    ),
)
