"""Invented people and the cards that several systems keep of them, with the truth. Seeded, small, for floors.

Belongs here: what any retailer's data has (variants of names, typos, households, placeholders). Does not
belong here: the demo company.
"""

import datetime as dt
import random

import pyarrow as pa

MEN = [
    "Александр",
    "Дмитрий",
    "Сергей",
    "Андрей",
    "Алексей",
    "Максим",
    "Евгений",
    "Иван",
    "Михаил",
    "Артём",
    "Николай",
    "Павел",
    "Роман",
    "Юрий",
    "Илья",
]
WOMEN = [
    "Анна",
    "Мария",
    "Елена",
    "Ольга",
    "Наталья",
    "Екатерина",
    "Анастасия",
    "Ирина",
    "Татьяна",
    "Светлана",
    "Юлия",
    "Ксения",
    "Дарья",
    "Алина",
    "Полина",
]
SHORT = dict(
    zip(
        MEN + WOMEN,
        [
            "Саша",
            "Дима",
            "Серёжа",
            "Андрюша",
            "Лёша",
            "Макс",
            "Женя",
            "Ваня",
            "Миша",
            "Тёма",
            "Коля",
            "Паша",
            "Рома",
            "Юра",
            "Илюша",
            "Аня",
            "Маша",
            "Лена",
            "Оля",
            "Наташа",
            "Катя",
            "Настя",
            "Ира",
            "Таня",
            "Света",
            "Юля",
            "Ксюша",
            "Даша",
            "Алина",
            "Поля",
        ],
        strict=True,
    )
)
SURNAMES = [
    "Иванов",
    "Смирнов",
    "Кузнецов",
    "Попов",
    "Васильев",
    "Петров",
    "Соколов",
    "Михайлов",
    "Новиков",
    "Фёдоров",
    "Морозов",
    "Волков",
    "Щербаков",
    "Зайцев",
    "Соловьёв",
    "Тихонов",
    "Цветков",
    "Юдин",
    "Хохлов",
    "Журавлёв",
    "Ершов",
    "Чистяков",
    "Мухин",
    "Блинов",
    "Рябов",
    "Бобров",
    "Дроздов",
    "Лавров",
    "Седов",
    "Жданов",
]
FATHERS = {"Иван": "Иванов", "Пётр": "Петров", "Сергей": "Сергеев", "Андрей": "Андреев", "Юрий": "Юрьев"} | {
    "Николай": "Николаев", "Михаил": "Михайлов", "Дмитрий": "Дмитриев", "Олег": "Олегов", "Виктор": "Викторов"
}  # fmt: skip
CITIES = ["Москва", "Казань", "Самара", "Пермь", "Тверь", "Омск"]
STREETS = [
    "Ленина",
    "Мира",
    "Садовая",
    "Гагарина",
    "Лесная",
    "Победы",
    "Пушкина",
    "Заречная",
    "Школьная",
    "Набережная",
]
LATIN = dict(
    zip(
        "абвгдезийклмнопрстуфхцчшщъыьэюяё",
        [
            "a",
            "b",
            "v",
            "g",
            "d",
            "e",
            "z",
            "i",
            "y",
            "k",
            "l",
            "m",
            "n",
            "o",
            "p",
            "r",
            "s",
            "t",
            "u",
            "f",
            "kh",
            "ts",
            "ch",
            "sh",
            "shch",
            "_",
            "y",
            "_",
            "e",
            "yu",
            "ya",
            "e",
        ],
        strict=True,
    )
) | {"ж": "zh"}


def latin(text: str) -> str:
    return "".join(LATIN.get(c, c) for c in text.lower()).replace("_", "").title()


def company(people: int, seed: int) -> tuple[pa.Table, pa.Table, pa.Table]:
    """Records, identifiers and truth (source_system, source_record_id, entity_id, is_linkable) of `people` people."""
    draw = random.Random(seed)
    records: list[dict] = []
    truth: list[dict] = []

    def phone() -> str:
        return "9" + "".join(draw.choice("0123456789") for _ in range(9))

    home: dict = {}
    for number in range(people):
        if (
            number % 4 == 1
        ):  # the second of a couple: home, surname and, for one in three, the phone are shared
            person = home | {"phone": home["phone"] if draw.random() < 0.33 else phone()}
            woman = not home["woman"]
        else:
            woman = draw.random() < 0.5
            person = {
                "surname": draw.choice(SURNAMES),
                "phone": phone(),
                "city": draw.choice(CITIES),
                "street": f"ул. {draw.choice(STREETS)}, д. {draw.randint(1, 90)}, кв. {draw.randint(1, 150)}",
            }
        given = draw.choice(WOMEN if woman else MEN)
        father = FATHERS[draw.choice(list(FATHERS))]
        person |= {
            "woman": woman,
            "given": given,
            "family": person["surname"] + ("а" if woman else ""),
            "middle": father + ("на" if woman else "ич"),
            "birth_date": dt.date(1950, 1, 2) + dt.timedelta(days=draw.randint(0, 20000)),
            "email": f"{latin(given)}.{latin(person['surname'])}{draw.randint(1, 9999)}@".lower()
            + draw.choice(["ya.ru", "mail.ru", "gmail.com"]),
        }
        home = person
        for system in ("crm", "erp", "shop", "shop", "calls"):
            if draw.random() < 0.75:
                _card(draw, records, truth, person, system, f"P{number}")
    columns = list(dict.fromkeys(name for record in records for name in record))
    table = pa.table({name: pa.array([record.get(name) for record in records]) for name in columns})
    nothing = pa.table(
        {n: pa.array([], pa.string()) for n in ("source_system", "source_record_id", "kind", "value")}
    )
    return table, nothing, pa.Table.from_pylist(truth)


def _card(draw: random.Random, records: list, truth: list, person: dict, system: str, entity: str) -> None:
    key = f"{len(records):06}"
    number = person["phone"]
    card: dict = {
        "source_system": system,
        "source_record_id": key,
        "created_at": dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
    }
    card["phone"] = draw.choice(
        [f"8{number}", f"+7{number}", f"7{number}", f"8 ({number[:3]}) {number[3:6]}-{number[6:]}"]
    )
    given, family, middle = person["given"], person["family"], person["middle"]
    if system == "crm":
        card |= {
            "given_name": given,
            "family_name": family,
            "middle_name": middle if draw.random() < 0.7 else None,
        }
        card["birth_date"] = person["birth_date"].isoformat() if draw.random() < 0.7 else "1900-01-01"
        card["email"] = person["email"] if draw.random() < 0.6 else None
    elif system == "erp":
        card["full_name"] = f"{family} {given} {middle}" if draw.random() < 0.5 else f"{given} {family}"
        card |= {"street": person["street"], "city": person["city"]}
        card["email"] = person["email"].replace("ya.ru", "yandex.ru") if draw.random() < 0.5 else None
        card["phone"] = card["phone"] if draw.random() < 0.8 else "+7 999 999-99-99"
    elif system == "shop":
        given = SHORT[given] if draw.random() < 0.3 else given
        if draw.random() < 0.4:
            given, family = latin(given), latin(family)
        if draw.random() < 0.1 and len(family) > 5:
            place = draw.randrange(1, len(family) - 2)
            family = family[:place] + family[place + 1] + family[place] + family[place + 2 :]
        card |= {
            "given_name": given,
            "family_name": family,
            "email": person["email"].upper(),
            "city": person["city"],
        }
        card["phone"] = card["phone"] if draw.random() < 0.8 else None
    records.append(card)
    # A number alone, or a name alone beside a placeholder, says nothing that could be linked.
    known = (
        card.get("email") or card.get("birth_date") or (card["phone"] and "999-99-99" not in card["phone"])
    )
    truth.append(
        {
            "source_system": system,
            "source_record_id": key,
            "entity_id": entity,
            "is_linkable": system != "calls" and bool(known),
        }
    )
