"""The one naming rule: what a table or column of a source is called in raw, whatever it is called there.

Belongs here: the rule, names that two columns would share, and the rules that were before it. Does not belong here:
declarations (declaration.py), renaming what raw has (renames.py).

A name has small Latin letters, digits and single underscores, and begins with a letter: `Дата показа` is data_pokaza,
`orderId` order_id, `ID` id. No name of a source begins with an underscore: those are the pipeline's own
(`_deleted_at`, `_dlt_load_id`). A name that PostgreSQL keeps for itself ends with one (`xmin_`).
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import lru_cache

from text_unidecode import unidecode

from dagster_project.warehouse.schema import fit

# Every table has these columns already.
SYSTEM_COLUMNS = frozenset({"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"})
# The pipeline's own in raw: no name of a source begins with an underscore.
PIPELINE_COLUMNS = frozenset({"_deleted_at", "_dlt_load_id", "_file"})
# Russian as it is commonly written in Latin letters; text_unidecode writes `kh`, `shch` and `ia`.
RUSSIAN = dict(zip("абвгдезийклмнопрстуфхцыэё", "abvgdeziyklmnoprstufhcyee", strict=True)) | {
    "ж": "zh", "ч": "ch", "ш": "sh", "щ": "sch", "ъ": "", "ь": "", "ю": "yu", "я": "ya",
}  # fmt: skip


@lru_cache(maxsize=100_000)
def normalise(name: str) -> str:
    """The name here of what a source calls `name`; empty for a blank one. A name that is normalised stays as it is."""
    written = unicodedata.normalize("NFC", name).strip()
    plain = re.sub(r"[^a-z0-9]+", "_", "".join(map(_latin, _snake_case(written)))).strip("_")
    if not plain:  # signs alone, as `#`
        digest = hashlib.sha256(written.encode(errors="surrogatepass")).hexdigest()[:8]
        return f"c_{digest}" if written else ""
    if plain[0].isdigit():
        plain = f"c_{plain}"
    if plain in SYSTEM_COLUMNS:
        plain += "_"
    return fit(plain, written)


def collisions(names: Iterable[str], rename: Mapping[str, str] | None = None) -> dict[str, list[str]]:
    """The names here that several of a source's `names` would share, with those names."""
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(called(name, rename or {}), []).append(name)
    return {ours: theirs for ours, theirs in found.items() if len(theirs) > 1}


def called(name: str, rename: Mapping[str, str]) -> str:
    """The name here of a source's column, by its declared `rename` or by the rule."""
    return rename.get(name) or rename.get(name.strip()) or normalise(name)


def _snake_case(name: str) -> str:
    """`name` in small letters, an underscore where a word begins: orderId, HTMLPage, ИННКлиента."""
    broken = []
    for before, letter, after in zip(f"_{name}", name, f"{name[1:]}_", strict=False):
        begins = letter.isupper() and (
            before.islower() or before.isdigit() or (before.isupper() and after.islower())
        )
        broken.append(f"_{letter}" if begins else letter)
    return "".join(broken).lower()


def _latin(letter: str) -> str:
    if letter.isascii():
        return letter
    if letter in RUSSIAN:
        return RUSSIAN[letter]
    if unicodedata.combining(letter):
        return ""
    # Signs are no letters: № is not `no`.
    return re.sub("['`\"]", "", unidecode(letter)).lower() if letter.isalnum() else "_"
