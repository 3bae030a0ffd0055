"""Files as a source: which ones are new, and fetching them safely, from a folder or an S3-compatible bucket.

Belongs here: listing, the ledger ops.delivered_files, decompression and decoding with their limits. Does not
belong here: what of a growing file is new (tails.py), rows (delivery.py), loading (extract.py).

A file that cannot be read is refused with its reason, told in each refresh and tried again in the next one;
the others stand.
"""

import codecs
import gzip
import hashlib
import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import IO, Any
from urllib.parse import unquote, urlsplit

import pyarrow as pa
import sqlalchemy as sa
from pyarrow import fs

from dagster_project.errors import SourceError, SourceUnavailable
from dagster_project.sources import rejects, tails
from dagster_project.sources.declaration import Files, Source, Table
from dagster_project.sources.delivery import Delivery, Refused
from dagster_project.sources.tails import Part
from dagster_project.warehouse import Warehouse, schema

CHUNK_BYTES = 1 << 20
# Text packs to a tenth, at best a fiftieth; beyond that and this size it was made to fill a disk.
BOMB_BYTES = 64 << 20
BOMB_RATIO = 200
LARGEST_BYTES = 16 << 30
PACKED = (".gz", ".zip")
# Names of files that someone is still writing.
UNFINISHED = (".tmp", ".part", ".partial", ".filepart", ".crdownload", "~")


@dataclass(frozen=True)
class Found:
    """A file below the source's place. `refused` says why it may not even be opened."""

    file: str  # its path below the place
    size: int
    modified_at: datetime
    refused: str | None = None


@dataclass(frozen=True)
class Read:
    """What became of a file in this refresh.

    part: how far a growing one was read by now; continues: the name under which its beginning was read before.
    """

    found: Found
    rows: int = 0
    rejected: int = 0
    refused: str | None = None
    part: Part | None = None
    continues: str | None = None


@dataclass(frozen=True)
class Reading:
    """What a refresh read of one table. is_whole: every file there is, and every row of them.

    renamed: growing files by the name that they had before.
    """

    read: list[Read]
    gone: list[str]
    is_whole: bool
    rejected: int
    renamed: Mapping[str, str] = field(default_factory=dict)

    @property
    def refusals(self) -> list[tuple[str, str]]:
        """Each file that could not be read, with the reason."""
        return [(one.found.file, one.refused) for one in self.read if one.refused]

    @property
    def refused(self) -> list[str]:
        return [f"{file}: {reason}" for file, reason in self.refusals]


class Place:
    """The folder or bucket that a source's URL names. Raises SourceError or SourceUnavailable."""

    def __init__(self, source: str, url: str) -> None:
        self.source, self.setting = source, f"C360_SOURCE_{source.upper()}_URL"
        parts = urlsplit(url)
        self._root = ""
        if parts.scheme == "file" and parts.path:
            self._root = os.path.realpath(unquote(parts.path))
            if not os.path.isdir(self._root):
                raise SourceError(
                    f"{source}: there is no folder {self._root}.",
                    f"Bring it back, or set {self.setting} to where the files are now (file:///folder).",
                )
        elif parts.scheme == "s3" and parts.netloc:
            try:
                self._bucket, self._prefix = fs.FileSystem.from_uri(url)
            except (pa.ArrowInvalid, OSError) as error:
                raise SourceError(f"{source}: {self.setting} is no bucket's URL.", _FORMS) from error
        else:
            raise SourceError(f"{source}: {self.setting} leads to no folder and no bucket.", _FORMS)

    def list(self) -> list[Found]:
        """Every file, in the order of their names."""
        found = self._list_folder() if self._root else self._list_bucket()
        return sorted(found, key=lambda one: one.file)

    def look(self, file: str) -> tuple[int, datetime]:
        """Size and time of change, now."""
        if self._root:
            stat = os.stat(os.path.join(self._root, file))
            return stat.st_size, _time(stat.st_mtime_ns)
        info = self._bucket.get_file_info(f"{self._prefix}/{file}")
        return info.size, _time(info.mtime_ns)

    def open(self, file: str) -> Any:
        """The file as a binary stream that can seek."""
        if self._root:
            return open(os.path.join(self._root, file), "rb")
        return self._bucket.open_input_file(f"{self._prefix}/{file}")

    def _list_folder(self) -> Iterator[Found]:
        for folder, folders, names in os.walk(self._root):
            for name in (*names, *(n for n in folders if os.path.islink(os.path.join(folder, n)))):
                path = os.path.join(folder, name)
                file = os.path.relpath(path, self._root)
                real = os.path.realpath(path)
                refused = None
                if not real.startswith(os.path.join(self._root, "")):
                    refused = "a link that leads out of the folder"
                elif os.path.isdir(real):
                    refused = "a link to a folder"
                elif not os.path.isfile(real):
                    refused = "no regular file" if os.path.exists(real) else "a link that leads nowhere"
                try:
                    file.encode()
                except UnicodeEncodeError:
                    file, refused = file.encode(errors="backslashreplace").decode(), "its name is not UTF-8"
                file, refused = _shown(file, refused)
                stat = os.lstat(path)
                if not refused:
                    stat = os.stat(path)
                yield Found(file, stat.st_size, _time(stat.st_mtime_ns), refused)

    def _list_bucket(self) -> Iterator[Found]:
        try:
            for info in self._bucket.get_file_info(fs.FileSelector(self._prefix, recursive=True)):
                if info.type == fs.FileType.File:
                    file = info.path.removeprefix(self._prefix).lstrip("/")
                    shown, refused = _shown(file, None)
                    yield Found(shown, info.size, _time(info.mtime_ns), refused)
        except FileNotFoundError as error:
            raise SourceError(
                f"{self.source}: there is no {self._prefix}.", f"Mend {self.setting}."
            ) from error
        except OSError as error:
            raise SourceUnavailable(
                f"{self.source}: the bucket of {self.setting} cannot be listed: {_reason(error)}.",
                "Is it up, and do the address and the credentials in AWS_* fit?",
            ) from error


@dataclass(frozen=True)
class Held:
    """What is known of a file that was read: its size and time of change then; of a growing one, its part."""

    size: int
    modified_at: datetime
    part: Part | None = None

    def is_as(self, found: Found) -> bool:
        return (self.size, self.modified_at) == (found.size, found.modified_at)


Known = Mapping[str, Mapping[str, Held]]  # by table and file
_FORMS = "Write it as file:///folder or s3://bucket/prefix?endpoint_override=host:port."


def read(source: Source, url: str, known: Known, delivery: Delivery) -> dict[str, Reading]:
    """Hands `delivery` the rows of every file that is not `known`, by table.

    Raises SourceError or SourceUnavailable where the place itself cannot be read.
    """
    place = Place(source.name, url)
    found = place.list()
    readings = {}
    for table in source.tables:
        assert table.files is not None
        there = [one for one in found if _is_of(one, table.files)]
        before = known.get(table.name, {})
        same = {
            one.file
            for one in there
            if not one.refused and one.file in before and before[one.file].is_as(one)
        }
        changed = [one for one in there if one.file not in same]
        gone = sorted(before.keys() - {one.file for one in there})
        if table.deletes == "compared" and (changed or gone):
            changed = there
        # A newer file says the last word on a key.
        order = sorted(changed, key=lambda one: (one.modified_at, one.file))
        parts = {file: held.part for file, held in before.items() if held.part}
        read = [_read(place, table, one, delivery, parts) for one in order]
        complete = len(changed) == len(there) and not any(one.refused or one.rejected for one in read)
        stay = same | {one.found.file for one in read if one.continues == one.found.file}
        renamed = {
            one.continues: one.found.file for one in read if one.continues and one.continues not in stay
        }
        readings[table.name] = Reading(read, gone, complete, sum(one.rejected for one in read), renamed)
    return readings


def known(source: Source, warehouse: Warehouse) -> Known:
    """The files that were read as their tables are declared now."""
    with warehouse.begin() as connection:
        rows = connection.execute(
            sa.text(
                "select table_name, file, size, modified_at, declared, part_bytes, part_digest from ops.delivered_files "
                f"where source = :source and refused is null and {schema.RAW_IS_THERE}"
            ),
            {"source": source.name},
        ).all()
    declared = {table.name: _fingerprint(table) for table in source.tables}
    found: dict[str, dict[str, Held]] = {}
    for row in rows:
        if declared.get(row.table_name) == row.declared:
            part = None if row.part_digest is None else Part(row.part_bytes, row.part_digest)
            found.setdefault(row.table_name, {})[row.file] = Held(row.size, row.modified_at, part)
    return found


def finish(
    source: Source,
    readings: dict[str, Reading],
    delivery: Delivery,
    load_id: str | None,
    connection: sa.Connection,
) -> None:
    """Records what was read, so that it is not read again, and what of it is no row. Call it once the load is in."""
    for table in source.tables:
        reading = readings[table.name]
        gone = reading.gone if table.deletes == "compared" else []
        # What was rejected of the part that was not read again stays.
        anew = [one.found.file for one in reading.read if not (one.refused or one.continues)] + gone
        if table.endpoint and (reading.rejected or reading.is_whole):
            anew = [table.endpoint.path]
        # A refused file is tried each time: one that was not tried is gone.
        connection.execute(
            sa.text(
                "delete from ops.delivered_files where source = :source and table_name = :table "
                "and refused is not null and file <> all(:tried)"
            ),
            {"source": source.name, "table": table.name, "tried": [one.found.file for one in reading.read]},
        )
        if reading.renamed:
            rejects.rename(connection, source.name, table.name, reading.renamed)
            connection.execute(
                sa.text(
                    "delete from ops.delivered_files where source = :source and table_name = :table "
                    "and file = any(:files)"
                ),
                {"source": source.name, "table": table.name, "files": list(reading.renamed)},
            )
        if anew or reading.rejected:
            rejects.replace(connection, source.name, table.name, anew, delivery.rejects(table), load_id)
        if reading.gone and table.deletes == "compared":
            connection.execute(
                sa.text(
                    "delete from ops.delivered_files where source = :source and table_name = :table "
                    "and file = any(:files)"
                ),
                {"source": source.name, "table": table.name, "files": reading.gone},
            )
        if reading.read:
            connection.execute(
                sa.text(
                    """
                    insert into ops.delivered_files as f
                        (source, table_name, file, size, modified_at, declared, rows, rows_rejected, refused,
                        part_bytes, part_digest)
                    values (:source, :table, :file, :size, :modified_at, :declared, :rows, :rejected, :refused,
                        :part_bytes, :part_digest)
                    on conflict (source, table_name, file) do update set
                        size = excluded.size, modified_at = excluded.modified_at, declared = excluded.declared,
                        rows = excluded.rows, rows_rejected = excluded.rows_rejected,
                        refused = excluded.refused, part_bytes = excluded.part_bytes,
                        part_digest = excluded.part_digest, read_at = now()
                    """
                ),
                [
                    {
                        "source": source.name,
                        "table": table.name,
                        "file": one.found.file,
                        "size": one.found.size,
                        "modified_at": one.found.modified_at,
                        "declared": _fingerprint(table),
                        "rows": one.rows,
                        "rejected": one.rejected,
                        "refused": one.refused,
                        "part_bytes": one.part.size if one.part else None,
                        "part_digest": one.part.digest if one.part else None,
                    }
                    for one in reading.read
                ],
            )


def _is_of(found: Found, files: Files) -> bool:
    name = PurePosixPath(found.file).name
    if name.startswith((".", "_")) or name.endswith(UNFINISHED):
        return False
    plain = found.file
    for suffix in PACKED:
        plain = plain.removesuffix(suffix)
    if fnmatchcase(found.file, files.pattern) or fnmatchcase(plain, files.pattern):
        return True
    # A linked folder is told where its files would have been ours.
    return found.refused is not None and fnmatchcase(
        f"{found.file}/", f"{PurePosixPath(files.pattern).parent}/"
    )


def _fingerprint(table: Table) -> str:
    return hashlib.sha256(repr(table).encode()).hexdigest()[:16]


def _read(place: Place, table: Table, found: Found, delivery: Delivery, parts: Mapping[str, Part]) -> Read:
    """parts: how far the table's growing files were read before, by their names then."""
    assert table.files is not None
    copy = delivery.folder / "file"
    try:
        if found.refused:
            raise Refused(found.refused)
        _fetch(place, found, table.files, copy)
        tail = tails.cut(copy, parts.values()) if table.files.grows else None
        if table.files.format != "parquet":
            _to_utf8(copy, table.files.encoding)
        taken = delivery.add(table, copy, found.file, table.files, tail.lines_before if tail else 0)
        if tail is None:
            return Read(found, taken.rows, taken.rejected)
        # Its own name goes before another under which the same was read.
        names = sorted((file for file in parts if parts[file] == tail.after), key=lambda f: f != found.file)
        return Read(found, taken.rows, taken.rejected, None, tail.reached, next(iter(names), None))
    except Refused as refused:
        return Read(found, refused=str(refused))
    finally:
        copy.unlink(missing_ok=True)


def _fetch(place: Place, found: Found, files: Files, copy: Path) -> None:
    """A private copy, unpacked. Raises Refused."""
    try:
        with closing(place.open(found.file)) as packed:
            _unpack(packed, found, copy)
        # A log is read as far as it goes.
        if not files.grows and place.look(found.file) != (found.size, found.modified_at):
            raise Refused("it changed while it was read; the next refresh reads it again")
    except (zlib.error, gzip.BadGzipFile, zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        raise Refused(f"it cannot be unpacked ({type(error).__name__})") from error
    except RuntimeError as error:  # zipfile: encrypted
        raise Refused("it cannot be unpacked: is it encrypted?") from error
    except OSError as error:
        if error.errno == 28:
            raise
        raise Refused(f"it cannot be read: {_reason(error)}") from error


def _unpack(packed: Any, found: Found, copy: Path) -> None:
    with copy.open("wb") as out:
        if found.file.endswith(".gz"):
            with gzip.open(packed) as plain:
                _copy(plain, out, found.size)
        elif found.file.endswith(".zip"):
            with zipfile.ZipFile(packed) as archive:
                members = [one for one in archive.infolist() if not one.is_dir()]
                if len(members) != 1:
                    raise Refused(f"an archive of {len(members)} files; one is read")
                with archive.open(members[0]) as plain:
                    _copy(plain, out, found.size)
        else:
            _copy(packed, out, None)


def _copy(plain: Any, out: IO[bytes], packed_size: int | None) -> None:
    size = 0
    while chunk := plain.read(CHUNK_BYTES):
        size += len(chunk)
        if size > LARGEST_BYTES:
            raise Refused(f"larger than {LARGEST_BYTES >> 30} GB")
        if packed_size is not None and size > max(BOMB_BYTES, packed_size * BOMB_RATIO):
            raise Refused(f"it unpacks to more than {BOMB_RATIO} times its size")
        out.write(chunk)


def _to_utf8(copy: Path, encoding: str) -> None:
    """Rewrites a text in UTF-8, without byte order mark, lines ending in \\n.

    What is UTF-8 already is taken as such, whatever was declared: other encodings do not look like it by chance.
    """
    with copy.open("rb") as file:
        start = file.read(4)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    elif codecs.lookup(encoding).name == "utf-8" or _is_utf8(copy):
        encoding = "utf-8-sig"
    # Bytes that are not UTF-8 go on as they are: their row is rejected, not the file.
    errors = "surrogateescape" if encoding == "utf-8-sig" else "strict"
    plain = copy.with_suffix(".utf8")
    try:
        with (
            copy.open(encoding=encoding, errors=errors, newline=None) as file,
            plain.open("w", encoding="utf-8", errors=errors, newline="\n") as out,
        ):
            while chunk := file.read(CHUNK_BYTES):
                out.write(chunk)
        plain.replace(copy)
    except UnicodeError as error:
        raise Refused(f"it is neither UTF-8 nor {encoding}") from error
    finally:
        plain.unlink(missing_ok=True)


def _is_utf8(copy: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    with copy.open("rb") as file:
        try:
            while chunk := file.read(CHUNK_BYTES):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def _shown(file: str, refused: str | None) -> tuple[str, str | None]:
    """A name as it may be stored and shown; one with control characters (a line end, a NUL) refuses its file."""
    if file.isprintable():
        return file, refused
    shown = "".join(c if c.isprintable() else repr(c)[1:-1] for c in file)
    return shown, refused or "its name has a control character; give it another"


def _time(nanoseconds: int) -> datetime:
    # PostgreSQL keeps microseconds.
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=nanoseconds // 1000)


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__
