"""Declarations in TOML: what they say, and every mistake named by file and key."""

from datetime import timedelta
from pathlib import Path

import pytest

from dagster_project.errors import ConfigError
from dagster_project.sources import load_source
from dagster_project.sources.declaration import Files, Follows, Source, Table
from dagster_project.sources.declared import read_declaration

TOP = 'kind = "other"\ndescription = "A system"\n'
SPEND = '[tables.spend]\nkey = ["day"]\nneeds = ["cost"]\n'
FILES = '[tables.spend.files]\npattern = "spend/*.csv"\nformat = "csv"\n'


def write(folder: Path, text: str, name: str = "own") -> Path:
    file = folder / f"{name}.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_files(tmp_path: Path) -> None:
    text = TOP + SPEND + 'deletes = "kept"\n' + FILES + 'encoding = "cp1251"\nrename = {"Дата" = "day"}\n'
    assert read_declaration(write(tmp_path, text)) == Source(
        "own",
        "other",
        "A system",
        (
            Table(
                "spend",
                ("day",),
                ("cost",),
                deletes="kept",
                files=Files("spend/*.csv", "csv", encoding="cp1251", rename={"Дата": "day"}),
            ),
        ),
    )


def test_a_database(tmp_path: Path) -> None:
    text = TOP + (
        '[tables.Orders]\nkey = ["id"]\nneeds = []\nwatermark = "changed_at"\nlook_back = "06:00:00"\n'
        '[tables.items]\nkey = ["id"]\nneeds = ["sku"]\noptional = ["note"]\ndeletes = "compared"\n'
        'follows = {parent = "Orders", column = "order_id", parent_column = "id"}\n'
    )
    source = read_declaration(write(tmp_path, text))
    assert source.medium == "database"
    assert source.tables == (
        Table("Orders", ("id",), (), watermark="changed_at", look_back=timedelta(hours=6)),
        Table(
            "items",
            ("id",),
            ("sku",),
            ("note",),
            follows=Follows("Orders", "order_id", "id"),
            deletes="compared",
        ),
    )


MISTAKES = {
    "no TOML": ("kind =", "is not TOML"),
    "an unknown key": (TOP + "colour = 1\n" + SPEND + FILES, "own.toml, colour: unexpected"),
    "an unknown key of a table": (TOP + SPEND + "delets = 1\n" + FILES, "tables.spend.delets: unexpected"),
    "an unknown key of files": (TOP + SPEND + FILES + "x = 1\n", "tables.spend.files.x: unexpected"),
    "no kind": ('description = "x"\n' + SPEND + FILES, "kind: field required"),
    "an unknown kind": (TOP.replace("other", "dog") + SPEND + FILES, "kind: input should be"),
    "no description": ('kind = "other"\n' + SPEND + FILES, "description: field required"),
    "no tables": (TOP, "tables: field required"),
    "tables that are none": (TOP + 'tables = "spend"\n', "tables: input should be"),
    "a table that is none": (TOP + "[tables]\nspend = 1\n", "tables.spend: input should be"),
    "no key": (TOP + "[tables.spend]\nneeds = []\n" + FILES, "tables.spend.key: field required"),
    "an empty key": (TOP + "[tables.spend]\nkey = []\nneeds = []\n" + FILES, "Table spend: no key"),
    "a key of numbers": (TOP + "[tables.spend]\nkey = [1]\nneeds = []\n" + FILES, "tables.spend.key.0: input"),
    "an unknown kind of deletes": (TOP + SPEND + 'deletes = "x"\n' + FILES, "tables.spend.deletes: input"),
    "no pattern": (TOP + SPEND + '[tables.spend.files]\nformat = "csv"\n', "tables.spend.files.pattern: field required"),
    "an unknown format": (TOP + SPEND + FILES.replace('"csv"', '"xls"'), "tables.spend.files.format: input"),
    "a pattern that leads out": (TOP + SPEND + FILES.replace("spend/", "../"), "does not lie below"),
    "an absolute pattern": (TOP + SPEND + FILES.replace("spend/", "/"), "does not lie below"),
    "an unknown encoding": (TOP + SPEND + FILES + 'encoding = "klingon"\n', "'klingon' is not known"),
    "a long delimiter": (TOP + SPEND + FILES + 'delimiter = "||"\n', "is not one character"),
    "a long quote": (TOP + SPEND + FILES + 'quote = "<<"\n', "more than one character"),
    "a column twice": (TOP + SPEND + FILES + 'columns = ["day", "day", "cost"]\n', "names one twice"),
    "columns without what is needed": (TOP + SPEND + FILES + 'columns = ["day"]\n', "files.columns lack cost"),
    "columns of jsonl": (
        TOP + SPEND + FILES.replace('"csv"', '"jsonl"') + 'columns = ["day", "cost"]\n', "They are for csv",
    ),
    "an unknown type": (TOP + SPEND + FILES + 'types = {cost = "money"}\n', "files.types.cost: input"),
    "a type of no column": (TOP + SPEND + FILES + 'types = {price = "integer"}\n', "files.types names price"),
    "a hash beside a key": (TOP + SPEND + FILES + 'hash_as = "id"\n', "the key is day"),
    "a header that grows": (TOP + SPEND + FILES + "grows = true\n", "begin with a header"),
    "growth and compared": (
        TOP + SPEND + 'deletes = "compared"\n' + FILES.replace('"csv"', '"jsonl"') + "grows = true\n", "of a log are kept",
    ),
    "files and a watermark": (TOP + SPEND + 'watermark = "day"\n' + FILES, "files and a watermark"),
    "files and a database": (TOP + SPEND + FILES + '[tables.t]\nkey = ["id"]\nneeds = []\n', "database, files"),
    "a parent that is not there": (
        TOP + SPEND + 'follows = {parent = "x", column = "a", parent_column = "b"}\n', "no table x",
    ),
    "half a parent": (TOP + SPEND + 'follows = {parent = "spend"}\n', "tables.spend.follows.column: field required"),
    "a look-back in words": (TOP + SPEND + 'watermark = "d"\nlook_back = "long"\n', "tables.spend.look_back: input"),
    "a table's name": (TOP + SPEND.replace("spend", "s" * 52) + FILES.replace("spend.", "s" * 52 + "."), "too long for"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "says"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_named(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigError) as error:
        read_declaration(write(tmp_path, text))
    assert says in str(error.value)
    assert "own.toml" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_companys_own_declaration_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, TOP + SPEND + FILES, "loyalty")
    monkeypatch.setenv("C360_SOURCES_DIR", str(tmp_path))
    assert load_source("loyalty").name == "loyalty"
    with pytest.raises(ConfigError, match="'bonus'"):
        load_source("bonus")


def test_a_name_that_is_no_schema(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'Own-1': no name for a schema"):
        read_declaration(write(tmp_path, TOP + SPEND + FILES, "Own-1"))
