"""Declarations that cannot work are refused when they are made."""

from dataclasses import replace

import pytest

from dagster_project.errors import ConfigError
from dagster_project.sources.declaration import Files, Follows, Source, Table
from dagster_project.sources.installed import as_installed


def source(*tables: Table) -> Source:
    return Source("shop", "shop", "A shop", tables)


ORDERS = Table("orders", ("id",), (), watermark="changed_at")
ITEMS = Table("items", ("id",), (), follows=Follows("orders", "order_id", "id"))
META = Table("meta", ("id",), (), follows=Follows("items", "item_id", "id"))


def test_a_table_follows_through_its_parents() -> None:
    assert source(ORDERS, ITEMS, META).leader(META) is ORDERS
    assert source(ORDERS).leader(ORDERS) is ORDERS


def test_required_columns_are_key_change_and_needs_once_each() -> None:
    table = Table("t", ("id",), ("id", "name"), watermark="changed_at")
    assert table.required_columns == ("id", "changed_at", "name")
    assert META.required_columns == ("id", "item_id")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Table("t", (), ()), "no key"),
        (lambda: Table("t", ("id",), (), watermark="w", follows=Follows("o", "a", "b")), "both a watermark"),
        (lambda: Table("t", ("id",), (), files=Files("t/*.csv", "csv"), amount="cost"), "an amount, and no"),
        (lambda: Table("t", ("id",), (), types={"points": "number"}), "types names points"),
        (lambda: Table("t", ("id",), (), files=Files("t/*.csv", "csv"), is_optional=True), "and no database"),
        (lambda: Table("t", ("id",), (), files=Files("t/*.csv", "csv"), digest_of=("a",)), "and no database"),
        (lambda: Table("t", ("id",), (), watermark_else="w"), "watermark_else without"),
        (lambda: source(replace(ORDERS, is_optional=True), ITEMS), "items follows orders, which is optional"),
        (lambda: source(ORDERS, ORDERS), "declared twice"),
        (lambda: source(ITEMS), "no table orders"),
        (lambda: source(Table("orders", ("id",), ()), ITEMS), "orders is followed and has no watermark"),
        (
            lambda: source(
                Table("a", ("id",), (), follows=Follows("b", "x", "y")),
                Table("b", ("id",), (), follows=Follows("a", "x", "y")),
            ),
            "follows itself",
        ),
        (
            lambda: source(ORDERS, Table("calls", ("id",), (), refers={"order_id": "orders"})),
            "refers to orders",
        ),
    ],
)
def test_a_wrong_declaration_is_named(make, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        make()


def test_an_installation_chooses_among_what_is_declared() -> None:
    calls = Table(
        "cdr", ("id",), ("start",), watermark="end", watermark_else="start", rename={"calldate": "start"}
    )
    declared = source(calls)

    def installed(*columns: str) -> tuple[str | None, str]:
        (table,) = as_installed(declared, {"cdr": columns}).tables
        return table.watermark, table.called("calldate")

    assert installed("id", "start", "end")[0] == "end"
    assert installed("id", "calldate") == ("start", "start")
    # Both are there: each keeps its name.
    assert installed("id", "calldate", "start", "end") == ("end", "calldate")
    # Neither is: the usual one is what is missed.
    assert installed("id")[0] == "end"
