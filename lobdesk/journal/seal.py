"""Sealing: a finished segment becomes compressed, described, and never changes again."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import msgspec
import zstandard

from lobdesk.journal.errors import JournalReadError
from lobdesk.journal.segment_file import sync_folder, write_durable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lobdesk.journal.layout import Segment

FRAME_BYTES = 1024 * 1024
"""Lines are compressed in independent frames of at most so many bytes (or one longer line)."""
COMPRESSION_LEVEL = 3


class SealFrame(msgspec.Struct, frozen=True, array_like=True):
    """One independent zstd frame: ``[offset, length, stored_offset, stored_length, lines]``.

    Attributes:
        offset: Where its first line begins in the uncompressed segment.
        length: Uncompressed bytes.
        stored_offset: Where the frame begins in the ``.zst`` file.
        stored_length: Compressed bytes.
        lines: Number of lines.
    """

    offset: int
    length: int
    stored_offset: int
    stored_length: int
    lines: int


class Seal(msgspec.Struct, frozen=True, kw_only=True):
    """What lies beside a sealed segment as ``<first seq>.seal.json``.

    Attributes:
        v: Schema version.
        lines: Lines of the segment.
        length: Uncompressed bytes.
        sha256: Digest of the uncompressed bytes.
        stored_sha256: Digest of the ``.zst`` file.
        frames: Table of frames, in order.
    """

    v: int = 1
    lines: int
    length: int
    sha256: str
    stored_sha256: str
    frames: list[SealFrame]


def seal_segment(segment: Segment) -> Seal:
    """Compress a plain segment, write its table, and remove the original last.

    Raises:
        OSError: The disk is full or failing; the original is untouched.
    """
    compressor = zstandard.ZstdCompressor(level=COMPRESSION_LEVEL, write_checksum=True)
    plain, stored = hashlib.sha256(), hashlib.sha256()
    frames: list[SealFrame] = []
    offset = stored_offset = lines = 0
    temporary = segment.sealed_path.with_name(f".{segment.sealed_path.name}.tmp")
    with segment.plain_path.open("rb") as source, temporary.open("wb") as target:
        for block in _line_blocks(source):
            data = compressor.compress(block)
            count = block.count(b"\n")
            frames.append(SealFrame(offset, len(block), stored_offset, len(data), count))
            plain.update(block)
            stored.update(data)
            target.write(data)
            offset += len(block)
            stored_offset += len(data)
            lines += count
        target.flush()
        os.fsync(target.fileno())
    seal = Seal(
        lines=lines,
        length=offset,
        sha256=plain.hexdigest(),
        stored_sha256=stored.hexdigest(),
        frames=frames,
    )
    write_durable(segment.seal_path, seal_bytes(seal))
    temporary.replace(segment.sealed_path)
    sync_folder(segment.path.parent)
    segment.plain_path.unlink()
    return seal


def seal_bytes(seal: Seal) -> bytes:
    """Return the exact content of a seal's file."""
    return msgspec.json.encode(seal) + b"\n"


def read_seal(segment: Segment) -> Seal:
    """Return the table beside a sealed segment.

    Raises:
        JournalReadError: It is missing or damaged.
    """
    try:
        return msgspec.json.decode(segment.seal_path.read_bytes(), type=Seal)
    except OSError as error:
        raise JournalReadError(segment.seal_path, f"cannot be read: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise JournalReadError(segment.seal_path, f"is no table of frames: {error}") from error


def read_frames(segment: Segment, seal: Seal, from_offset: int = 0) -> Iterator[bytes]:
    """Yield the uncompressed frames, starting with the one that holds an offset.

    Raises:
        JournalReadError: The file is damaged, missing or not the one the table describes.
    """
    decompressor = zstandard.ZstdDecompressor()
    try:
        with segment.sealed_path.open("rb") as file:
            for frame in seal.frames:
                if frame.offset + frame.length <= from_offset:
                    continue
                file.seek(frame.stored_offset)
                data = file.read(frame.stored_length)
                block = decompressor.decompress(data, max_output_size=frame.length)
                if len(block) != frame.length:
                    raise JournalReadError(
                        segment.sealed_path, f"the frame at {frame.stored_offset} is too short"
                    )
                yield block
    except OSError as error:
        raise JournalReadError(segment.sealed_path, f"cannot be read: {error.strerror}") from error
    except zstandard.ZstdError as error:
        raise JournalReadError(segment.sealed_path, f"is damaged: {error}") from error


def _line_blocks(source: Iterator[bytes]) -> Iterator[bytes]:
    block: list[bytes] = []
    size = 0
    for line in source:
        if block and size + len(line) > FRAME_BYTES:
            yield b"".join(block)
            block, size = [], 0
        block.append(line)
        size += len(line)
    if block:
        yield b"".join(block)
