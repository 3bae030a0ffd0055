"""One naming rule: what dlt and files gave before mostly stays, no two names are one without a word."""

import pytest
from dlt.common.normalizers.naming.snake_case import NamingConvention
from hypothesis import given
from hypothesis import strategies as st

from dagster_project.errors import ConfigError
from dagster_project.sources import Source, Table
from dagster_project.sources.declaration import Files, Follows
from dagster_project.sources.naming import collisions, normalise
from dagster_project.warehouse.schema import LONGEST_NAME as LONGEST
from dagster_project.warehouse.schema import fit, quarantine_table, rejects_table


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("id", "id"), ("ID", "id"), ("Order ID", "order_id"), ("orderId", "order_id"), ("IDOrder", "id_order"),
        ("address1Line", "address1_line"), ("Клиенты", "klienty"), ("Дата показа", "data_pokaza"),
        ("ДАТА ПОКАЗА", "data_pokaza"), ("ИННКлиента", "inn_klienta"), ("Щёлк", "schelk"), ("Сумма, руб.", "summa_rub"),
        ("№ заказа", "zakaza"), ("Größe", "grosse"), ("客户", "ke_hu"), ("и\u0306", "y"), ("2026", "c_2026"),
        ("__x__", "x"), ("a--b", "a_b"), ("Foo__c", "foo_c"), (" ", ""),
        ("xmin", "xmin_"), ("CTID", "ctid_"), ("_deleted_at", "deleted_at"), ("_dlt_load_id", "dlt_load_id"),
    ],
)  # fmt: skip
def test_a_columns_name(theirs: str, ours: str) -> None:
    assert normalise(theirs) == ours


@given(st.text(max_size=80))
def test_a_name_fits_and_is_normalised_once(name: str) -> None:
    ours = normalise(name)
    assert normalise(ours) == ours
    assert len(ours.encode()) <= LONGEST
    assert bool(ours) == bool(name.strip())
    assert not ours.startswith("_")


@given(
    st.from_regex(r"[A-Za-z][A-Za-z0-9 ]*[A-Za-z0-9]", fullmatch=True).filter(
        lambda name: len(name) < LONGEST
    )
)
def test_a_latin_name_is_what_dlt_made_of_it(name: str) -> None:
    assert normalise(name) in (NamingConvention(LONGEST).normalize_identifier(name), f"{name.lower()}_")


def test_long_names_that_differ_in_their_end_stay_two() -> None:
    first, second = (
        normalise("Оцените, пожалуйста, по шкале от 0 до 10, насколько Вам понравилась " + end)
        for end in ("цена", "вкус")
    )
    assert first != second
    assert first[:50] == second[:50]
    assert fit("x" * LONGEST) == "x" * LONGEST
    names = {of("shop", "x" * 60 + end) for of in (quarantine_table, rejects_table) for end in "ab"}
    assert len({name[:LONGEST] for name in names}) == 4


def test_names_that_would_be_one_are_found_unless_one_is_renamed() -> None:
    names = ["Тел", "tel", "Имя"]
    assert collisions(names) == {"tel": ["Тел", "tel"]}
    assert collisions(names, {"Тел": "phone"}) == {}


def test_a_declaration_takes_the_sources_names() -> None:
    own = Table("Клиенты", ("ID",), ("Имя",), watermark="ChangedAt", amount="Сумма")
    ours = Table("klienty", ("id",), ("imya",), watermark="changed_at", amount="summa")
    assert repr(own) == repr(ours)
    assert own.at_source == "Клиенты"
    items = Table("Items", ("ID",), (), follows=Follows("Клиенты", "ClientID", "ID"))
    assert Source("erp", "ERP", "", (own, items)).leader(items) is own
    assert Source("erp", "ERP", "", (own,)).table("Клиенты") is own
    assert Table("t", ("Тел",), (), rename={"Тел": "phone"}).key == ("phone",)
    assert Files("*.csv", "csv", rename={"Дата": "Day"}, types={"Day": "time"}).types == {"day": "time"}


def test_declarations_whose_names_are_one_are_refused_with_both() -> None:
    with pytest.raises(ConfigError, match=r"orders is declared twice \(Orders and orders\)"):
        Source("erp", "ERP", "", (Table("Orders", ("id",), ()), Table("orders", ("id",), ())))
    with pytest.raises(ConfigError, match="its key names id twice"):
        Table("orders", ("ID", "id"), ())
