"""Downloads: against a server on this machine that can misbehave in every way that servers do."""

import gzip
import hashlib
import resource
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from processes import python, wait_until

from ganforge.data import download
from ganforge.data.contract import Download
from ganforge.data.download import fetch
from ganforge.errors import DataError, PluginError

CONTENT = np.random.default_rng(0).integers(0, 256, 700_000, np.uint8).tobytes()
SUM = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class Server:
    """What it serves, how it behaves, and how often it was asked."""

    url: str = ""
    content: bytes = CONTENT
    says_length: bool = True
    length: str = ""
    """What it says of the length instead."""
    names_packing: bool = False
    """Whether it calls what it sends packed, to those who take that: they unpack it."""
    statuses: list[int] = field(default_factory=list)
    """Answers in place of the file, to the first requests."""
    drops_after: list[int] = field(default_factory=list)
    """The connection ends after so many bytes, in the first requests."""
    goes_on: threading.Event = field(default_factory=threading.Event)
    """Unset: it says nothing more after half of the file."""
    asked: int = 0

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        self.asked += 1
        if self.statuses:
            request.send_error(self.statuses.pop(0))
            return
        request.send_response(200)
        if self.names_packing and "gzip" in request.headers.get("Accept-Encoding", ""):
            request.send_header("Content-Encoding", "gzip")
        if self.says_length:
            request.send_header("Content-Length", self.length or str(len(self.content)))
        request.end_headers()
        body = self.content[: self.drops_after.pop(0)] if self.drops_after else self.content
        half = len(body) // 2
        request.wfile.write(body[:half])
        self.goes_on.wait()
        request.wfile.write(body[half:])


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(download, "_PAUSES", (0.001,) * 3)
    behaviour = Server()
    behaviour.goes_on.set()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            behaviour.answer(self)

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """Whoever asked has gone."""

    running = Quiet(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    behaviour.url = f"http://127.0.0.1:{running.server_port}/set.bin"
    yield behaviour
    behaviour.goes_on.set()
    running.shutdown()
    thread.join()
    running.server_close()


Get = Callable[..., bool]


@pytest.fixture
def get(server: Server, tmp_path: Path) -> Get:
    """Fetch CONTENT from the server into tmp_path / 'to'."""

    def fetch_it(checksum: str = f"sha256:{SUM}", **options: object) -> bool:
        download = Download(url=server.url, file="set.bin", size=len(CONTENT), checksum=checksum)
        return fetch(download, tmp_path / "to", **options)  # type: ignore[arg-type]

    return fetch_it


def there(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in (folder / "to").iterdir()}


def test_two_at_once_download_it_once(server: Server, get: Get, tmp_path: Path) -> None:
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
    assert server.asked == 1


def test_a_whole_download(server: Server, get: Get, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    assert get(progress=lambda done, total: told.append((done, total)))
    assert there(tmp_path) == {"set.bin": CONTENT}
    assert told[-1] == (len(CONTENT), len(CONTENT)) and told == sorted(told) and len(told) > 1
    assert not get()  # it is there
    assert server.asked == 1


def test_others_may_read_it(get: Get, tmp_path: Path) -> None:
    (tmp_path / "any").touch()
    assert get()
    assert (tmp_path / "to" / "set.bin").stat().st_mode == (tmp_path / "any").stat().st_mode


def test_md5_sums(get: Get, tmp_path: Path) -> None:
    assert get(f"md5:{hashlib.md5(CONTENT).hexdigest()}")
    assert there(tmp_path) == {"set.bin": CONTENT}


def test_a_packed_file_is_not_unpacked(server: Server, tmp_path: Path) -> None:
    packed = gzip.compress(CONTENT)
    server.content, server.names_packing = packed, True
    checksum = f"sha256:{hashlib.sha256(packed).hexdigest()}"
    assert fetch(Download(url=server.url, file="set.gz", size=len(packed), checksum=checksum), tmp_path / "to")
    assert there(tmp_path) == {"set.gz": packed}


def test_an_interrupted_download_leaves_nothing_and_begins_anew(server: Server, get: Get, tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        if done > 300_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        get(progress=interrupt)
    assert there(tmp_path) == {}
    assert get()
    assert there(tmp_path) == {"set.bin": CONTENT}


FETCH = """
import sys
from pathlib import Path
from ganforge.data.contract import Download
from ganforge.data.download import fetch

url, size, checksum, folder = sys.argv[1:]
fetch(Download(url=url, file="set.bin", size=int(size), checksum=checksum), Path(folder))
"""


def test_what_a_killed_process_left_is_written_over(server: Server, get: Get, tmp_path: Path) -> None:
    server.goes_on.clear()
    arguments = [server.url, str(len(CONTENT)), f"sha256:{SUM}", str(tmp_path / "to")]
    process = python("-c", FETCH, *arguments, site=tmp_path)
    partial = tmp_path / "to" / ".set.bin.partial"
    wait_until(lambda: (partial.exists() and partial.stat().st_size) or process.poll() is not None)
    process.kill()
    assert process.wait() == -signal.SIGKILL, process.communicate()
    process.communicate()
    assert sorted(there(tmp_path)) == [".set.bin.lock", ".set.bin.partial"]
    server.goes_on.set()
    assert get()
    assert there(tmp_path) == {"set.bin": CONTENT}


def test_a_dropped_connection_is_asked_again(server: Server, get: Get, tmp_path: Path) -> None:
    server.drops_after = [100_000, 650_000]
    told: list[int] = []
    assert get(progress=lambda done, total: told.append(done))
    assert server.asked == 3
    assert told.count(len(CONTENT)) == 1 and told != sorted(told), "each attempt begins anew"
    assert there(tmp_path) == {"set.bin": CONTENT}


def test_a_connection_that_drops_every_time(server: Server, get: Get, tmp_path: Path) -> None:
    server.drops_after = [1000] * 4
    with pytest.raises(DataError, match=r"the download broke off 4 times \(.*1000 .*699000 .*\)\. Try again later"):
        get()
    assert server.asked == 4
    assert there(tmp_path) == {}
    assert get()


def test_a_wrong_checksum(server: Server, get: Get, tmp_path: Path) -> None:
    server.content = CONTENT[:-1] + b"?"
    with pytest.raises(DataError, match=rf"not the published file: its sha256 sum is [0-9a-f]{{64}}, not {SUM}"):
        get()
    assert server.asked == 1
    assert there(tmp_path) == {}


@pytest.mark.parametrize("says_length", [True, False])
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (CONTENT[:-9], "699,991 bytes, not 700,000. Try again later"),
        (b"<html>Sign in</html>", "20 bytes, not 700,000. Try again later"),
        (CONTENT + b"more", "more than 700,000 bytes. It has been replaced, or another page is shown in its place"),
    ],
    ids=["less", "page", "more"],
)
def test_another_length(server: Server, get: Get, tmp_path: Path, content: bytes, said: str, says_length: bool) -> None:
    server.content, server.says_length = content, says_length
    with pytest.raises(DataError, match=f"what came is not the published file: {said}"):
        get()
    assert server.asked == 1
    assert there(tmp_path) == {}


def test_a_length_that_is_no_number(server: Server, get: Get, tmp_path: Path) -> None:
    server.length = "many"
    with pytest.raises(DataError, match="broke off 4 times"):
        get()
    assert there(tmp_path) == {}


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_refusal_is_final(server: Server, get: Get, tmp_path: Path, status: int) -> None:
    server.statuses = [status]
    with pytest.raises(DataError, match=rf"set\.bin: the server answers {status} [A-Z]"):
        get()
    assert server.asked == 1 and there(tmp_path) == {}


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_fault_of_the_server_may_pass(server: Server, get: Get, tmp_path: Path, status: int) -> None:
    server.statuses = [status, status]
    assert get()
    server.statuses = [status] * 4
    (tmp_path / "to" / "set.bin").unlink()
    with pytest.raises(DataError, match=rf"broke off 4 times \(.*{status}"):
        get()


def test_nobody_answers(server: Server, tmp_path: Path) -> None:
    silent = Download(url="http://127.0.0.1:9/x", file="x", size=9, checksum=f"sha256:{SUM}")
    with pytest.raises(
        DataError, match=r"http://127\.0\.0\.1:9/x: the download broke off 4 times \([^()]*refused\)\. Try again later"
    ):
        fetch(silent, tmp_path)


@pytest.mark.timeout(20)
def test_a_server_that_falls_silent(server: Server, get: Get, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "_TIMEOUT", 0.05)
    server.goes_on.clear()
    with pytest.raises(DataError, match=r"broke off 4 times \(timed out\)"):
        get()
    assert there(tmp_path) == {}


def test_a_full_disk(server: Server, get: Get, tmp_path: Path) -> None:
    """A limit on the size of files stands in for it: a write fails in the middle."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, hard))
    try:
        with pytest.raises(DataError, match=r"to: File too large\. Make room there, or name another folder"):
            get()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert server.asked == 1, "another attempt would not help"
    assert there(tmp_path) == {}
    assert get()
    assert there(tmp_path) == {"set.bin": CONTENT}


def test_a_folder_that_cannot_be(get: Get, tmp_path: Path) -> None:
    (tmp_path / "to").write_text("a file")
    with pytest.raises(DataError, match=r"to: File exists.*name another folder"):
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
