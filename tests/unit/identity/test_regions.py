"""Where a phone without a country code is from: its record's country, then its source's, then the company's."""

import phonenumbers
import pytest

from dagster_project.identity.company import Company
from dagster_project.identity.engine import connect
from dagster_project.identity.identifiers import canonical, canonical_values, readings, spell
from dagster_project.identity.pipeline import _state
from dagster_project.identity.regions import in_sql, region_of
from dagster_project.identity.standardise import load, standardise
from tests.unit.identity.conftest import cards, identifiers

COUNTRIES = {
    "US": ("US", "usa", "840", "U.S.A.", "United States", "США", "Vereinigte Staaten", "Соединённые Штаты"),
    "RU": ("RU", "rus", "643", "Россия", "РФ", "российская федерация", "Russia", "Russian Federation"),
    "DE": ("de", "DEU", "Germany", "Deutschland", "Германия", "Allemagne"),
    "GB": ("GB", "UK", "England", "United Kingdom", "Великобритания"),
    "BY": ("Беларусь", "Белоруссия", "Belarus"),
    "JP": ("日本", "Japan"),
    "CI": ("Côte d'Ivoire",),
    None: ("", "нет", "Moscow", "EU", "001", "x"),
}
# Numbers with the code 7 are read as people write them there, which phonenumbers does not know.
REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS - {"RU", "KZ"})


@pytest.mark.parametrize(
    ("region", "written"), [(region, name) for region, names in COUNTRIES.items() for name in names]
)
def test_a_country_is_known_however_it_is_written(region: str | None, written: str) -> None:
    assert region_of(written) == region


def test_numbers_of_every_country_are_read_as_phonenumbers_reads_them() -> None:
    expected, rows = {}, []
    for region in REGIONS:
        for kind in (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE):
            number = phonenumbers.example_number_for_type(region, kind)
            if number is None or len(str(number.national_number)) < 7:
                continue
            e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
            for form in ("NATIONAL", "INTERNATIONAL", "E164"):
                written = phonenumbers.format_number(number, getattr(phonenumbers.PhoneNumberFormat, form))
                read = phonenumbers.parse(written, region)
                if phonenumbers.format_number(read, phonenumbers.PhoneNumberFormat.E164) == e164:
                    expected[region, written] = e164
                    rows.append((written, region))
    with connect() as con:
        con.execute("create table incoming (kind varchar, value varchar, regions varchar)")
        con.executemany("insert into incoming values ('phone', ?, ?)", rows)
        spell(con, "incoming")
        found = {
            (region, written): value
            for region, written, value in con.execute(
                "select regions, written, value from spellings where place = 1"
            ).fetchall()
        }
    assert len(expected) > 1000
    assert {key: found.get(key) for key in expected} == expected
    # Most countries' numbers never reach Python.
    assert sum(in_sql(region, "d", "i") is not None for region in REGIONS) > 0.8 * len(REGIONS)


def test_the_records_country_goes_first_then_its_sources_region_then_the_companys() -> None:
    company = Company(region="RU", source_regions=(("shop", "US"), ("office", "DE")))
    written = {
        ("shop", "1", None): "(415) 234-5678",
        ("shop", "2", "Россия"): "(415) 234-5678",
        ("shop", "3", "United Kingdom"): "020 7946 0958",
        # No country, no phone of the source's: the company's.
        ("shop", "4", "нет"): "8 916 123-45-67",
        ("office", "5", None): "030 123456",
        ("calls", "6", None): "8 916 123-45-67",
        ("calls", "7", "USA"): "415.234.5678 ext. 12",
        ("calls", "8", "US"): "+7 916 123-45-67",
        ("calls", "9", "US"): "8 (916) 123-45-67",
    }
    con = connect()
    load(
        con,
        cards(
            *(
                {"source_system": source, "source_record_id": key, "country": country, "phone": phone}
                for (source, key, country), phone in written.items()
            )
        ),
        identifiers(),
    )
    standardise(con, company)
    assert dict(con.execute("select source_record_id, value from record_identifiers").fetchall()) == {
        "1": "+14152345678",
        "2": "+74152345678",
        "3": "+442079460958",
        "4": "+79161234567",
        "5": "+4930123456",
        "6": "+79161234567",
        "7": "+14152345678",
        "8": "+79161234567",
        "9": "+79161234567",
    }


def test_american_numbers_stay_american() -> None:
    written = [f"({area}) {exchange}-{n % 10_000:04}" for n, (area, exchange) in enumerate(_plan() * 4)]
    found = canonical_values("phone", written, ["US"])
    assert len(found) > 1500
    assert all(value is not None and value.startswith("+1") and len(value) == 12 for value in found)
    assert canonical("phone", "(415) 234-5678") == "+74152345678"


def _plan() -> list[tuple[int, int]]:
    areas = (202, 212, 303, 312, 415, 512, 617, 713, 808, 907, 916, 949)
    return [(area, exchange) for area in areas for exchange in range(220, 960, 21)]


def test_a_question_is_read_for_each_region_of_the_company() -> None:
    regions = Company(region="RU", source_regions=(("shop", "US"),)).regions
    assert readings("phone", "(415) 234-5678", regions) == ["+74152345678", "+14152345678"]
    assert readings("phone", "+44 20 7946 0958", regions) == ["+442079460958"]
    assert readings("phone", "нет ", regions) == ["нет"]
    assert readings("email", "A.B@gmail.com", regions) == ["ab@gmail.com"]


def test_a_changed_region_makes_the_next_run_a_full_one(model, tmp_path) -> None:
    states = [
        _state(tmp_path, model, company).basis
        for company in (Company(), Company(region="US"), Company(source_regions=(("shop", "US"),)))
    ]
    assert states[0] != states[1] != states[2] != states[0]
