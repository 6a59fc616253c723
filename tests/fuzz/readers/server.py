"""What comes from elsewhere: the answers of a server."""

import gzip
import hashlib
import os
import socket
from pathlib import Path
from unittest.mock import patch

from urllib3.connection import HTTPConnection, HTTPSConnection

from ganforge.data import download
from ganforge.data.contract import Download
from ganforge.errors import DataError

from ..target import Target, bundle, unbundle

_FILE = b"images"
_DOWNLOAD = Download(
    url="http://localhost/set.bin",
    file="set.bin",
    size=len(_FILE),
    checksum=f"sha256:{hashlib.sha256(_FILE).hexdigest()}",
)


def _read_answers(document: bytes, folder: Path) -> None:
    """Three answers to one download, whatever is asked; the file that is there in the end is the published one."""
    answers = unbundle(document, 3)
    servers: list[socket.socket] = []

    def connect(connection: HTTPConnection) -> None:
        connection.sock, server = socket.socketpair()
        connection.is_verified = True
        servers.append(server)
        server.sendall(answers.pop(0) if answers else b"")
        server.shutdown(socket.SHUT_WR)

    try:
        with (
            patch.object(HTTPConnection, "connect", connect),
            patch.object(HTTPSConnection, "connect", connect),
            patch.object(download, "_PAUSES", (0.0, 0.0)),
            patch.dict(os.environ, {"no_proxy": "*", "NETRC": os.devnull}),
        ):
            download.fetch(_DOWNLOAD, folder)
    except DataError:
        assert list(folder.iterdir()) == []
        raise
    finally:
        for server in servers:
            server.close()
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"set.bin": _FILE}


_WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nimages"

TARGETS = (
    Target(
        name="answers",
        seeds=lambda: [
            bundle(_WHOLE, b"", b""),
            bundle(_WHOLE[:-4], _WHOLE, b""),
            bundle(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(_FILE, mtime=0), b"", b""),
            bundle(b"HTTP/1.1 302 Found\r\nLocation: https://b.example/c\r\n\r\n", _WHOLE, b""),
            bundle(b"HTTP/1.1 503 x\r\n\r\n", b"HTTP/1.0 404 x\r\n\r\n", b""),
            bundle(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nimages\r\n0\r\n\r\n", b"", b""),
        ],
        read=_read_answers,
        words=(
            *(
                b"\r\n",
                b"Location: ",
                b"Content-Length: ",
                b"HTTP/1.1 ",
                b"301",
                b"429",
                b"206",
                b"chunked",
                b"Content-Encoding: ",
                b"deflate",
                b"Set-Cookie: ",
                b"file:///",
            ),
            *(b"http://[", b"https://", b"ftp://", "ü..".encode(), b"-8", b":", b"//@"),
        ),
    ),
)
