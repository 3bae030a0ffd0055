"""The DuckDB session that the whole step runs in: its settings, SQL macros and reference tables.

Belongs here: how a name becomes a key, and loading of `data/*.csv`. Does not belong here: what is
done with cards (standardise.py and on).
"""

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import duckdb
import pyarrow as pa

from dagster_project.errors import IdentityError

DATA = Path(__file__).parent / "data"

# Rows: two of DuckDB's vectors.
_SMALL_GROUP = 4096

# Latin letters on the keys where a Russian keyboard has Cyrillic ones.
LATIN_KEYS = "qwertyuiop[]asdfghjkl;'zxcvbnm,.`"
CYRILLIC_KEYS = "йцукенгшщзхъфывапролджэячсмитьбюе"

_FOLDS = (
    # Hushing sounds first: transliteration standards disagree most there.
    *(("schtsch", "sh"), ("shtsh", "sh"), ("shch", "sh"), ("tsch", "ch"), ("sch", "sh"), ("shh", "sh")),
    *(("tch", "ch"), ("kh", "h"), ("gh", "g"), ("ph", "f"), ("th", "t"), ("ck", "k"), ("x", "ks")),
    *(("q", "k"), ("w", "v"), ("tz", "ts"), ("ch", "4"), ("cv", "tsv"), ("ce", "tse"), ("ci", "tsi")),
    *(("cy", "tsi"), ("c", "k"), ("4", "ch"), ("j", "i"), ("y", "i")),
)
_DOUBLED = "abdefgiklmnoprstuvz"
_HOMOGLYPHS = ("abcehkmoptxy", "авсенкмортху")


def _replaced(expression: str, pairs: tuple[tuple[str, str], ...]) -> str:
    for old, new in pairs:
        expression = f"replace({expression}, '{old}', '{new}')"
    return expression


def within(a: str, b: str, edits: str) -> str:
    """SQL: is b no more than `edits` slips away from a (letters added, left out, changed, two swapped)?

    DuckDB's Damerau distance takes ten times its Levenshtein, which is never more than twice as large: most pairs
    need the latter alone.
    """
    return (
        f"case when levenshtein({a}, {b}) > 2 * {edits} then false"
        f" else damerau_levenshtein({a}, {b}) <= {edits} end"
    )


def typo(a: str, b: str) -> str:
    """SQL: may b be a slip of a: two of nine letters and more, one of four and more?"""
    shorter = f"least(length({a}), length({b}))"
    return f"case when {shorter} < 4 then false else {within(a, b, f'if({shorter} >= 9, 2, 1)')} end"


def literal(value: object) -> str:
    """SQL: `value` as a text, whatever signs a path or a name has."""
    return "'" + str(value).replace("'", "''") + "'"


def dictionary(name: str) -> str:
    """SQL: the table in `data/<name>.csv`, every column text."""
    return f"read_csv({literal(DATA / f'{name}.csv')}, header = true, all_varchar = true)"


@cache
def dictionaries() -> str:
    """A digest of data/*.csv: what changes there changes results."""
    digest = hashlib.sha256()
    for path in sorted(DATA.glob("*.csv")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def _macros() -> list[str]:
    squeeze = tuple((letter * 2, letter) for letter in _DOUBLED)
    one_script = _replaced(
        "translate(s, 'абвгдезийклмнопрстуфхыэіїєґёәғқңөұүһў', 'abvgdeziiklmnoprstufhieiiegeagknouuhu')",
        (("ж", "zh"), ("ц", "ts"), ("ч", "ch"), ("ш", "sh"), ("щ", "sh"), ("ю", "iu"), ("я", "ia")),
    )
    folded = _replaced("latin(s)", _FOLDS)
    softened = _replaced(f"squeezed({folded})", (("ie", "e"), ("io", "e")))
    return [
        # One script; whatever is neither a letter nor a hyphen (signs, ь, ъ, apostrophes) goes.
        "create macro latin(s) as regexp_replace(strip_accents("
        + one_script.replace("(s,", "(lower(s),")
        + "), '[^a-z-]', '', 'g')",
        f"create macro squeezed(s) as {_replaced('s', squeeze)}",
        f"create macro name_key(s) as nullif(squeezed({softened}), '')",
        # Surnames lose their gender: Иванова → Иванов, Вишневская → Вишневский, Белая → Белый.
        r"""create macro family_fold(k) as case
            when length(k) > 5 and k similar to '.*(ova|eva|ina)' then k[:-2]
            when length(k) > 5 and k like '%skaia' then k[:-6] || 'ski'
            when length(k) > 5 and k like '%aia' then k[:-4] || 'i'
            when length(k) > 5 and k like '%oi' then k[:-3] || 'i'
            when length(k) > 4 and k similar to '.*(of|ef)' then k[:-2] || 'v'
            else k end""",
        # 63 bits: a BIGINT that never is negative.
        "create macro card_key(system, id) as cast(md5_number_lower(system || chr(31) || id) >> 1 as bigint)",
        # A link that waits for the clusters of people with a name.
        "create macro is_late(linked_by) as linked_by in ('deterministic:sole_holder', 'deterministic:same_contact')",
        # May one of the names begin with the initial? Unknown ones may.
        "create macro has_initial(names, initial) as names is null or initial is null"
        " or len(list_filter(names, lambda n: starts_with(n, initial))) > 0",
        # Initials of one class may be of one name: Y. for Елена, Юлия; К., Х. and C.; З. and Ж.
        "create macro initial_class(name) as translate(left(name, 1), 'ehc', 'ikk')",
        # A word that is one kind of name again and again, and hardly ever the other.
        "create macro mostly(uses, other_uses) as uses >= 4 and uses > 4 * other_uses",
        f"create macro from_latin_keys(s) as translate(lower(s), $${LATIN_KEYS}$$, '{CYRILLIC_KEYS}')",
        f"create macro from_cyrillic_keys(s) as translate(lower(s), '{CYRILLIC_KEYS}', $${LATIN_KEYS}$$)",
        f"create macro homoglyphs_mended(s) as translate(s, '{_HOMOGLYPHS[0]}', '{_HOMOGLYPHS[1]}')",
        f"create macro is_typo(a, b) as {typo('a', 'b')}",
    ]


def connect(memory_limit: str = "2200MB") -> duckdb.DuckDBPyConnection:
    """A fresh in-memory session with macros and the tables given_forms, surnames, not_names, listed_dates.

    given_forms: form (key), canonical (key), latin (canonical's letters before folding), gender, is_own (the form
    is itself that name), rank. listed_dates: birth_date, of data/placeholder_dates.csv.
    """
    con = duckdb.connect(":memory:")
    spill = os.path.join(tempfile.gettempdir(), f"c360-duckdb-{os.getpid()}")
    con.execute(f"set memory_limit = '{memory_limit}'; set temp_directory = {literal(spill)}")
    con.execute("set enable_progress_bar = false; set preserve_insertion_order = false")
    # Of sessions beside this one, too.
    con.execute("set global timezone = 'UTC'")
    con.execute(";".join(_macros()))
    for name, table in _dictionaries().items():
        con.register("dictionary", table)
        con.execute(f"create table {name} as from dictionary")
    con.unregister("dictionary")
    return con


@contextlib.contextmanager
def beside(con: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    """A second session on `con`'s tables (temporary ones are not shared), for a thread or a transaction of its own."""
    path = con.execute("select current_setting('search_path')").fetchall()[0][0]
    with con.cursor() as own:
        own.execute(f"set search_path = '{path}'")
        yield own


@contextlib.contextmanager
def in_small_groups(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """What `con` makes from here on lies in row groups small enough for all cores to share its work.

    DuckDB gives a core a row group, of 122,880 rows by itself: more than all that an incremental run looks at. Only a
    database in a file may have groups of its own size; nothing of this one is meant to be read again.
    """
    with tempfile.TemporaryDirectory(prefix="c360-") as folder:
        con.execute(
            f"""
            set enable_optimistic_write = false;
            attach {literal(Path(folder) / "part.duckdb")} as part (recovery_mode no_wal_writes, row_group_size {_SMALL_GROUP});
            set search_path = 'part,memory'
            """
        )
        yield


@cache
def _dictionaries() -> dict[str, pa.Table]:
    """What data/*.csv hold, by the tables of `connect`: their keys are made once a process."""
    with duckdb.connect(":memory:") as con:
        con.execute(";".join(_macros()))
        for name in ("given_names", "diminutives", "surnames", "not_names", "placeholder_dates"):
            con.execute(f"create table {name}_raw as from {dictionary(name)}")
        con.execute(
            """
            create table given_forms as
            -- Bound once, for all that is spelt: the macro is longer to read than the names.
            with keys as materialized (
                select name, name_key(name) as key from (
                    select name from given_names_raw union select name from diminutives_raw
                    union select variant from diminutives_raw
                )
            ), own as (
                select key as canonical, min(squeezed(latin(name))) as latin, min(gender) as gender
                from given_names_raw join keys using (name) group by key
            ), forms as (
                select canonical as form, canonical, latin, gender, true as is_own, 0 as rank from own
                union all
                select f.key, own.canonical, latin, gender, false, v.rank
                from (select *, row_number() over () as rank from diminutives_raw) v
                join keys k on k.name = v.name join keys f on f.name = v.variant
                join own on own.canonical = k.key
            )
            select form, canonical, any_value(latin) as latin, any_value(gender) as gender,
                bool_or(is_own) as is_own, min(rank) as rank
            from forms group by form, canonical;
            create table surnames as
            select distinct family_fold(key) as family from (select name_key(surname) as key from surnames_raw);
            create table not_names as select distinct lower(word) as word from not_names_raw;
            create table listed_dates as
            select distinct try_cast(birth_date as date) as birth_date, birth_date as written from placeholder_dates_raw;
            """
        )
        unread = con.execute("select written from listed_dates where birth_date is null").fetchall()
        if unread:
            raise IdentityError(
                f"{DATA / 'placeholder_dates.csv'}: {unread[0][0]!r} is no date.",
                "Write each birth_date as YYYY-MM-DD.",
            )
        con.execute("alter table listed_dates drop column written")
        return {
            name: con.sql(f"from {name}").to_arrow_table()
            for name in ("given_forms", "surnames", "not_names", "listed_dates")
        }
