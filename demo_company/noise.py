"""How writing goes wrong: slips of the finger, the wrong keyboard layout, placeholders.

Belongs here: functions from texts to spoiled texts, vectorised over code points. Does not belong here:
how often each happens on which card (cards.py).
"""

import numpy as np

from demo_company.draws import Flags, Texts, filled, texts

_ROWS = ("йцукенгшщзхъ", "фывапролджэ", "ячсмитьбю", "qwertyuiop", "asdfghjkl", "zxcvbnm")
_LAYOUT_RU = "йцукенгшщзхъфывапролджэячсмитьбюё"
_LAYOUT_EN = "qwertyuiop[]asdfghjkl;'zxcvbnm,.`"
_WIDTH = 64

PLACEHOLDER_PHONES = ("+7 999 999-99-99", "80000000000", "+7 (900) 000-00-00", "1234567890")
PLACEHOLDER_EMAILS = ("no@mail.ru", "test@test.ru", "net@net.ru", "zakaz@uyut-i-dom.example")
PLACEHOLDER_DATES = (np.datetime64("1900-01-01"), np.datetime64("1970-01-01"))


def _neighbours() -> np.ndarray:
    # Code point → the code point of the key to its right (of the last key: to its left).
    table = np.arange(0x0500, dtype=np.uint32)
    for row in _ROWS:
        beside = row[1:] + row[-2]
        for key, other in zip(row, beside, strict=True):
            table[ord(key)] = ord(other)
            table[ord(key.upper())] = ord(other.upper())
    for digit in range(10):
        table[ord("0") + digit] = ord("0") + (digit + 1) % 10
    return table


def _layout() -> np.ndarray:
    table = np.arange(0x0500, dtype=np.uint32)
    for ru, en in zip(_LAYOUT_RU, _LAYOUT_EN, strict=True):
        table[ord(ru)] = ord(en)
        table[ord(ru.upper())] = ord(en.upper() if en.isalpha() else en)
    return table


_NEIGHBOURS, _LAYOUT = _neighbours(), _layout()


def _points(values: Texts) -> np.ndarray:
    return np.array(values, dtype=f"U{_WIDTH}").view(np.uint32).reshape(len(values), _WIDTH)


def _strings(points: np.ndarray) -> Texts:
    return texts(np.ascontiguousarray(points).view(f"U{_WIDTH}").ravel().tolist())


def slip(rng: np.random.Generator, values: Texts, where: Flags) -> Texts:
    """`values` with one slip in each of `where`: a neighbouring key, a letter lost, doubled, or two swapped.

    The first character stays (people see that one); texts shorter than 4 or null stay.
    """
    result = values.copy()
    lengths = np.fromiter((len(v) if v else 0 for v in values), dtype=np.int64, count=len(values))
    rows = np.flatnonzero(where & (lengths >= 4) & (lengths < _WIDTH - 1))
    if not len(rows):
        return result
    points, length = _points(values[rows]), lengths[rows]
    kind = rng.integers(0, 4, len(rows))
    at = 1 + (rng.random(len(rows)) * (length - 2)).astype(int)
    column = np.arange(_WIDTH)[None, :]
    position = at[:, None]
    # Which column each new column is taken from.
    lost = column + (column >= position)
    doubled = column - (column > position)
    swapped = np.where(column == position, column + 1, np.where(column == position + 1, column - 1, column))
    source = np.choose(kind[:, None], [np.broadcast_to(column, points.shape), lost, doubled, swapped])
    spoiled = np.take_along_axis(points, np.minimum(source, _WIDTH - 1), axis=1)
    beside = np.flatnonzero(kind == 0)
    spoiled[beside, at[beside]] = _NEIGHBOURS[np.minimum(spoiled[beside, at[beside]], 0x04FF)]
    result[rows] = _strings(spoiled)
    return result


def wrong_layout(values: Texts, where: Flags) -> Texts:
    """Cyrillic typed with the Latin layout on: `Иванов` as `Bdfyjd`."""
    result = values.copy()
    rows = np.flatnonzero(where & filled(values))
    if len(rows):
        result[rows] = _strings(_LAYOUT[np.minimum(_points(values[rows]), 0x04FF)])
    return result
