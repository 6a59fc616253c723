"""Download a file so that it is whole and right or not there; an attempt that breaks off begins anew.

pooch asks the server and computes the checksum. Its `retrieve`, which does all of it, is not used: it makes files that
only their owner can read, takes any number of bytes, and leaves files of random names when it is killed.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO

from ganforge._io.files import PARTIAL, flush
from ganforge._io.locks import LOCK, in_turn
from ganforge.data.contract import Download
from ganforge.errors import DataError

Progress = Callable[[int, int], None]
"""Called with the bytes that are there and those of the whole file, after every piece."""

_PIECE = 1 << 18
_TIMEOUT = 30.0
"""Seconds without a byte after which a connection counts as broken."""
_PAUSES = (1.0, 2.0, 4.0)
"""Seconds before each further attempt."""
_FINAL = set(range(400, 500)) - {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}
"""Answers that will be the same the next time."""


def fetch(
    download: Download,
    folder: Path,
    *,
    progress: Progress = lambda done, total: None,
    waiting: Callable[[], None] = lambda: None,
) -> bool:
    """Bring a file into `folder`, which is made if need be.

    `progress` is told how far it has come. `waiting` is called if another process is downloading this file to the same
    place, which is then waited for. Gives whether it was downloaded; False: it was there already.

    Raises:
        DataError: the server refuses, does not answer or stops half way; what comes is not the published file; it
            cannot be written; or another file of that name is there, which is left alone.
    """
    target = folder / download.file
    partial = folder / f".{download.file}{PARTIAL}"
    with _worded(folder):
        if _is_there(target, download):
            return False
        folder.mkdir(parents=True, exist_ok=True)
        with in_turn(folder / f".{download.file}{LOCK}", waiting):
            if _is_there(target, download):  # now, by another process
                return False
            try:
                _receive(download, partial, progress)
                flush(partial)
                partial.replace(target)
                flush(folder)
            finally:
                partial.unlink(missing_ok=True)
    return True


def _is_there(target: Path, download: Download) -> bool:
    if not target.exists():
        return False
    if fault := _fault(target, download):
        raise DataError(f"{target}: another file than {download.url}: {fault}. Move it away, or name another folder")
    return True


def _receive(download: Download, partial: Path, progress: Progress) -> None:
    from pooch import HTTPDownloader
    from requests import RequestException, Response

    headers = {"User-Agent": "ganforge", "Accept-Encoding": "identity"}  # the bytes of the file, nothing unpacked
    with ExitStack() as answers:  # pooch leaves those open that break off

        def check(answer: Response, **_: object) -> None:
            answers.callback(answer.close)
            if answer.status_code in _FINAL:
                raise DataError(f"{download.url}: the server answers {answer.status_code} {answer.reason}")

        ask = HTTPDownloader(chunk_size=_PIECE, timeout=_TIMEOUT, headers=headers, hooks={"response": check})
        for pause in (*_PAUSES, None):
            try:
                with partial.open("wb") as file:
                    ask(download.url, _Received(file, download, progress), None)
                break
            except (RequestException, ValueError) as error:  # ValueError: sent on to what is no address
                if pause is None:
                    times = f"{1 + len(_PAUSES)} times ({_first(error)})"
                    raise DataError(f"{download.url}: the download broke off {times}. Try again later") from error
                time.sleep(pause)
    if fault := _fault(partial, download):
        raise DataError(f"{download.url}: what came is not the published file: {fault}. Try again later")


def _first(error: BaseException) -> str:
    """What was raised first: urllib3 and requests put sentences of their own around it."""
    while error.__context__ is not None:
        error = error.__context__
    return str(error) or type(error).__name__


class _Received:
    """A file for pooch to write to, which tells how much has come and takes no more than there should be."""

    def __init__(self, file: BinaryIO, download: Download, progress: Progress) -> None:
        self._file, self._download, self._progress = file, download, progress
        self.flush = file.flush

    def write(self, piece: bytes) -> None:
        done, size = self._file.tell() + len(piece), self._download.size
        if done > size:
            raise DataError(
                f"{self._download.url}: what came is not the published file: more than {size:,} bytes. "
                "It has been replaced, or another page is shown in its place"
            )
        self._file.write(piece)
        self._progress(done, size)


def _fault(path: Path, download: Download) -> str:
    """What tells a file from the published one; empty if nothing does."""
    from pooch import file_hash

    kind, _, published = download.checksum.partition(":")
    if (size := path.stat().st_size) != download.size:
        return f"{size:,} bytes, not {download.size:,}"
    found = file_hash(path, kind)
    return "" if found == published else f"its {kind} sum is {found}, not {published}"


@contextmanager
def _worded(folder: Path) -> Iterator[None]:
    """Word a full disk, or a folder or file that cannot be used; never taken for a fault of the connection."""
    try:
        yield
    except OSError as error:
        path = error.filename or folder
        raise DataError(f"{path}: {error.strerror or error}. Make room there, or name another folder") from error
