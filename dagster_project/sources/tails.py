"""Growing files: what of a log is new, known by its content, so that a rotated log is no other file.

Belongs here: how far a file was read, and cutting off what was. Does not belong here: the ledger that remembers
it (files.py), rows (delivery.py).
"""

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from dagster_project.sources.delivery import Refused
from dagster_project.sources.lines import LONGEST_ROW

CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Part:
    """The beginning of a file: its first `size` bytes, up to a line's end, and their SHA-256."""

    size: int
    digest: str


@dataclass(frozen=True)
class Tail:
    """What `cut` left: of which known part it is the continuation, the lines of that, and how far the file goes."""

    after: Part | None
    lines_before: int
    reached: Part


def cut(path: Path, known: Collection[Part]) -> Tail:
    """Leaves in `path` what follows the longest of the `known` parts that the file begins with.

    A last line that is not ended yet is left for later. Raises Refused where no line is.
    """
    end = _last_line_end(path)
    digest, position, lines = hashlib.sha256(), 0, 0
    after: Part | None = None
    lines_before = 0
    rest = path.with_suffix(".tail")
    try:
        with path.open("rb") as file:
            for size in sorted({part.size for part in known if 0 < part.size <= end}):
                for chunk in _chunks(file, size - position):
                    digest.update(chunk)
                    lines += chunk.count(b"\n")
                position = size
                if (part := Part(size, digest.hexdigest())) in known:
                    after, lines_before = part, lines
            start = after.size if after else 0
            file.seek(position)
            for chunk in _chunks(file, end - position):
                digest.update(chunk)
            file.seek(start)
            with rest.open("wb") as out:
                for chunk in _chunks(file, end - start):
                    out.write(chunk)
        rest.replace(path)
    finally:
        rest.unlink(missing_ok=True)
    return Tail(after, lines_before, Part(end, digest.hexdigest()))


def _last_line_end(path: Path) -> int:
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - LONGEST_ROW))
        end = file.read().rfind(b"\n")
    if size and end < 0:
        raise Refused("no line of it is ended yet")
    return max(0, size - LONGEST_ROW) + end + 1


def _chunks(file: IO[bytes], count: int) -> Iterator[bytes]:
    while count > 0 and (chunk := file.read(min(CHUNK_BYTES, count))):
        count -= len(chunk)
        yield chunk
