"""Physical lines of a delivered text file, counted apart from the reader that makes rows of them.

Belongs here: how many lines and records a file has, where each begins and ends (a quoted value may hold line ends),
and taking out what cannot be a record: a line that is too long, a quote that does not close. Does not belong here:
rows (delivery.py), what is done with a file (files.py).

The reader drops a line that is longer than its buffer without a word, and makes one value of all lines between two
stray quotes. So the file is counted here by other means, and what the reader then gives must add up to it. Counting
is vectorised; only lines at which a quoted value opens and does not close are looked at one by one.
"""

import mmap
import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

# A row this long is no row of a business table; PostgreSQL and every step after would suffer from it.
LONGEST_ROW = 1 << 20
FIRST_WINDOW, LARGEST_WINDOW = 1 << 20, 32 << 20
CONTENT_BYTES = 8_000  # kept of what is taken out
SAMPLED = 500  # lines of a quoted value that tell text from rows
ALIKE = 0.8  # the share of them that must look like rows: of swallowed rows some may be broken too
REWOUND = 4  # lines that may be looked at again, for each line of the file

State = Literal[
    "inside", "closed", "bad"
]  # of a quoted value at the end of a line; bad: text follows its quote


class Unsplittable(Exception):
    """The file cannot be split into records: why, without a value of a row."""


@dataclass(frozen=True)
class Form:
    """How a file's records are written. columns: how many values one has; keys: the places of its key.

    Without a quote every line is a record. The reader takes an empty line for a record only in a file of one column.
    """

    delimiter: str = ","
    quote: str = ""
    columns: int = 1
    keys: tuple[int, ...] = (0,)


@dataclass(frozen=True)
class Survey:
    """A file's physical lines. longest: bytes of the longest; is_even: no line has an odd number of quotes."""

    lines: int
    blank: int
    longest: int
    is_even: bool

    @property
    def is_plain(self) -> bool:
        """Every line is a record by itself, as far as counting tells."""
        return self.is_even and self.longest <= LONGEST_ROW

    def records(self, form: Form) -> int:
        return self.lines - (self.blank if form.columns > 1 else 0)


@dataclass(frozen=True)
class Dropped:
    """Lines that were taken out: their numbers, where their bytes are, how they begin, and why."""

    first: int
    last: int
    start: int
    end: int
    content: bytes
    reason: str


@dataclass(frozen=True)
class Sifted:
    """What was taken out of a file, in its order, and how many records it has left."""

    dropped: Sequence[Dropped]
    records: int

    def original(self, lines: np.ndarray) -> np.ndarray:
        """For line numbers of the file as it is now, those of the file as it was."""
        counts = np.array([one.last - one.first + 1 for one in self.dropped], dtype=np.int64)
        removed = np.concatenate([[0], np.cumsum(counts)])
        first = np.array([one.first for one in self.dropped], dtype=np.int64)
        return lines + removed[np.searchsorted(first - removed[:-1], lines, side="right")]


def survey(path: Path, quote: str = "") -> Survey:
    """Counts a file's lines in one pass."""
    data = _mapped(path)
    lines = blank = longest = 0
    last_end, pending, is_even = -1, 0, True  # pending: quotes after the last line end
    for start in range(0, len(data), LARGEST_WINDOW):
        window = np.frombuffer(data, np.uint8, min(LARGEST_WINDOW, len(data) - start), start)
        ends = np.flatnonzero(window == ord("\n"))
        if quote and is_even:
            before = np.searchsorted(np.flatnonzero(window == ord(quote)), ends)
            is_even = not (np.diff(before, prepend=-pending) & 1).any()
            total = int((window == ord(quote)).sum())
            pending = total - int(before[-1]) if len(ends) else pending + total
        if len(ends):
            lengths = np.diff(ends + start, prepend=last_end) - 1
            lines, blank = lines + len(ends), blank + int((lengths == 0).sum())
            longest, last_end = max(longest, int(lengths.max())), int(ends[-1]) + start
    if rest := len(data) - last_end - 1:  # a last line that is not ended
        lines, longest, is_even = lines + 1, max(longest, rest), is_even and pending % 2 == 0
    return Survey(lines, blank, longest, is_even)


def line_numbers(path: Path, positions: "np.ndarray | Sequence[int]") -> np.ndarray:
    """The number of the line in which each byte lies; the first line is 1."""
    wanted = np.asarray(positions, dtype=np.int64)
    numbers, seen = np.ones(len(wanted), dtype=np.int64), 0
    data = _mapped(path)
    for start in range(0, len(data), LARGEST_WINDOW):
        window = np.frombuffer(data, np.uint8, min(LARGEST_WINDOW, len(data) - start), start)
        ends = np.flatnonzero(window == ord("\n")) + start
        here = (wanted >= start) & (wanted < start + len(window))
        numbers[here] = seen + np.searchsorted(ends, wanted[here]) + 1
        seen += len(ends)
    return numbers


def sift(path: Path, form: Form, first_line: int = 1) -> Sifted:
    """Takes out of the file what cannot be a record. Lines that a stray quote took in stay, as lines of their own.

    first_line: the number of the file's first line. Raises Unsplittable.
    """
    data = _mapped(path)
    walk = _Walk(data, form, first_line)
    walk.walk()
    if walk.dropped:
        rest = path.with_suffix(".sifted")
        try:
            with rest.open("wb") as out:
                position = 0
                for start, end in [*((one.start, one.end) for one in walk.dropped), (len(data), 0)]:
                    for at in range(position, start, LARGEST_WINDOW):
                        out.write(data[at : min(at + LARGEST_WINDOW, start)])
                    position = end
            rest.replace(path)
        finally:
            rest.unlink(missing_ok=True)
    return Sifted(walk.dropped, survey(path).records(form) - walk.continued)


def plain(found: Survey, form: Form) -> Sifted:
    """Of a file of which nothing need be taken out."""
    return Sifted((), found.records(form))


class _Walk:
    """One walk over a file's lines: which are records of their own, which belong together, which are none.

    continued: lines that the records kept have besides their first; blank ones count where the reader counts them.
    """

    def __init__(self, data: "mmap.mmap | bytes", form: Form, first_line: int) -> None:
        self.data, self.form, self.first_line = data, form, first_line
        self.dropped: list[Dropped] = []
        self.continued = self.rewound = self.lines = 0
        self.delimiter, self.quote = form.delimiter.encode(), form.quote.encode()
        if form.quote:
            delimiter, quote = re.escape(form.delimiter), re.escape(form.quote)
            blanks = (
                "" if form.delimiter == " " else " *"
            )  # the reader takes them for no part of a quoted value
            bare = f"{blanks}(?:[^ {quote}{delimiter}\\n][^{delimiter}\\n]*)?"
            value = f"(?:{blanks}{quote}(?:[^{quote}\\n]|{quote}{quote})*{quote}{blanks}|{bare})"
            self.complete = f"^{value}(?:{delimiter}{value})*\\n?$"
            self.opening = re.compile(f"{blanks}{quote}".encode())
            self.quoted = re.compile(f"(?:[^{quote}]++|{quote}{quote})*+".encode())
            self.after = re.compile(f"{blanks}(?:({delimiter})|\\Z)".encode())

    def walk(self) -> None:
        at, number, width = 0, self.first_line, FIRST_WINDOW  # the next line: its byte and its number
        opened: tuple[int, int] | None = None  # the same of the line where the open record begins
        while at < len(self.data) or opened:
            back: tuple[int, int] | None = None
            if at >= len(self.data):
                assert opened is not None
                back = self._end(opened, at, number - 1, "inside")
                opened = None
            elif (end := self._window_end(at, width)) is None:
                end, start = self._line_end(at), at
                first = number
                if opened:
                    (start, first), opened = opened, None
                self._drop(first, number, start, end, self._too_long(start, end))
                at, number = end, number + 1
            else:
                bounds = self._starts(at, end)
                suspects, quoted = (found.tolist() for found in self._suspects(at, end, bounds))
                starts = [*bounds.tolist(), end] if suspects or opened else range(len(bounds) + 1)
                i = 0
                while back is None:
                    lines = suspects if opened is None else quoted
                    place = bisect_left(lines, i)
                    if place == len(lines):
                        break
                    i = lines[place]
                    start, stop = starts[i], starts[i + 1]
                    state = self._state(start, stop, opened is not None)
                    if state == "inside":
                        opened = opened or (start, number + i)
                        i += 1
                    elif opened is None:
                        if stop - start > LONGEST_ROW + 1:
                            self._drop(number + i, number + i, start, stop, self._too_long(start, stop))
                        elif state == "bad":
                            self._drop(number + i, number + i, start, stop, _UNCLOSED)
                        i += 1
                    else:
                        back, opened = self._end(opened, stop, number + i, state), None
                        i += 1
                        if back and back[0] >= at:
                            i, back = back[1] - number, None
                if back is None:
                    at, number, width = end, number + len(bounds), min(2 * width, LARGEST_WINDOW)
            if back is not None:
                (at, number), width = back, FIRST_WINDOW

    def _end(self, opened: tuple[int, int], end: int, last: int, state: State) -> tuple[int, int] | None:
        """Ends the record that began at `opened`; the line to go on from, where its lines are to be read on their own."""
        start, first = opened
        if state == "closed" and not self._holds_rows(start, end):
            if end - start > LONGEST_ROW + 1:
                self._drop(first, last, start, end, self._too_long(start, end))
            else:
                held = self.data[start:end].removesuffix(b"\n").split(b"\n")
                self.continued += (len(held) if self.form.columns == 1 else sum(map(bool, held))) - 1
            return None
        reason = _UNCLOSED
        if last > first:
            reason = (
                f"a quote that {'closes only in line ' + format(last, ',') if state == 'closed' else _OPEN}: it took in "
                f"all from line {first:,} to {last:,}; the {last - first:,} after line {first:,} are read as rows of their own"
            )
        following = self._line_end(start)
        self._drop(first, first, start, following, reason)
        self.rewound += last - first
        if self.rewound > REWOUND * (last - self.first_line + 1) + 1_000_000:
            raise Unsplittable("its quotes do not close, time and again")
        return following, first + 1

    def _drop(self, first: int, last: int, start: int, end: int, reason: str) -> None:
        content = self.data[start : min(end, start + CONTENT_BYTES)].removesuffix(b"\n")
        self.dropped.append(Dropped(first, last, start, end, content, reason))

    def _too_long(self, start: int, end: int) -> str:
        size = end - start - (self.data[end - 1 : end] == b"\n")
        return f"longer than {LONGEST_ROW:,} bytes: {size:,}"

    def _holds_rows(self, start: int, end: int) -> bool:
        """Whether the lines of a quoted value look like rows: as many values as columns, and keys of one form."""
        if self.form.columns < 2:
            return False
        lines = self.data[start : min(end, start + (4 << 20))].split(b"\n")[:SAMPLED]
        lines = [line for line in lines if line]
        form = self._key_form(lines[0])
        alike = sum(self._key_form(line) == form for line in lines)
        return form is not None and alike >= max(2, ALIKE * len(lines))

    def _key_form(self, line: bytes) -> tuple[bytes, ...] | None:
        """Of a line read without regard to quotes: its key with 9 for digits and a for letters; None if it is no row."""
        values = line.split(self.delimiter)
        if len(values) != self.form.columns:
            return None
        keys = [values[place].strip(b" \t\"'") for place in self.form.keys]
        if not all(keys):
            return None
        return tuple(_LETTERS.sub(b"a", _DIGITS.sub(b"9", key)) for key in keys)

    def _state(self, start: int, end: int, is_inside: bool) -> State:
        """The state at the end of a line, as the reader would have it."""
        line, at = self.data[start:end].removesuffix(b"\n"), 0
        if not self.quote:
            return "closed"
        while True:
            if is_inside:
                found = self.quoted.match(line, at)
                assert found is not None
                if found.end() == len(line):
                    return "inside"
                following = self.after.match(line, found.end() + 1)
                if following is None:
                    return "bad"
                if not following[1]:
                    return "closed"
                at, is_inside = following.end(), False
            elif found := self.opening.match(line, at):
                at, is_inside = found.end(), True
            elif (delimiter := line.find(self.delimiter, at)) < 0:
                return "closed"
            else:
                at = delimiter + len(self.delimiter)

    def _suspects(self, at: int, end: int, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of a window, the lines that are too long or not complete by themselves, and those with a quote."""
        lengths = np.diff(starts, append=end)
        long = np.flatnonzero(lengths > LONGEST_ROW + 1)
        if not self.quote:
            return long, long[:0]
        window = np.frombuffer(self.data, np.uint8, end - at, at)
        quotes = np.flatnonzero(window == ord(self.quote)) + at
        quoted = np.unique(np.searchsorted(starts, quotes, side="right") - 1)
        if not len(quoted):
            return long, quoted
        offsets = np.append(starts, end) - at
        lines = pa.Array.from_buffers(
            pa.large_binary(), len(starts), [None, pa.py_buffer(offsets), pa.py_buffer(window)]
        ).take(pa.array(quoted))
        is_complete = pc.match_substring_regex(lines, self.complete).to_numpy(zero_copy_only=False)
        return np.union1d(quoted[~is_complete.astype(bool)], long), quoted

    def _starts(self, at: int, end: int) -> np.ndarray:
        window = np.frombuffer(self.data, np.uint8, end - at, at)
        starts = np.flatnonzero(window == ord("\n")) + at + 1
        return np.concatenate([[at], starts[starts < end]]).astype(np.int64)

    def _window_end(self, at: int, width: int) -> int | None:
        """Where a window of whole lines from `at` on ends; None if the first line alone is larger than any window."""
        end = self._line_end(min(at + width, len(self.data)) - 1)
        if end - at <= width + LARGEST_WINDOW:
            return end
        return self.data.rfind(b"\n", at, at + width) + 1 or None

    def _line_end(self, at: int) -> int:
        """Where the line that the byte `at` is in ends, its line end included."""
        return self.data.find(b"\n", at) + 1 or len(self.data)


_OPEN = "does not close where its value ends"
_UNCLOSED = f"a quote that {_OPEN}"
_DIGITS, _LETTERS = re.compile(rb"\d+"), re.compile(rb"[A-Za-z\x80-\xff]+")


def _mapped(path: Path) -> "mmap.mmap | bytes":
    """A file's bytes; the mapping ends with the last who looks at them."""
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if path.stat().st_size else b""
