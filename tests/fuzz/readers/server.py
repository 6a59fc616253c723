"""What comes from elsewhere: the answers of a server."""

import hashlib
import http.client
import io
import urllib.request
from pathlib import Path
from unittest.mock import patch

from ganforge.data import download
from ganforge.data.contract import Download
from ganforge.errors import DataError

from ..target import Target, bundle, unbundle

_FILE = b"pictures"
_DOWNLOAD = Download(
    url="http://localhost/set.bin",
    file="set.bin",
    size=len(_FILE),
    checksum=f"sha256:{hashlib.sha256(_FILE).hexdigest()}",
)


class _Socket:
    """Answers with what it was given, whatever is asked."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer

    def makefile(self, mode: str) -> io.BytesIO:
        return io.BytesIO(self.answer)

    def sendall(self, content: object) -> None:
        pass

    def close(self) -> None:
        pass


class _Server(urllib.request.HTTPHandler, urllib.request.HTTPSHandler):
    """All addresses of the world, each request answered with the next part."""

    def __init__(self, answers: list[bytes]) -> None:
        super().__init__()
        self.answers = answers

    def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        answer = self.answers.pop(0) if self.answers else b""

        class Connection(http.client.HTTPConnection):
            def connect(self) -> None:
                self.sock = _Socket(answer)  # type: ignore[assignment]

        return self.do_open(Connection, request)

    https_open = http_open


def _read_answers(document: bytes, folder: Path) -> None:
    """Three answers to one download; the file that is there in the end is the published one."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        _Server(unbundle(document, 3)),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    try:
        with patch.object(urllib.request, "_opener", opener):
            download.fetch(_DOWNLOAD, folder, attempts=3, pause=0.0)
    except DataError:
        assert not (folder / "set.bin").exists()
        raise
    assert (folder / "set.bin").read_bytes() == _FILE


_WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\npictures"

TARGETS = (
    Target(
        name="answers",
        seeds=lambda: [
            bundle(_WHOLE, b"", b""),
            bundle(_WHOLE[:-4], b"HTTP/1.1 206 x\r\nContent-Range: bytes 4-7/8\r\nContent-Length: 4\r\n\r\nures", b""),
            bundle(b"HTTP/1.1 302 Found\r\nLocation: https://b.example/c\r\n\r\n", _WHOLE, b""),
            bundle(b"HTTP/1.1 503 x\r\n\r\n", b"HTTP/1.0 404 x\r\n\r\n", b""),
            bundle(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\npictures\r\n0\r\n\r\n", b"", b""),
        ],
        read=_read_answers,
        words=(
            *(
                b"\r\n",
                b"Location: ",
                b"Content-Length: ",
                b"HTTP/1.1 ",
                b"301",
                b"416",
                b"206",
                b"chunked",
                b"file:///",
            ),
            *(b"http://[", b"https://", b"ftp://", "ü..".encode(), b"Content-Range: bytes ", b"-8", b":", b"//@"),
        ),
    ),
)
