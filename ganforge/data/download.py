"""Download a file so that it is whole and right or not there, and go on where an earlier attempt stopped.

Written over `urllib`: to go on is what a large file needs, and pooch and its like begin anew.
"""

import errno
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from ganforge._io.files import flush
from ganforge._io.locks import in_turn
from ganforge.data.contract import Download
from ganforge.errors import DataError

Progress = Callable[[int, int], None]
"""Called with the bytes that are there and those of the whole file, after every piece."""

_PIECE = 1 << 18
_MAY_PASS = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)


def fetch(
    download: Download,
    folder: Path,
    *,
    progress: Progress = lambda done, total: None,
    attempts: int = 4,
    pause: float = 1.0,
    timeout: float = 30.0,
    waiting: Callable[[], None] = lambda: None,
) -> bool:
    """Bring a file into `folder`; what has come is kept as NAME.part until all of it is there and its checksum right.

    Args:
        download: the file.
        folder: is made if need be.
        progress: is told how far it has come.
        attempts: how often the server is asked before it is an error.
        pause: seconds before the second attempt; doubled each time.
        timeout: seconds without a byte after which the connection counts as broken.
        waiting: called if another process is downloading this file to the same place, which is then waited for.

    Returns:
        Whether it was downloaded; False: it was there already.

    Raises:
        DataError: the server refuses, does not answer or stops half way; what comes is not the published file; it
            cannot be written; or another file of that name is there, which is left alone.
    """
    target = folder / download.file
    partial = folder / f"{download.file}.part"
    if _is_there(target, download):
        return False
    with ExitStack() as held:
        with _writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            held.enter_context(in_turn(folder / f".{download.file}.lock", waiting))
        if _is_there(target, download):  # now, by another process
            return False
        _receive_all(download, partial, progress, attempts, pause, timeout)
        _accept(download, partial, target)
    return True


def _is_there(target: Path, download: Download) -> bool:
    if not target.exists():
        return False
    if fault := _fault(target, download):
        raise DataError(f"{target}: another file than {download.url}: {fault}. Move it away, or name another folder")
    return True


def _accept(download: Download, partial: Path, target: Path) -> None:
    if fault := _fault(partial, download):
        partial.unlink()
        raise DataError(
            f"{download.url}: what came is not the published file: {fault}. It was removed; try again later"
        )
    with _writing(target):
        partial.replace(target)
        flush(target.parent)


def _receive_all(
    download: Download, partial: Path, progress: Progress, attempts: int, pause: float, timeout: float
) -> None:
    for attempt in range(attempts):
        if attempt:
            time.sleep(pause * 2 ** (attempt - 1))
        reason = "the connection broke off"
        try:
            _receive(download, partial, progress, timeout)
        except (OSError, HTTPException, ValueError) as error:  # ValueError: sent on to what is no address
            reason = str(error) or type(error).__name__
        if _held(partial) == download.size:
            return
    held = _held(partial)
    advice = "What came is kept: run the command again to go on" if held else "Try again later"
    raise DataError(
        f"{download.url}: {held:,} of {download.size:,} bytes came in {attempts} attempts ({reason}). {advice}"
    )


def _receive(download: Download, partial: Path, progress: Progress, timeout: float) -> None:
    """One attempt. What of it is the server's fault and may pass raises OSError or HTTPException, or falls short."""
    start = _held(partial)
    if start == download.size:
        return
    if start > download.size:
        partial.unlink()
        start = 0
    headers = {"User-Agent": "ganforge"} | ({"Range": f"bytes={start}-"} if start else {})
    try:
        response: HTTPResponse = urlopen(Request(download.url, headers=headers), timeout=timeout)
    except HTTPError as error:
        error.close()
        if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            partial.unlink()  # what is there cannot be of this file
        elif error.code < HTTPStatus.INTERNAL_SERVER_ERROR and error.code not in _MAY_PASS:
            raise DataError(f"{download.url}: the server answers {error.code} {error.reason}") from error
        raise
    with response:
        if response.status != HTTPStatus.PARTIAL_CONTENT:
            start = 0  # the server knows no ranges and sends all of it
        elif not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
            partial.unlink()
            return
        length = response.headers.get("Content-Length", "")
        if length.isdecimal() and int(length) != download.size - start:
            raise DataError(
                f"{download.url}: the server offers {start + int(length):,} bytes, the published file has "
                f"{download.size:,}: it has been replaced, or another page is shown in its place"
            )
        _store(response, partial, start, download.size, progress)


def _store(response: HTTPResponse, partial: Path, start: int, size: int, progress: Progress) -> None:
    with _writing(partial):
        file = partial.open("ab")
    with file:
        with _writing(partial):
            file.truncate(start)
        while start < size and (piece := response.read(min(_PIECE, size - start))):
            with _writing(partial):
                file.write(piece)
                file.flush()
            start += len(piece)
            progress(start, size)
        with _writing(partial):
            os.fsync(file.fileno())


def _held(partial: Path) -> int:
    return partial.stat().st_size if partial.exists() else 0


def _fault(path: Path, download: Download) -> str:
    """What tells a file from the published one; empty if nothing does."""
    kind, _, published = download.checksum.partition(":")
    with _reading(path):
        if path.stat().st_size != download.size:
            return f"{path.stat().st_size:,} bytes, not {download.size:,}"
        with path.open("rb") as file:
            found = hashlib.file_digest(file, lambda: hashlib.new(kind, usedforsecurity=False)).hexdigest()
    return "" if found == published else f"its {kind} sum is {found}, not {published}"


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Word a full disk, or a folder that cannot be written to; never taken for a fault of the connection."""
    try:
        yield
    except OSError as error:
        advice = (
            "Make room, and run the command again to go on" if error.errno == errno.ENOSPC else "Name another folder"
        )
        raise DataError(f"{path}: cannot be written: {error.strerror or error}. {advice}") from error
