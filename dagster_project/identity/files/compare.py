"""What is compared of two records and under which keys they meet, chosen from what the columns hold.

Belongs here: the kinds of columns, their standard form, their levels of likeness and their blocking keys. Does not
belong here: which column is what (columns.py), how much a level weighs (fit.py).
"""

from dataclasses import dataclass, field

import duckdb

# A column with no more values than this is a category: equal or not, and no key to meet by.
MAX_CATEGORIES = 12

Level = tuple[str, str, float, float]


@dataclass(frozen=True)
class Comparison:
    """levels: label, condition over _l and _r, first guesses of m and u; the last one is all others.

    is_own: it tells people of one household apart.
    """

    name: str
    null: str
    levels: tuple[Level, ...]
    frequency_column: str | None = None
    is_own: bool = False


@dataclass(frozen=True)
class Key:
    """A blocking key of one comparison: an SQL expression over `features`."""

    name: str
    comparison: str
    sql: str
    is_exact: bool = False


@dataclass
class Design:
    """columns: of table `features`. why: a line a comparison, for people."""

    comparisons: list[Comparison] = field(default_factory=list)
    keys: list[Key] = field(default_factory=list)
    columns: dict[str, str] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)

    def add(self, comparison: Comparison, keys: list[Key], columns: dict[str, str], why: str) -> None:
        self.comparisons.append(comparison)
        self.keys += keys
        self.columns |= columns
        self.why[comparison.name] = why


# What streets are called besides their names, in short and in full.
_STREETS = {
    **{
        "ave": "avenue",
        "av": "avenue",
        "st": "street",
        "rd": "road",
        "dr": "drive",
        "ln": "lane",
        "ct": "court",
    },
    **{
        "blvd": "boulevard",
        "bd": "boulevard",
        "pl": "place",
        "sq": "square",
        "hwy": "highway",
        "pkwy": "parkway",
    },
    **{
        "str": "strasse",
        "avda": "avenida",
        "ul": "ulica",
        "al": "aleja",
        "os": "osiedle",
        "cad": "caddesi",
        "sok": "sokak",
    },
}


def street_words(column: str) -> str:
    """SQL: an address line with its abbreviations spelt out; what sticks to a name (Hauptstr.) too."""
    line = rf"regexp_replace(lower({column}), '([^\p{{L}}\p{{M}}\p{{N}}])', '\1\1', 'g')"
    line = rf"regexp_replace({line}, 'str([^\p{{L}}]|$)', 'strasse\1', 'g')"
    for short, full in _STREETS.items():
        line = (
            rf"regexp_replace({line}, '(^|[^\p{{L}}\p{{N}}]){short}([^\p{{L}}\p{{N}}]|$)', '\1{full}\2', 'g')"
        )
    return line


MACROS = (
    # Umlauts as one letter, however they are written; scripts that `latin` does not know stay as they are.
    r"""create or replace macro plain_word(w) as case
        when regexp_matches(w, '[0-9]') then w
        when coalesce(latin(w), '') = '' then w
        else squeezed(replace(replace(replace(latin(translate(replace(w, 'ß', 'ss'), 'łıøđðæœ', 'lioddao')),
            'ae', 'a'), 'oe', 'o'), 'ue', 'u')) end""",
    r"""create or replace macro plain_words(s) as list_filter(list_transform(
        regexp_split_to_array(regexp_replace(lower(s), '[''’`´]', '', 'g'), '[^\p{L}\p{M}\p{N}]+'),
        lambda w: plain_word(w)), lambda w: w <> '')""",
    "create or replace macro plain_text(s) as nullif(array_to_string(plain_words(s), ' '), '')",
    # Oak Street and Pine Street have no word in common.
    "create or replace macro names_a_kind(w) as w in ("
    + ", ".join(f"plain_word('{kind}')" for kind in dict.fromkeys(_STREETS.values()))
    + ")",
    r"""create or replace macro plain_code(s) as nullif(regexp_replace(upper(s), '[^\p{L}\p{N}]', '', 'g'), '')""",
    # What is cheap comes first: one slip leaves the first or the last letter as it is.
    "create or replace macro slip(a, b) as case when least(length(a), length(b)) < 4"
    " or abs(length(a) - length(b)) > 2 or (left(a, 1) <> left(b, 1) and right(a, 1) <> right(b, 1)) then false"
    " else damerau_levenshtein(a, b) <= case when least(length(a), length(b)) >= 9 then 2 else 1 end end",
    "create or replace macro alike(a, b) as case when a is null or b is null then false"
    " when left(a, 1) = left(b, 1) and jaro_winkler_similarity(a, b) >= 0.92 then true else slip(a, b) end",
    # Names of one beginning: Anna, Anna Maria, Anna M.; and initials of a name: J P, Jan.
    "create or replace macro begins_alike(a, b) as length(split_part(a, ' ', 1)) > 1"
    " and split_part(a, ' ', 1) = split_part(b, ' ', 1) and (not contains(a, ' ') or not contains(b, ' ')"
    " or starts_with(split_part(a, ' ', 2), split_part(b, ' ', 2)) and length(split_part(b, ' ', 2)) = 1"
    " or starts_with(split_part(b, ' ', 2), split_part(a, ' ', 2)) and length(split_part(a, ' ', 2)) = 1"
    " or split_part(a, ' ', 2) = split_part(b, ' ', 2))",
    "create or replace macro is_initials(a) as regexp_full_match(a, '[a-z]( [a-z])*')",
    # Of a name in one field, all that the other says: its full words, and initials of words that are left.
    "create or replace macro unmet(a, b) as list_filter(a, lambda w: length(w) >= 2"
    " and len(list_filter(b, lambda v: v = w or alike(v, w))) = 0)",
    "create or replace macro held_in(a, b) as len(list_filter(a, lambda w: length(w) >= 2)) > 0 and len(unmet(a, b)) = 0"
    " and (len(unmet(b, a)) = 0 or len(list_filter(a, lambda i: length(i) = 1"
    " and len(list_filter(unmet(b, a), lambda v: left(v, 1) = i)) = 0)) = 0)",
)


def features(con: duckdb.DuckDBPyConnection, design: Design) -> None:
    """Makes `features`: unique_id and the design's columns, one row a record of `fields`."""
    columns = "".join(f", {sql} as {name}" for name, sql in design.columns.items())
    con.execute(
        f"create or replace table features as select rid as unique_id{columns} from named order by rid"
    )


def _null(column: str) -> str:
    return f"{column}_l is null or {column}_r is null"


def text(name: str, column: str) -> tuple[Comparison, list[Key], dict[str, str]]:
    """Words: a town, an occupation, an address line."""
    comparison = Comparison(
        name,
        _null(name),
        (
            ("same", f"{name}_l = {name}_r", 0.75, 0.02),
            (
                "alike",
                f"{name}_sorted_l = {name}_sorted_r or alike({name}_l, {name}_r)",
                0.1,
                0.01,
            ),
            (
                "part",
                f"case when list_has_any({name}_words_l, {name}_words_r) then true when left({name}_l, 1) = left({name}_r, 1)"
                f" then jaro_winkler_similarity({name}_l, {name}_r) >= 0.85 else false end",
                0.05,
                0.05,
            ),
            ("other", "ELSE", 0.1, 0.92),
        ),
        frequency_column=name,
    )
    keys = [
        Key(name, name, name, is_exact=True),
        Key(f"{name}_start", name, f"left({name}, 4)"),
    ]
    return (
        comparison,
        keys,
        {
            name: f"plain_text({column})",
            f"{name}_sorted": f"nullif(array_to_string(list_sort(plain_words({column})), ' '), '')",
            f"{name}_words": f"list_filter(plain_words({column}), lambda w: length(w) >= 3 and not names_a_kind(w))",
        },
    )


def code(name: str, column: str, *, is_own: bool = False) -> tuple[Comparison, list[Key], dict[str, str]]:
    """A number or code of fixed make: a postcode, an identity number."""
    comparison = Comparison(
        name,
        _null(name),
        (
            ("same", f"{name}_l = {name}_r", 0.8, 0.001),
            ("alike", f"slip({name}_l, {name}_r)", 0.08, 0.002),
            ("start", f"length({name}_l) >= 4 and left({name}_l, 3) = left({name}_r, 3)", 0.04, 0.02),
            ("other", "ELSE", 0.08, 0.977),
        ),
        frequency_column=name,
        is_own=is_own,
    )
    keys = [
        Key(name, name, name, is_exact=True),
        Key(
            f"{name}_start",
            name,
            f"case when length({name}) >= 4 then left({name}, length({name}) // 2 + 1) end",
        ),
        Key(
            f"{name}_end",
            name,
            f"case when length({name}) >= 4 then right({name}, length({name}) // 2 + 1) end",
        ),
    ]
    return comparison, keys, {name: f"plain_code({column})"}


def category(name: str, column: str) -> tuple[Comparison, list[Key], dict[str, str]]:
    """Few values: a gender, a state."""
    comparison = Comparison(
        name,
        _null(name),
        (("same", f"{name}_l = {name}_r", 0.9, 0.4), ("other", "ELSE", 0.1, 0.6)),
        frequency_column=name,
    )
    return comparison, [], {name: f"plain_text({column})"}


def number(name: str, column: str) -> tuple[Comparison, list[Key], dict[str, str]]:
    """A quantity: an age, an amount, a year."""
    gap = f"abs({name}_l - {name}_r)"
    comparison = Comparison(
        name,
        _null(name),
        (
            ("same", f"{name}_l = {name}_r", 0.75, 0.02),
            ("alike", f"{gap} <= 1", 0.1, 0.03),
            (
                "near",
                f"{gap} <= greatest(5, 0.02 * abs({name}_l)) and {gap} <= 0.2 * abs({name}_l)",
                0.06,
                0.1,
            ),
            ("other", "ELSE", 0.09, 0.85),
        ),
    )
    keys = [Key(name, name, f"cast({name} as varchar)", is_exact=True)]
    return comparison, keys, {name: f"try_cast(replace({column}, ',', '.') as double)"}


def date(
    name: str, column: str, *, is_own: bool = False, is_year: bool = False
) -> tuple[Comparison, list[Key], dict[str, str]]:
    """A date in ISO form, or its year alone; is_year: never more than that."""
    l, r = f"{name}_l", f"{name}_r"  # noqa: E741
    whole = f"length({l}) = 10 and length({r}) = 10"
    crossed = (
        f"left({l}, 4) = left({r}, 4) and substr({l}, 6, 2) = substr({r}, 9, 2)"
        f" and substr({l}, 9, 2) = substr({r}, 6, 2)"
    )
    two_of_three = (
        f"cast(left({l}, 4) = left({r}, 4) as int) + cast(substr({l}, 6, 2) = substr({r}, 6, 2) as int)"
        f" + cast(substr({l}, 9, 2) = substr({r}, 9, 2) as int) >= 2"
    )
    comparison = Comparison(
        name,
        _null(name),
        (
            ("same", f"{l} = {r}", 0.82, 0.0001),
            # One slip leaves two of year, month and day alone.
            (
                "slip",
                f"{whole} and case when {two_of_three} then damerau_levenshtein({l}, {r}) <= 1 else {crossed} end",
                0.06,
                0.002,
            ),
            ("part", f"{whole} and {two_of_three}", 0.04, 0.004),
            # Who gives the year alone contradicts nobody.
            ("year_alone", f"not ({whole}) and left({l}, 4) = left({r}, 4)", 0.05, 0.01),
            ("year", f"left({l}, 4) = left({r}, 4)", 0.04, 0.02),
            ("near", f"abs(try_cast(left({l}, 4) as int) - try_cast(left({r}, 4) as int)) <= 1", 0.01, 0.03),
            ("other", "ELSE", 0.03, 0.944),
        ),
        frequency_column=name,
        is_own=is_own,
    )
    keys = [
        Key(name, name, name if is_year else f"case when length({name}) = 10 then {name} end", is_exact=True),
        Key(f"{name}_year", name, f"left({name}, 4)"),
        Key(
            f"{name}_day",
            name,
            f"case when length({name}) = 10 then least(substr({name}, 6, 2), substr({name}, 9, 2)) || '-'"
            f" || greatest(substr({name}, 6, 2), substr({name}, 9, 2)) end",
        ),
    ]
    return comparison, keys, {name: column}


def phone(name: str, column: str) -> tuple[Comparison, list[Key], dict[str, str]]:
    comparison = Comparison(
        name,
        _null(name),
        (
            ("same", f"{name}_l = {name}_r", 0.75, 0.00005),
            ("alike", f"right({name}_l, 7) = right({name}_r, 7) or slip({name}_l, {name}_r)", 0.05, 0.0001),
            ("other", "ELSE", 0.2, 0.99985),
        ),
        frequency_column=name,
    )
    keys = [Key(name, name, name, is_exact=True), Key(f"{name}_end", name, f"right({name}, 7)")]
    return comparison, keys, {name: column}


def email(name: str, column: str, surname: str | None = None) -> tuple[Comparison, list[Key], dict[str, str]]:
    """An address. `surname`: SQL of a name that its holder may have made the mailbox of.

    Such a mailbox at another provider is no more than the name once again.
    """
    box_l, box_r = f"{name}_box_l", f"{name}_box_r"
    letters = f"regexp_replace(split_part({column}, '@', 1), '[^a-z]', '', 'g')"
    is_named = (
        "false"
        if surname is None
        else f"coalesce(length({surname}) >= 4 and (contains(plain_word({letters}), left({surname}, 5))"
        f" or contains(name_key({letters}), left({surname}, 5))), false)"
    )
    comparison = Comparison(
        name,
        f"{_null(name)} or ({name}_l <> {name}_r and {box_l} = {box_r} and ({name}_is_named_l or {name}_is_named_r))",
        (
            ("same", f"{name}_l = {name}_r", 0.75, 0.00005),
            (
                "alike",
                f"{box_l} = {box_r} and length({box_l}) >= 6 or slip({box_l}, {box_r})",
                0.05,
                0.0001,
            ),
            ("other", "ELSE", 0.2, 0.99985),
        ),
        frequency_column=name,
        is_own=True,
    )
    keys = [Key(name, name, name, is_exact=True), Key(f"{name}_box", name, f"{name}_box")]
    return (
        comparison,
        keys,
        {name: column, f"{name}_box": f"split_part({column}, '@', 1)", f"{name}_is_named": is_named},
    )


def _crossed(name: str, other: str | None) -> str:
    """SQL: first name and surname have changed places, one of them with a slip perhaps."""
    if other is None:
        return "false"
    one, two = (f"{name}_l", f"{other}_r"), (f"{name}_r", f"{other}_l")
    return f"(({one[0]} = {one[1]} and alike({two[0]}, {two[1]})) or ({two[0]} = {two[1]} and alike({one[0]}, {one[1]})))"


# SQL: a dictionary has the first names of both.
BOTH_KNOWN = "given_known_l and given_known_r"


def given_name(other: str | None) -> tuple[Comparison, list[Key], dict[str, str]]:
    """A first name; `other` is the surname's column, with which it may have changed places."""
    crossed = _crossed("given", other)
    comparison = Comparison(
        "given",
        _null("given"),
        (
            ("same", "given_l = given_r", 0.75, 0.01),
            ("first", "begins_alike(given_l, given_r)", 0.06, 0.004),
            ("variant", "list_has_any(givens_l, givens_r)", 0.05, 0.004),
            (
                "initials",
                "(is_initials(given_l) or is_initials(given_r)) and left(given_l, 1) = left(given_r, 1)",
                0.04,
                0.03,
            ),
            # Марина is no slip for Мария; a slip is nearest as it was written, before short forms and folding.
            (
                "alike",
                f"not ({BOTH_KNOWN}) and (alike(given_l, given_r) or alike(given_written_l, given_written_r))",
                0.1,
                0.005,
            ),
            ("crossed", crossed, 0.02, 0.0002),
            (
                "near",
                f"(not ({BOTH_KNOWN}) and jaro_winkler_similarity(given_l, given_r) >= 0.8)"
                " or (least(length(given_l), length(given_r)) <= 2 and left(given_l, 1) = left(given_r, 1))",
                0.03,
                0.03,
            ),
            ("other", "ELSE", 0.05, 0.95),
        ),
        frequency_column="given",
        is_own=True,
    )
    keys = [
        Key("given", "given", "given_key", is_exact=True),
        Key("given_start", "given", "left(given, 3)"),
    ]
    return comparison, keys, {c: c for c in ("given", "givens", "given_key", "given_known", "given_written")}


def family_name(other: str | None) -> tuple[Comparison, list[Key], dict[str, str]]:
    crossed = _crossed("family", other)
    comparison = Comparison(
        "family",
        _null("family"),
        (
            ("same", "family_l = family_r", 0.75, 0.004),
            ("part", "list_has_any(families_l, families_r)", 0.04, 0.004),
            ("alike", "alike(family_l, family_r) or family_key_l = family_key_r", 0.12, 0.002),
            ("crossed", crossed, 0.02, 0.0002),
            ("near", "jaro_winkler_similarity(family_l, family_r) >= 0.82", 0.03, 0.02),
            ("other", "ELSE", 0.04, 0.97),
        ),
        frequency_column="family",
    )
    keys = [
        Key("family", "family", "family_key", is_exact=True),
        Key("family_start", "family", "left(family, 4)"),
        Key(
            "family_consonants",
            "family",
            "case when length(family) >= 4 then left(family, 1) || regexp_replace(family[2:], '[aeiouyh -]', '', 'g') end",
        ),
    ]
    return comparison, keys, {c: c for c in ("family", "families", "family_key")}


def middle_name() -> tuple[Comparison, list[Key], dict[str, str]]:
    comparison = Comparison(
        "middle",
        _null("middle"),
        (
            ("same", "middle_l = middle_r", 0.85, 0.02),
            (
                "alike",
                "alike(middle_l, middle_r) or (least(length(middle_l), length(middle_r)) = 1"
                " and left(middle_l, 1) = left(middle_r, 1))",
                0.1,
                0.03,
            ),
            ("other", "ELSE", 0.05, 0.95),
        ),
        frequency_column="middle",
    )
    return comparison, [Key("middle", "middle", "middle", is_exact=True)], {"middle": "middle"}


def whole_name() -> tuple[Comparison, list[Key], dict[str, str]]:
    """A name in one field, its words in any order."""
    matched = (
        "len(list_filter(case when len(words_l) <= len(words_r) then words_l else words_r end, lambda w:"
        " len(list_filter(case when len(words_l) <= len(words_r) then words_r else words_l end, lambda v:"
        " v = w or alike(v, w))) > 0))"
    )
    hinted = (
        "len(list_filter(case when len(words_l) <= len(words_r) then words_l else words_r end, lambda w:"
        " len(list_filter(case when len(words_l) <= len(words_r) then words_r else words_l end, lambda v:"
        " v = w or alike(v, w) or (least(length(v), length(w)) = 1 and left(v, 1) = left(w, 1))"
        " or jaro_winkler_similarity(v, w) >= 0.8)) > 0))"
    )
    shorter = "least(len(words_l), len(words_r))"
    comparison = Comparison(
        "name",
        _null("name"),
        (
            ("same", "name_l = name_r", 0.6, 0.0005),
            ("alike", f"{shorter} >= 2 and {matched} >= {shorter}", 0.2, 0.0005),
            ("contained", "held_in(words_l, words_r) or held_in(words_r, words_l)", 0.06, 0.002),
            (
                "variant",
                "(list_has_any(givens_l, givens_r) or list_has_any(givens_l, words_r) or list_has_any(givens_r, words_l))"
                f" and {matched} >= 1",
                0.05,
                0.0005,
            ),
            ("short", f"{shorter} >= 2 and {matched} >= 1 and {hinted} >= {shorter}", 0.06, 0.004),
            ("word", "list_has_any(words_l, words_r)", 0.05, 0.02),
            ("part", f"{matched} >= 1", 0.05, 0.04),
            ("other", "ELSE", 0.04, 0.95),
        ),
        frequency_column="name",
        is_own=True,
    )
    keys = [
        Key("name", "name", "name", is_exact=True),
        Key("name_word", "name", "unnest(words)"),
        Key("name_start", "name", "unnest(list_transform(words, lambda w: left(w, 4)))"),
        Key(
            "initials", "name", "array_to_string(list_sort(list_transform(words, lambda w: left(w, 1))), '')"
        ),
    ]
    return comparison, keys, {c: c for c in ("name", "words", "givens")}
