"""Cyrillic into Latin letters, the way passports and the way people do it.

Belongs here: the two tables. Does not belong here: English forms of given names (data/given_names.csv).
"""

_COMMON = dict(zip("абвгдезиклмнопрстуф", "abvgdeziklmnoprstuf", strict=True)) | {"ь": "", "’": ""}
PASSPORT = _COMMON | {
    **{"ё": "e", "ж": "zh", "й": "i", "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "shch"},
    **{"ъ": "ie", "ы": "y", "э": "e", "ю": "iu", "я": "ia"},
}
CASUAL = PASSPORT | {"ё": "yo", "й": "y", "х": "h", "щ": "sch", "ъ": "", "ю": "yu", "я": "ya", "ц": "c"}


def latin(text: str, table: dict[str, str]) -> str:
    """`text` letter by letter; what is not Cyrillic stays."""
    if table is CASUAL:
        text = text.replace("ий", "y") if text.endswith("ий") else text
    letters = [table.get(c, table[c.lower()].capitalize() if c.lower() in table else c) for c in text]
    return "".join(letters)
