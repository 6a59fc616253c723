"""Containers: what must be right before a reader looks further, opened and sealed again around a change."""

import gzip
import json
import struct
import tarfile
import zlib
from collections.abc import Callable

from .target import Change, Container, bundle, unbundle

_BLOCK = tarfile.BLOCKSIZE


def chosen(document: bytes, count: int) -> int:
    """A number below `count` that follows from the document, so that an container is a function."""
    return zlib.crc32(document) % count


def gzipped(inner: Container | None = None) -> Container:
    """A gzip file; `inner` opens what it holds."""

    def container(document: bytes, change: Change) -> bytes:
        content = _unzipped(document)
        return gzip.compress(inner(content, change) if inner else change(content), 1, mtime=0)

    return container


def _unzipped(document: bytes) -> bytes:
    try:
        return zlib.decompressobj(31).decompress(document, 1 << 20)
    except zlib.error as error:
        raise ValueError from error


def tar_content(document: bytes, change: Change) -> bytes:
    """A tar archive, one member's content changed and its length set right."""

    def renew(header: bytes, content: bytes) -> tuple[bytes, bytes]:
        content = change(content)
        return header[:124] + b"%011o\0" % len(content) + header[136:], content

    return _tar(document, renew)


def tar_header(document: bytes, change: Change) -> bytes:
    """A tar archive, one member's header changed and its checksum set right."""

    def renew(header: bytes, content: bytes) -> tuple[bytes, bytes]:
        return change(header)[:_BLOCK].ljust(_BLOCK, b"\0"), content

    return _tar(document, renew)


def _tar(document: bytes, renew: Callable[[bytes, bytes], tuple[bytes, bytes]]) -> bytes:
    members, at = [], 0
    while document[at : at + _BLOCK].strip(b"\0"):
        header = document[at : at + _BLOCK]
        size = int(header[124:135].strip(b"\0 ") or b"0", 8)
        members.append((header, document[at + _BLOCK : at + _BLOCK + size]))
        at += _BLOCK + size + -size % _BLOCK
    number = chosen(document, len(members))
    members[number] = renew(*members[number])
    made = b""
    for header, content in members:
        plain = header[:148] + b" " * 8 + header[156:]
        made += header[:148] + b"%06o\0 " % sum(plain) + header[156:]
        made += content + bytes(-len(content) % _BLOCK)
    return made + bytes(2 * _BLOCK)


def png(document: bytes, change: Change) -> bytes:
    """A PNG file, one chunk changed (pixels unpacked before and packed afterwards), checksums set right."""
    signature, at, chunks = document[:8], 8, []
    if signature != b"\x89PNG\r\n\x1a\n":
        raise ValueError
    while at < len(document):
        (length,) = struct.unpack_from(">I", document, at)
        chunks.append((document[at + 4 : at + 8], document[at + 8 : at + 8 + length]))
        at += 12 + length
    number = chosen(document, len(chunks))
    kind, content = chunks[number]
    packed = kind == b"IDAT" and chosen(content, 2)
    chunks[number] = (kind, zlib.compress(change(zlib.decompress(content)), 1) if packed else change(content))
    return signature + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in chunks
    )


def one_of(count: int, inner: Container | None = None) -> Container:
    """A bundle, one of its files changed; `inner` opens that file."""

    def container(document: bytes, change: Change) -> bytes:
        parts = unbundle(document, count)
        number = chosen(document, count)
        parts[number] = inner(parts[number], change) if inner else change(parts[number])
        return bundle(*parts)

    return container


def json_value(document: bytes, change: Change) -> bytes:
    """A JSON object, one value in it changed."""
    table = json.loads(document)
    key = sorted(table)[chosen(document, len(table))]
    marked = json.dumps(table | {key: "\0here\0"}).encode()
    return marked.replace(json.dumps("\0here\0").encode(), change(json.dumps(table[key]).encode()))


def npy_header(document: bytes, change: Change) -> bytes:
    """A .npy file, its header changed and the header's length set right."""
    if document[:6] != b"\x93NUMPY":
        raise ValueError
    length = int.from_bytes(document[8:10], "little")
    header = change(document[10 : 10 + length])[:60_000]
    return document[:8] + struct.pack("<H", len(header)) + header + document[10 + length :]


def safetensors_header(document: bytes, change: Change) -> bytes:
    """A safetensors file, its header changed and the header's length set right."""
    length = int.from_bytes(document[:8], "little")
    if length > len(document):
        raise ValueError
    header = change(document[8 : 8 + length])
    return struct.pack("<Q", len(header)) + header + document[8 + length :]
