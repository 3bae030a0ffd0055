"""One card read by itself: names, phones, e-mails, dates, addresses."""

from typing import Any

import duckdb
import pytest

from dagster_project.errors import IdentityError
from dagster_project.identity.engine import connect
from dagster_project.identity.standardise import load, standardise
from tests.unit.identity.conftest import cards, identifiers

SAME_NAME = [
    ("Александр", "Aleksandr"), ("Александр", "Alexandr"), ("Александр", "Alexander"),
    ("Саша Иванов", "Александр Иванов"),
    ("Алексей", "Aleksei"), ("Алексей", "Alexey"), ("Алексей", "Aleksey"), ("Лёша", "Алексей"),
    ("Юлия", "Yuliya"),
    ("Юлия", "Iuliia"), ("Юлия", "Julia"), ("Юля", "Yulia"), ("Дмитрий", "Dmitry"), ("Дмитрий", "Dmitriy"),
    ("Дима", "Dmitrii"), ("Дмитрий", "Dimitri"), ("Митя", "Дмитрий"), ("Екатерина", "Ekaterina"),
    ("Катя", "Yekaterina"),
    ("Catherine", "Катерина"), ("Евгений", "Evgeny"), ("Евгений", "Yevgeniy"),
    ("Женя Петров", "Евгений Петров"),
    ("Женя Петрова", "Евгения Петрова"), ("Наталья", "Natalia"), ("Наташа", "Наталия"), ("Мария", "Maria"),
    ("Маша", "Mariya"), ("Михаил", "Mikhail"), ("Миша", "Michael"), ("Пётр", "Petr"), ("Петя", "Pyotr"),
    ("Пётр", "Петр"),
    ("Фёдор", "Fyodor"), ("Фёдор", "Федор"), ("Артём", "Artyom"), ("Артём", "Artem"), ("Семён", "Semyon"),
    ("Алёна", "Alyona"),
    ("Юрий", "Yuri"), ("Юра", "Iurii"), ("Сергей", "Sergey"), ("Серёжа", "Sergei"), ("Илья", "Ilya"),
    ("Илья", "Ilia"),
    ("Татьяна", "Tatyana"), ("Таня", "Tatiana"), ("Ксения", "Kseniya"), ("Ксюша", "Xenia"),
    ("Анастасия", "Настя"),
    ("Вячеслав", "Viacheslav"), ("Вова", "Vladimir"), ("Константин", "Костя"), ("София", "Софья"),
    ("Елизавета", "Liza"),
    ("Павел", "Паша"), ("Николай", "Nikolay"), ("Коля", "Nikolai"), ("Георгий", "Жора"),
    ("Людмила", "Люда"),
]  # fmt: skip
SAME_FAMILY = [
    ("Иван Щербаков", "Ivan Shcherbakov"), ("Иван Щербаков", "Ivan Scherbakov"),
    ("Анна Щербакова", "Иван Щербаков"),
    ("Иван Соловьёв", "Ivan Solovyov"), ("Иван Соловьев", "Ivan Soloviev"),
    ("Анна Вишневская", "Иван Вишневский"),
    ("Анна Vishnevskaya", "Ivan Vishnevsky"), ("Анна Белая", "Иван Белый"),
    ("Иван Хорошев", "Ivan Khoroshev"),
    ("Иван Цветков", "Ivan Tsvetkov"), ("Иван Юдин", "Ivan Yudin"), ("Анна Юдина", "Ivan Iudin"),
    ("Иван Смирнов", "Ivan Smirnoff"),
    ("Иван Чистяков", "Ivan Chistyakov"), ("Иван Журавлёв", "Ivan Zhuravlev"),
    ("Иван Зайцев", "Ivan Zaytsev"),
    ("Иван Воробьёв", "Ivan Vorobyev"), ("Иван Кузьмин", "Ivan Kuzmin"), ("Анна Толстая", "Иван Толстой"),
    ("Иван Ющенко", "Ivan Yushchenko"),
]  # fmt: skip
PARTS = [  # what is written, given, patronymic, family
    ("Иванов Иван Петрович", "ivan", "petrov", "ivanov"),
    ("Иван Петрович Иванов", "ivan", "petrov", "ivanov"),
    ("Иван Иванов", "ivan", None, "ivanov"), ("Иванов Иван", "ivan", None, "ivanov"),
    ("ИВАНОВА АННА", "ana", None, "ivanov"),
    ("Анна Сергеевна", "ana", "sergev", None),
    ("Роман Аркадьевич Абрамович", "roman", "arkadev", "abramovich"),
    ("Абрамович Роман Аркадьевич", "roman", "arkadev", "abramovich"),
    ("Иванов И.П.", None, None, "ivanov"), ("И. Иванов", None, None, "ivanov"),
    ("Общество с ограниченной ответственностью «Спектр»", None, None, "spektr"),
    ("Қайрат Нұрланов", "kairat", None, "nurlanov"),
    ("г-н Иванов Сергей", "sergei", None, "ivanov"), ("Mrs Anna Petrova", "ana", None, "petrov"),
    ("Bdfyjd Bdfy", "ivan", None, "ivanov"),
    ("Gtnhjdf Jkmuf", "olga", None, "petrov"), ("Aлексей Попoв", "aleksei", None, "popov"),
    ("Гость", None, None, None),
    ("Покупатель", None, None, None), ("тест тестов", None, None, None),
    ("Мария Ивановна", "maria", "ivanov", None),
    ("Anna Sergeevna Petrova", "ana", "sergev", "petrov"), ("Сидоренко", None, None, "sidorenko"),
    ("Ольга", "olga", None, None),
    ("Иванова Мария Ильинична", "maria", "il", "ivanov"),
    ("Петров Никита Ильич", "nikita", "il", "petrov"), ("Ли Виктор", "viktor", None, "li"),
]  # fmt: skip
PHONES = [
    ("89161234567", "+79161234567"), ("+7 916 123-45-67", "+79161234567"),
    ("7 (916) 123 45 67", "+79161234567"),
    ("9161234567", "+79161234567"), ("8 (916) 123-45-67 доб. 12", "+79161234567"),
    ("8-916-123-45-67", "+79161234567"),
    ("+7(495)1234567", "+74951234567"), ("84951234567", "+74951234567"), ("4951234567", "+74951234567"),
    ("007 916 1234567", "+79161234567"),
    ("810 7 916 1234567", "+79161234567"), ("+375 29 123-45-67", "+375291234567"),
    ("+44 20 7946 0958", "+442079460958"),
    ("00 49 30 123456", "+4930123456"), ("8 701 123 45 67", "+77011234567"), ("12345", None),
    ("нет", None), ("123-45-67", None), ("+7 8 916 123 45 67", "+79161234567"),
    ("тел. 8 916 123 45 67", "+79161234567"),
]  # fmt: skip
EMAILS = [
    ("Ivan@Mail.RU", "ivan@mail.ru"), ("ivan@ya.ru", "ivan@yandex.ru"),
    ("ivan@yandex.com", "ivan@yandex.ru"), ("i.petrov@ya.ru", "i-petrov@yandex.ru"),
    ("i-petrov@yandex.ru", "i-petrov@yandex.ru"), ("I.Petrov@gmail.com", "ipetrov@gmail.com"),
    ("ipetrov+shop@gmail.com", "ipetrov@gmail.com"),
    ("ipetrov@googlemail.com", "ipetrov@gmail.com"), ("mailto:ivan@mail.ru", "ivan@mail.ru"),
    (" ivan@mail.ru. ", "ivan@mail.ru"), ("ivan@mail.ry", "ivan@mail.ru"),
    ("ivan@gmail.con", "ivan@gmail.com"), ("ivan@gmial.com", "ivan@gmail.com"),
    ("ivan @mail.ru", "ivan@mail.ru"), ("ivan+news@mail.ru", "ivan@mail.ru"), ("ivan", None),
    ("нет", None), ("ivan@", None), ("ivan@mail", None), ("ivаn@mail.ru", "ivan@mail.ru"),
    ("<ivan@bk.ru>", "ivan@bk.ru"),
]  # fmt: skip
DATES = [
    ("1980-05-06", "1980-05-06"), ("06.05.1980", "1980-05-06"), ("19800506", "1980-05-06"),
    ("1900-01-01", None), ("1970-01-01", None), ("2199-01-01", None),
    ("1850-03-03", None), ("0000-00-00", None), ("1980-02-31", None), ("", None),
    ("1980-05-06 00:00:00", "1980-05-06"), ("unknown", None),
]  # fmt: skip
PLACES = [
    ("ул. Ленина, д. 5, кв. 12", ("lenina", "5", "12")),
    ("Lenina ul., 5-12", ("lenina", "5", "12")),
    ("Ленина 5 12", ("lenina", "5", "12")),
    ("улица Ленина дом 5 квартира 12", ("lenina", "5", "12")),
    ("Ленина, 5", ("lenina", "5", None)),
    ("самовывоз", ("samovivoz", None, None)),
    ("г. Новосибирск, ул.Есенина, д.11, кв.95", ("esenina", "11", "95")),
    ("ул. Кутузова, 2, кв. 4, подъезд 1", ("kutuzova", "2", "4")),
    ("Есенина 16к1-91", ("esenina", "16k1", "91")),
    ("ул. Есенина, д. 16, корп. 1, кв. 91", ("esenina", "16k1", "91")),
    ("Есенина 16/1, 91", ("esenina", "16k1", "91")),
    ("8 Марта 5-12", ("8marta", "5", "12")),
    ("ул. 8 Марта, д. 5, кв. 12", ("8marta", "5", "12")),
    ("1-я Парковая ул., д. 7, кв. 3", ("1parkovaia", "7", "3")),
    ("Парковая 1-я, 7-3", ("1parkovaia", "7", "3")),
    ("пр-тМира 5 кв178", ("mira", "5", "178")),
    ("Невский пр-т, 5", ("nevski", "5", None)),
    ("Ленинский проспект, д. 5а, кв 7", ("leninski", "5а", "7")),
    ("г Новосибирск ул Есенина 11 кв 5", ("esenina", "11", "5")),
    ("Московская обл., Химки, ул. Ленина 5", ("lenina", "5", None)),
    ("Химки, Ленина, 5, кв 3", ("lenina", "5", "3")),
    ("Ленина 5, Химки", ("lenina", "5", None)),
    ("12 Baker Street, London", ("baker", "12", None)),
    ("Flat 3, 12 Baker Street", ("baker", "12", "3")),
    ("5 Lenina st, apt 3", ("lenina", "5", "3")),
    ("г. Нижний Новгород, Большая Покровская, 12, кв 1, домофон не работает", ("pokrovskaia", "12", "1")),
    ("мкр. Солнечный, д. 5, кв. 7", ("solnechni", "5", "7")),
    ("мкр Южный, ул. Мира, 5", ("mira", "5", None)),
    ("630099, г. Новосибирск, Красный проспект, д. 25, оф. 301", ("krasni", "25", "301")),
    ("проспект Маршала Жукова, дом 30, корпус 2, квартира 15", ("zhukova", "30k2", "15")),
    ("ш. Энтузиастов, 14с2", ("entuziastov", "14k2", None)),
    ("наб. реки Фонтанки, 31, кв. 9", ("fontanki", "31", "9")),
    ("ул Карла Маркса 5 кв 1", ("marksa", "5", "1")),
    ("ул. Пушкина, дом 05, кв 007", ("pushkina", "5", "7")),
    ("Пушкина ул. д.10 стр. 3 кв. 44 этаж 2 код 44к1234", ("pushkina", "10k3", "44")),
    ("Новосибирск, Есенина 11-5", ("esenina", "11", "5")),
    ("д. 5, ул. Ленина, кв. 12", ("lenina", "5", "12")),
    ("кв. 12, д. 5, ул. Ленина", ("lenina", "5", "12")),
    ("Ленина д5кв12", ("lenina", "5", "12")),
    ("3-го Интернационала, 7", ("3internatsenala", "7", None)),
    ("бульвар 30 лет Победы, 5, кв 1", ("30pobedi", "5", "1")),
    ("ul. Lenina d.5 kv.12", ("lenina", "5", "12")),
    ("prospekt Mira, 5-12", ("mira", "5", "12")),
    ("санкт-петербург, невский 5, кв. 1", ("nevski", "5", "1")),
    ("с. Ивановка, ул. Садовая, 1", ("sadovaia", "1", None)),
    ("ул. Садовая", ("sadovaia", None, None)),
    ("123 Main St #5", ("main", "123", "5")),
    ("ул. Ленина, д. 10, 2-й подъезд, кв. 5", ("lenina", "10", "5")),
    ("Ленина 10, 5-й этаж", ("lenina", "10", None)),
    ("Тверская ул., Москва", ("tverskaia", None, None)),
    ("Тверская улица, Москва, 5", ("tverskaia", "5", None)),
    ("Тверская ул, Москва, д. 5", ("tverskaia", "5", None)),
    ("Большая Садовая ул, Южный район, д. 5", ("sadovaia", "5", None)),
    ("р-н Ленинский, Мира 5", ("mira", "5", None)),
    ("мкр. Южный, Садовая 5", ("sadovaia", "5", None)),
    ("мкр Южный, Садовая ул., 5", ("sadovaia", "5", None)),
    ("Академика Королева 5", ("koroleva", "5", None)),
    ("ул. Академика Павлова, 5", ("pavlova", "5", None)),
    ("Ленина 5, подъезд 1 этаж 3", ("lenina", "5", None)),
    ("корпус 5, ул. Ленина, 7", ("lenina", "5", "7")),
    ("ул. Ленина, 5, код 44к1234", ("lenina", "5", None)),
    ("ул. Ленина, д. 5 а, кв. 12", ("lenina", "5а", "12")),
    ("ул. Ленина, д. 5-А", ("lenina", "5а", None)),
    ('Ленина 5 "б" кв 3', ("lenina", "5б", "3")),
    ("ул. Ленина 5 г. Москва", ("lenina", "5", None)),
    ("ул. Ленина, д. 5 в г. Москве", ("lenina", "5", None)),
    ("5 мкр, д. 7, кв. 3", ("5mikroraeni", "7", "3")),
    ("5-й мкр, 7-3", ("5mikroraeni", "7", "3")),
    ("микрорайон 5, дом 7, квартира 3", ("5mikroraeni", "7", "3")),
    ("мкр 5, ул. Мира, д 3", ("mira", "5", "3")),
    ("10115 Berlin, Hauptstr. 5", ("hauptstr", "5", None)),
    ("Hauptstr. 5, 10115 Berlin", ("hauptstr", "5", None)),
    ("12 Baker Street, London 10001", ("baker", "12", None)),
    ("12345 Main St, Springfield", ("main", "12345", None)),
    ("12 Baker Street, Apt 4, London, NY 10001-1234", ("baker", "12", "4")),
    ("12345 Main St, Apt 5", ("main", "12345", "5")),
    ("Ленина 5 мкр Южный", ("lenina", "5", None)),
    ("Ленина 10, 5 квартал", ("lenina", "10", "5")),
    ("г. Омск, 5 мкр, д. 7", ("5mikroraeni", "7", None)),
    ("ул. Победы, 10 д, 5", ("pobedi", "10", "5")),
]
CITIES = [
    ("г. Москва", "moskva"), ("Москва", "moskva"), ("МСК", "moskva"), ("Moscow", "moskva"),
    ("СПб", "sankt-peterburg"),
    ("Санкт-Петербург", "sankt-peterburg"), ("Saint Petersburg", "sankt-peterburg"),
    ("Екатеринбург", "ekaterinburg"), ("Нижний Новгород", "nizhni-novgorod"),
]  # fmt: skip


def read(*rows: dict[str, Any], held: Any = None) -> duckdb.DuckDBPyConnection:
    con = connect()
    load(con, cards(*rows), held or identifiers())
    standardise(con)
    return con


@pytest.fixture(scope="module")
def names() -> dict[str, dict[str, Any]]:
    """Every name of the tables above, read as full_name in one go."""
    written = {text for pair in SAME_NAME + SAME_FAMILY for text in pair} | {row[0] for row in PARTS}
    ordered = sorted(written)
    con = read(*({"full_name": name, "source_record_id": f"{i:04}"} for i, name in enumerate(ordered)))
    rows = (
        con.sql("select * from cards order by cast(source_record_id as integer)").to_arrow_table().to_pylist()
    )
    return dict(zip(ordered, rows, strict=True))


@pytest.mark.parametrize(("one", "other"), SAME_NAME)
def test_spellings_and_short_forms_share_a_given_name(names: dict, one: str, other: str) -> None:
    assert names[one]["givens"] and set(names[one]["givens"]) & set(names[other]["givens"])


@pytest.mark.parametrize(("one", "other"), SAME_FAMILY)
def test_surnames_are_one_across_scripts_and_genders(names: dict, one: str, other: str) -> None:
    assert names[one]["family"] is not None and names[one]["family"] == names[other]["family"]


@pytest.mark.parametrize(("written", "given", "patronymic", "family"), PARTS)
def test_parts_of_a_name_are_found_in_any_order(
    names: dict, written: str, given: str, patronymic: str, family: str
) -> None:
    row = names[written]
    assert (row["given"], row["patronymic"], row["family"]) == (given, patronymic, family)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Мария", "Марина"),
        ("Иван", "Игорь"),
        ("Олег", "Ольга"),
        ("Анна", "Инна"),
        ("Саша Иванов", "Александра"),
    ],
)
def test_different_names_stay_different(one: str, other: str) -> None:
    rows = (
        read({"full_name": one}, {"full_name": other})
        .execute("select givens from cards order by cast(source_record_id as integer)")
        .fetchall()
    )
    assert not set(rows[0][0]) & set(rows[1][0])


def test_fields_filled_the_wrong_way_round_are_put_right() -> None:
    con = read(
        {"given_name": "Петров", "family_name": "Илья"},
        {"given_name": "Илья Сергеевич", "family_name": "Петров"},
    )
    assert con.execute(
        "select given, family, patronymic from cards order by cast(source_record_id as integer)"
    ).fetchall() == [
        ("ilia", "petrov", None),
        ("ilia", "petrov", "sergev"),
    ]


def test_gender_follows_the_name() -> None:
    con = read({"full_name": "Саша Петрова"}, {"full_name": "Женя Сидоров"}, {"full_name": "Саша"})
    assert con.execute("select gender from cards order by cast(source_record_id as integer)").fetchall() == [
        ("female",),
        ("male",),
        (None,),
    ]


def test_a_latin_name_is_not_taken_for_the_wrong_layout() -> None:
    con = read({"full_name": "Ivan Petrov"}, {"full_name": "Nguyen Thanh"})
    assert con.execute("select given from cards order by cast(source_record_id as integer)").fetchall()[
        0
    ] == ("ivan",)
    assert con.execute("select family from cards order by cast(source_record_id as integer)").fetchall()[
        1
    ] == ("tanh",)


@pytest.mark.parametrize(("written", "e164"), PHONES)
def test_phones_become_e164(phones: dict, written: str, e164: str | None) -> None:
    assert phones.get(written) == ([e164] if e164 else None)


@pytest.fixture(scope="module")
def phones() -> dict[str, list[str]]:
    return _held("phone", [row[0] for row in PHONES] + ["8 916 123-45-67, +7 903 111 22 33"])


def test_two_phones_in_one_field_are_two(phones: dict) -> None:
    assert phones["8 916 123-45-67, +7 903 111 22 33"] == ["+79031112233", "+79161234567"]


@pytest.fixture(scope="module")
def emails() -> dict[str, list[str]]:
    return _held("email", [row[0] for row in EMAILS])


@pytest.mark.parametrize(("written", "canonical"), EMAILS)
def test_emails_become_canonical(emails: dict, written: str, canonical: str | None) -> None:
    assert emails.get(written) == ([canonical] if canonical else None)


def _held(kind: str, written: list[str]) -> dict[str, list[str]]:
    con = read(*({kind: text, "source_record_id": f"{i:04}"} for i, text in enumerate(written)))
    rows = con.execute(
        "select cast(source_record_id as integer), list(value order by value) from held join records using (rid)"
        f" where kind = '{kind}' group by all"
    ).fetchall()
    return {written[place]: values for place, values in rows}


@pytest.fixture(scope="module")
def read_columns() -> dict[str, dict[str, tuple]]:
    """Column → what is written → what is read."""
    read_as = {
        "birth_date": ("cast(birth_date as varchar)", DATES),
        "street": ("street, house, flat", PLACES),
        "city": ("city", CITIES),
    }
    found = {}
    for column, (select, cases) in read_as.items():
        con = read(
            *({column: written, "source_record_id": f"{i:04}"} for i, (written, _) in enumerate(cases))
        )
        rows = con.execute(
            f"select {select} from cards order by cast(source_record_id as integer)"
        ).fetchall()
        found[column] = {case[0]: row for case, row in zip(cases, rows, strict=True)}
    return found


@pytest.mark.parametrize(("written", "expected"), DATES)
def test_birth_dates_are_plausible_or_none(read_columns: dict, written: str, expected: str | None) -> None:
    assert read_columns["birth_date"][written] == (expected,)


@pytest.mark.parametrize(("written", "expected"), PLACES)
def test_addresses_are_read(read_columns: dict, written: str, expected: tuple) -> None:
    assert read_columns["street"][written] == expected


@pytest.mark.parametrize(("written", "expected"), CITIES)
def test_cities_have_one_key(read_columns: dict, written: str, expected: str) -> None:
    assert read_columns["city"][written] == (expected,)


def test_a_surname_that_looks_like_a_patronymic_is_one_in_its_own_field() -> None:
    con = read(*({"family_name": "Зинкевич", "given_name": name} for name in ("Ангелина", "Роман")))
    found = con.execute("select given, patronymic, family from cards order by source_record_id").fetchall()
    assert found == [("angelina", None, "zinkevich"), ("roman", None, "zinkevich")]


def test_deleted_cards_are_left_out_and_identifiers_joined() -> None:
    con = read(
        {"full_name": "Иван", "deleted_at": "2026-01-01 00:00:00+00"},
        {"full_name": "Анна", "phone": "89161234567", "deleted_at": None},
        held=identifiers(("2", "email", "a@mail.ru"), ("2", "login", "Anna"), ("1", "email", "b@mail.ru")),
    )
    assert con.execute("select kind, value from held order by kind").fetchall() == [
        ("email", "a@mail.ru"),
        ("login", "s:anna"),
        ("phone", "+79161234567"),
    ]


def test_a_key_given_twice_is_an_error() -> None:
    with pytest.raises(IdentityError, match="more than once"):
        read({"full_name": "Иван"}, {"full_name": "Пётр", "source_record_id": "1"})
