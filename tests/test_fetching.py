"""Downloads: against a server on this machine that can misbehave in every way that servers do."""

import hashlib
import resource
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from ganforge.data.contract import Download
from ganforge.data.download import fetch
from ganforge.errors import DataError, PluginError

CONTENT = np.random.default_rng(0).integers(0, 256, 700_000, np.uint8).tobytes()
SUM = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class Server:
    """What it serves, how it behaves, and which ranges were asked for."""

    url: str = ""
    content: bytes = CONTENT
    knows_ranges: bool = True
    says_length: bool = True
    statuses: list[int] = field(default_factory=list)
    """Answers in place of the file, to the first requests."""
    drops_after: list[int] = field(default_factory=list)
    """The connection ends after so many bytes, in the first requests."""
    wrong_range: bool = False
    asked: list[str | None] = field(default_factory=list)

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        asked = request.headers.get("Range")
        self.asked.append(asked)
        if self.statuses:
            request.send_error(self.statuses.pop(0))
            return
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and self.knows_ranges else 0
        if start >= len(self.content):
            request.send_error(416)
            return
        request.send_response(206 if start else 200)
        if start:
            shown = start + self.wrong_range
            request.send_header("Content-Range", f"bytes {shown}-{len(self.content) - 1}/{len(self.content)}")
        if self.says_length:
            request.send_header("Content-Length", str(len(self.content) - start))
        request.end_headers()
        body = self.content[start:]
        request.wfile.write(body[: self.drops_after.pop(0)] if self.drops_after else body)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "*")
    behaviour = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            behaviour.answer(self)

        def log_message(self, format: str, *args: object) -> None:
            pass

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    behaviour.url = f"http://127.0.0.1:{running.server_port}/set.bin"
    yield behaviour
    running.shutdown()
    thread.join()
    running.server_close()


Get = Callable[..., bool]


@pytest.fixture
def get(server: Server, tmp_path: Path) -> Get:
    """Fetch CONTENT from the server into tmp_path / 'to'."""

    def fetch_it(checksum: str = f"sha256:{SUM}", **options: object) -> bool:
        download = Download(url=server.url, file="set.bin", size=len(CONTENT), checksum=checksum)
        settings: dict[str, object] = {"pause": 0.001, "timeout": 5.0, **options}
        return fetch(download, tmp_path / "to", **settings)  # type: ignore[arg-type]

    return fetch_it


def there(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in (folder / "to").iterdir()}


def test_two_at_once_download_it_once(server: Server, get: Get, tmp_path: Path) -> None:
    """Both would write to the same NAME.part."""
    others: list[bool] = []
    waited = threading.Event()
    second = threading.Thread(target=lambda: others.append(get(waiting=waited.set)))

    def start_another(done: int, total: int) -> None:
        if second.ident is None:
            second.start()
            assert waited.wait(timeout=60)

    assert get(progress=start_another)
    second.join(timeout=60)
    assert others == [False]
    assert there(tmp_path) == {"set.bin": CONTENT}
    assert len(server.asked) == 1


def test_a_whole_download(server: Server, get: Get, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    assert get(progress=lambda done, total: told.append((done, total)))
    assert there(tmp_path) == {"set.bin": CONTENT}
    assert told[-1] == (len(CONTENT), len(CONTENT)) and told == sorted(told) and len(told) > 1
    assert not get()  # it is there
    assert len(server.asked) == 1


def test_md5_sums(get: Get, tmp_path: Path) -> None:
    assert get(f"md5:{hashlib.md5(CONTENT).hexdigest()}")
    assert there(tmp_path) == {"set.bin": CONTENT}


def test_an_interrupted_download_goes_on(server: Server, get: Get, tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        if done > 300_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        get(progress=interrupt)
    (held,) = there(tmp_path).items()
    assert held[0] == "set.bin.part" and 300_000 < len(held[1]) < len(CONTENT)
    assert get()
    assert server.asked == [None, f"bytes={len(held[1])}-"]
    assert there(tmp_path) == {"set.bin": CONTENT}


@pytest.mark.parametrize("says_length", [True, False])
def test_a_dropped_connection_is_taken_up_again(server: Server, get: Get, tmp_path: Path, says_length: bool) -> None:
    server.says_length = says_length
    server.drops_after = [100_000, 50_000]
    assert get()
    assert server.asked == [None, "bytes=100000-", "bytes=150000-"]
    assert there(tmp_path) == {"set.bin": CONTENT}


def test_a_connection_that_drops_every_time(server: Server, get: Get, tmp_path: Path) -> None:
    server.drops_after = [1000] * 4
    with pytest.raises(DataError, match=r"4,000 of 700,000 bytes came in 4 attempts .*run the command again to go on"):
        get()
    assert there(tmp_path) == {"set.bin.part": CONTENT[:4000]}
    assert get()
    assert there(tmp_path) == {"set.bin": CONTENT}


def test_a_server_without_ranges_begins_anew(server: Server, get: Get, tmp_path: Path) -> None:
    server.knows_ranges = False
    server.drops_after = [400_000]
    assert get()
    assert server.asked == [None, "bytes=400000-"]
    assert there(tmp_path) == {"set.bin": CONTENT}


def test_more_is_held_than_there_is(get: Get, tmp_path: Path) -> None:
    (tmp_path / "to").mkdir()
    (tmp_path / "to" / "set.bin.part").write_bytes(CONTENT + CONTENT)
    assert get()
    assert there(tmp_path) == {"set.bin": CONTENT}


@pytest.mark.parametrize("held", [b"x" * 700_000, b"x" * 5])
def test_what_was_held_is_of_another_file(server: Server, get: Get, tmp_path: Path, held: bytes) -> None:
    (tmp_path / "to").mkdir()
    (tmp_path / "to" / "set.bin.part").write_bytes(held)
    with pytest.raises(DataError, match="not the published file"):
        get()
    assert there(tmp_path) == {}
    assert get()


def test_answers_with_another_range(server: Server, get: Get, tmp_path: Path) -> None:
    server.wrong_range = True
    server.drops_after = [1000]
    assert get()
    assert server.asked == [None, "bytes=1000-", None]
    assert there(tmp_path) == {"set.bin": CONTENT}


def test_a_range_that_is_refused(server: Server, get: Get, tmp_path: Path) -> None:
    server.drops_after = [1000]
    with pytest.raises(DataError):
        get(attempts=1)
    server.statuses = [416]
    assert get()
    assert server.asked == [None, "bytes=1000-", None]
    assert there(tmp_path) == {"set.bin": CONTENT}


def test_a_wrong_checksum(server: Server, get: Get, tmp_path: Path) -> None:
    server.content = CONTENT[:-1] + b"?"
    with pytest.raises(DataError, match=rf"not the published file: its sha256 sum is [0-9a-f]{{64}}, not {SUM}"):
        get()
    assert there(tmp_path) == {}


@pytest.mark.parametrize("says_length", [True, False])
@pytest.mark.parametrize("content", [CONTENT[:-9], CONTENT + b"more", b"<html>Sign in</html>"])
def test_another_length(server: Server, get: Get, tmp_path: Path, content: bytes, says_length: bool) -> None:
    server.content, server.says_length = content, says_length
    if says_length:
        with pytest.raises(DataError, match=rf"offers {len(content):,} bytes, the published file has 700,000"):
            get()
    elif len(content) < len(CONTENT):
        with pytest.raises(DataError, match=r"of 700,000 bytes came in 4 attempts"):
            get()
    else:
        assert get()  # what follows is not read
    assert "set.bin" not in there(tmp_path) or there(tmp_path) == {"set.bin": CONTENT}


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_refusal_is_final(server: Server, get: Get, tmp_path: Path, status: int) -> None:
    server.statuses = [status]
    with pytest.raises(DataError, match=rf"set\.bin: the server answers {status} [A-Z]"):
        get()
    assert len(server.asked) == 1 and there(tmp_path) == {}


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_fault_of_the_server_may_pass(server: Server, get: Get, tmp_path: Path, status: int) -> None:
    server.statuses = [status, status]
    assert get()
    server.statuses = [status] * 4
    (tmp_path / "to" / "set.bin").unlink()
    with pytest.raises(DataError, match=rf"0 of 700,000 bytes came in 4 attempts \(.*{status}"):
        get()


def test_nobody_answers(tmp_path: Path, server: Server) -> None:
    silent = Download(url="http://127.0.0.1:9/x", file="x", size=9, checksum=f"sha256:{SUM}")
    with pytest.raises(
        DataError, match=r"http://127\.0\.0\.1:9/x: 0 of 9 bytes came in 2 attempts \(.*refused.*\). Try again later"
    ):
        fetch(silent, tmp_path, attempts=2, pause=0.001)


def test_a_full_disk(get: Get, tmp_path: Path) -> None:
    """A limit on the size of files stands in for it: a write fails in the middle."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, hard))
    try:
        with pytest.raises(DataError, match=r"set\.bin\.part: cannot be written: File too large"):
            get()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(there(tmp_path)) == ["set.bin.part"]
    assert get()
    assert there(tmp_path) == {"set.bin": CONTENT}


def test_a_folder_that_cannot_be(get: Get, tmp_path: Path) -> None:
    (tmp_path / "to").write_text("a file")
    with pytest.raises(DataError, match=r"to: cannot be written: .*Name another folder"):
        get()


def test_another_file_of_that_name_is_left_alone(server: Server, get: Get, tmp_path: Path) -> None:
    (tmp_path / "to").mkdir()
    (tmp_path / "to" / "set.bin").write_bytes(b"mine")
    with pytest.raises(DataError, match=r"set\.bin: another file than http.*: 4 bytes, not 700,000\. Move it away"):
        get()
    assert there(tmp_path) == {"set.bin": b"mine"} and not server.asked


@pytest.mark.parametrize("file", ["../x", "/x", "a/b", "", ".", "..", "a\\b"])
def test_a_download_has_a_plain_name(file: str) -> None:
    with pytest.raises(PluginError, match="not the plain name of a file"):
        Download(url="http://x", file=file, size=1, checksum=f"sha256:{SUM}")


@pytest.mark.parametrize("checksum", [SUM, f"sha1:{SUM}", f"md5:{SUM}", "sha256:" + SUM.upper()])
def test_a_download_has_a_checksum(checksum: str) -> None:
    with pytest.raises(PluginError, match="neither 'md5"):
        Download(url="http://x", file="x", size=1, checksum=checksum)
