"""Reading of files: forms, encodings, keys, and a clear word about whatever cannot be read."""

import re
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from dagster_project.errors import ConfigError
from dagster_project.identity.engine import connect
from dagster_project.identity.files.columns import _SYNONYMS, choose, read_mapping
from dagster_project.identity.files.read import read_files, read_table

HEADER = "id,first_name,surname,dob\n"


def wrote(folder: Path, name: str, text: str, encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def fields(
    paths: list[Path], mapping: dict[str, str] | None = None, also: tuple[str, ...] = ()
) -> list[dict]:
    con = duckdb.connect()
    read_files(con, paths, mapping or {}, also)
    return con.sql("from fields order by rid").to_arrow_table().to_pylist()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1251", "koi8-r", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_encoding_and_delimiter_are_found_out(tmp_path: Path, encoding: str, delimiter: str) -> None:
    lines = ["id,имя,фамилия,телефон", "1,Анна,Иванова,89161234567", "2,Пётр,Щукин,89161234568"]
    path = wrote(tmp_path, "a.csv", "\n".join(line.replace(",", delimiter) for line in lines), encoding)
    assert [(row["given_name"], row["family_name"]) for row in fields([path])] == [
        ("Анна", "Иванова"),
        ("Пётр", "Щукин"),
    ]


def test_western_accents_are_not_taken_for_cyrillic(tmp_path: Path) -> None:
    path = wrote(tmp_path, "a.csv", "id,name\n1,José Müller\n2,Renée Weiß\n", "cp1252")
    assert [row["full_name"] for row in fields([path])] == ["José Müller", "Renée Weiß"]


def test_parquet_with_numbers_and_nulls(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pd.DataFrame({"id": [1, 2], "zip": [1234.0, None], "surname": ["A", "B"]}).to_parquet(path)
    assert [(row["source_record_id"], row["postcode"]) for row in fields([path])] == [
        ("1", "1234"),
        ("2", None),
    ]


def test_keys_are_made_where_a_file_has_none(tmp_path: Path) -> None:
    path = wrote(tmp_path, "people.csv", "surname,city\nA,X\nB,Y\n")
    assert [(r["source_system"], r["source_record_id"]) for r in fields([path])] == [
        ("people", "1"),
        ("people", "2"),
    ]


def test_two_files_are_two_sources_each_with_its_own_columns(tmp_path: Path) -> None:
    one = wrote(tmp_path, "one.csv", HEADER + "1,Ann,Lee,1980-02-03\n")
    two = wrote(tmp_path, "two.csv", "rec_id;name;phone\n1;Ann Lee;555\n")
    rows = fields([one, two])
    assert [row["source_system"] for row in rows] == ["one", "two"]
    assert rows[0]["full_name"] is None and rows[1]["full_name"] == "Ann Lee"


def test_words_for_nothing_are_null(tmp_path: Path) -> None:
    path = wrote(tmp_path, "a.csv", "id,surname,city\n1,NULL,-\n2,n/a,не указан\n3,Na,Nil Town\n")
    assert [(r["family_name"], r["city"]) for r in fields([path])] == [
        (None, None),
        (None, None),
        ("Na", "Nil Town"),
    ]


def test_columns_are_recognised_mapped_or_left_out() -> None:
    found = choose(
        ["RecID", "First Name", "Last-Name", "DOB", "shoe_size", "Kunde"], {"Kunde": "login_id"}, (), "f"
    )
    assert found.taken == {
        "source_record_id": "RecID",
        "given_name": "First Name",
        "family_name": "Last-Name",
        "birth_date": "DOB",
        "login_id": "Kunde",
    }
    assert found.left_out == ["shoe_size"]


@pytest.mark.parametrize(
    ("header", "ours"),
    [
        *(
            ("Teléfono", "phone"),
            ("Dirección", "street"),
            ("Código postal", "postcode"),
            ("Apellidos", "family_name"),
        ),
        *(
            ("Prénoms", "given_name"),
            ("Date de naissance", "birth_date"),
            ("Lieu de naissance", "birth_place"),
        ),
        *(
            ("Sexe", "gender"),
            ("Hausnr.", "house"),
            ("E-Mail-Adresse", "email"),
            ("Postleitzahl", "postcode"),
        ),
        *(
            ("Straße", "street"),
            ("Imię", "given_name"),
            ("Data urodzenia", "birth_date"),
            ("Doğum tarihi", "birth_date"),
        ),
        *(("Карта лояльности", "loyalty_card"), ("Эл. почта", "email"), ("Мобильный телефон", "phone")),
        *(
            ("Номер карты лояльности", "loyalty_card"),
            ("ID чата", "messenger_id"),
            ("Телефон клиента", "phone"),
        ),
        *(
            ("PatientLastName", "family_name"),
            ("birth_dt", "birth_date"),
            ("Addr1", "street"),
            ("SSN_Last4", "national_id"),
        ),
        *(
            ("member_name", "full_name"),
            ("customer_phone_number", "phone"),
            ("MI", "middle_name"),
            ("ST", "state"),
        ),
        *(
            ("Дата рожд.", "birth_date"),
            ("Моб. телефон", "phone"),
            ("Тел. моб.", "phone"),
            ("Город проживания", "city"),
            ("Пол (М/Ж)", "gender"),
            ("Адрес фактического проживания", "street"),
            ("№ бонусной карты", "loyalty_card"),
            ("Отчество (при наличии)", "middle_name"),
            ("Name (Last, First)", "full_name"),
            ("Efternavn", "family_name"),
            ("Fødselsår", "birth_year"),
            ("Voorletters", "given_name"),
            ("İl", "city"),
            ("Home Phone", "phone"),
            ("Прізвище", "family_name"),
            ("Nome", "full_name"),
        ),
    ],
)
def test_headers_are_known_in_other_languages_and_forms(header: str, ours: str) -> None:
    assert choose([header], {}, (), "f").taken == {ours: header}


@pytest.mark.parametrize("header", ["Покупатель", "client", "Контактное лицо"])
def test_whose_it_is_is_a_name_where_it_holds_names(tmp_path: Path, header: str) -> None:
    def taken(*lines: str) -> dict[str, str]:
        file = tmp_path / "a.csv"
        file.write_text("\n".join(lines))
        return read_files(connect(), [file], {}, ())[0].columns.taken

    names = ("Иванов Иван", "Ольга", "Пётр Ильич Котов", "О. Мак-Грегор")
    assert taken(f"{header},phone", *(f"{name},1" for name in names))["full_name"] == header
    # Numbers, or a name that another column holds.
    assert "full_name" not in taken(f"{header},phone", "1001,1", "1002,2", "Иванов Иван,3")
    assert "full_name" not in taken(f"{header},Фамилия", *(f"{name},Иванов" for name in names))
    assert "full_name" not in taken(f"{header},phone", "VIP,1", "VIP,2", "new,3")


def test_a_first_name_beside_a_surname_that_is_not_understood_is_no_full_name() -> None:
    assert choose(["Nombre", "Apellido de soltera"], {}, (), "f").taken == {"given_name": "Nombre"}
    assert choose(["Nombre", "Ciudad"], {}, (), "f").taken == {"full_name": "Nombre", "city": "Ciudad"}


def test_no_known_header_mixes_alphabets() -> None:
    """A Latin a in a Cyrillic word looks the same and is never found."""
    mixed = [word for words in _SYNONYMS.values() for word in words.split() if _is_mixed(word)]
    assert mixed == []


def _is_mixed(word: str) -> bool:
    return bool(re.search("[а-яё]", word) and re.search("[a-z]", word.removeprefix("id")))


def test_a_name_beside_a_vorname_is_the_surname() -> None:
    assert choose(["Vorname", "Name"], {}, (), "f").taken == {"given_name": "Vorname", "family_name": "Name"}
    assert choose(["Name", "Phone"], {}, (), "f").taken == {"full_name": "Name", "phone": "Phone"}
    # Elsewhere a name is the whole of it, and what the user says holds.
    for headers, mapping in ((["first_name", "name"], {}), (["Vorname", "Name"], {"Name": "full_name"})):
        assert choose(headers, mapping, (), "f").taken["full_name"] == headers[1]


@pytest.mark.parametrize(
    "header",
    [
        "Источник клиента",
        "Contact Source",
        "Owner ID",
        "user_deleted",
        "customer_deleted",
        "Customer State",
        "Owner Name",
        "Дата рождения (супруга)",
        "Name (mother)",
        "Телефон (рабочий)",
        "Фамилия (девичья)",
        "Дата рождения ребенка",
        "ФИО получателя",
        "Id (parent)",
    ],
)
def test_what_a_contact_has_of_its_own_is_no_column_of_the_record(header: str) -> None:
    assert choose([header], {}, (), "f").taken == {}


def test_a_column_with_the_very_name_comes_first() -> None:
    found = choose(["surname", "family_name", "phone"], {}, (), "f")
    assert found.taken["family_name"] == "family_name" and found.left_out == ["surname"]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("nonsense", "not of the form"),
        ("dob=birthday_of_cat", "no known column"),
        ("=phone", "not of the form"),
    ],
)
def test_a_bad_mapping_is_refused(written: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read_mapping([written])


BAD = {
    "empty": ("", "is empty"),
    "blank": ("\n \n", "is empty"),
    "header only": (HEADER, "holds no records"),
    "a column twice": ("id,city,city\n1,A,B\n", "'city' more than once"),
    "a column without a name": ("id,,city\n1,A,B\n", "column 2 has no name"),
    "no known column": ("a,b\n1,2\n", "no column is known"),
    "a key twice": (HEADER + "1,A,B,\n1,C,D,\n", "occur more than once"),
    "a record without a key": (HEADER + ",A,B,\n1,C,D,\n", "1 records lack"),
    "fields too many": (HEADER + "1,A,B,\n2,A,B,C,D\n", "row 3: 5 fields, the header has 4"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files_are_refused_in_a_line(tmp_path: Path, name: str) -> None:
    text, said = BAD[name]
    with pytest.raises(ConfigError, match=said) as error:
        fields([wrote(tmp_path, "a.csv", text)])
    assert "\n" not in str(error.value) and error.value.remedy


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    picture = tmp_path / "a.csv"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)))
    with pytest.raises(ConfigError, match="neither CSV nor Parquet"):
        read_table(picture)
    damaged = tmp_path / "b.parquet"
    damaged.write_bytes(b"PAR1 and no more")
    with pytest.raises(ConfigError, match="damaged Parquet"):
        read_table(damaged)
    with pytest.raises(ConfigError, match="is not there"):
        read_table(tmp_path / "none.csv")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_table(tmp_path)


def test_the_same_key_in_two_files_is_refused(tmp_path: Path) -> None:
    one = wrote(tmp_path, "one.csv", "source_system,id,surname\ncrm,1,A\n")
    two = wrote(tmp_path, "two.csv", "source_system,id,surname\ncrm,1,B\n")
    with pytest.raises(ConfigError, match="are in more than one file"):
        fields([one, two])


def test_a_mapping_or_comparison_of_a_missing_column_is_refused(tmp_path: Path) -> None:
    path = wrote(tmp_path, "a.csv", HEADER + "1,A,B,\n")
    with pytest.raises(ConfigError, match="--map names column 'mobile'"):
        fields([path], {"mobile": "phone"})
    with pytest.raises(ConfigError, match="--also names column 'shoe'"):
        fields([path], also=("shoe",))
