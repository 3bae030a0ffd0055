"""The guide docs/your_company.md followed: Tryton's own tables, extracted by the example's declaration and built by its SQL.

tryton.sql holds the tables of a real run. Where C360_TRYTON_PYTHON names the Python of an environment with Tryton
(the guide's first step makes one), they are compared with what Tryton makes today.
"""

import datetime as dt
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa
import yaml

from dagster_project.assets.dbt import source_key
from dagster_project.assets.raw import raw_key
from dagster_project.audit import audit
from dagster_project.config import DBT_PROJECT_DIR, PROJECT_ROOT
from dagster_project.quality import Batch, Status, load_suites, run_gate
from dagster_project.sources.declared import read_declaration
from dagster_project.sources.extract import extract
from dagster_project.warehouse import Warehouse, schema
from tests.dbt.conftest import Dbt

EXAMPLE = PROJECT_ROOT / "examples" / "tryton"
GUIDE = (PROJECT_ROOT / "docs" / "your_company.md").read_text(encoding="utf-8")
DUMP = Path(__file__).parent / "tryton.sql"
UTC = dt.UTC


def example_contracts() -> dict[str, list[str]]:
    """The line that the guide adds to vars.sources."""
    (line,) = re.findall(r"^ {4}tryton: \[.*\]$", GUIDE, re.MULTILINE)
    return yaml.safe_load(line)


def new_database(warehouse: Warehouse, name: str) -> sa.URL:
    """An empty database on the warehouse's server."""
    with warehouse.admin_engine("postgres").connect() as connection:
        connection.exec_driver_sql(f"drop database if exists {name} with (force)")
        connection.exec_driver_sql(f"create database {name}")
    assert warehouse.admin_url is not None
    return warehouse.admin_url.set(database=name)


def fill(url: sa.URL, script: str) -> None:
    with sa.create_engine(url, poolclass=sa.NullPool).begin() as connection:
        connection.exec_driver_sql(script)


@pytest.fixture(scope="module")
def built(
    warehouse: Warehouse, dbt: Dbt, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Warehouse, dict[str, str]]:
    """Tryton's tables through extraction, staging and contracts; the declaration and the SQL copied as the guide does."""
    url = new_database(warehouse, "tryton")
    fill(url, DUMP.read_text(encoding="utf-8"))
    # What fill.py has not: a sale with tax, parties merged within Tryton, an archived phone.
    fill(
        url,
        """
        update sale_sale set tax_amount_cache = 306.10, total_amount_cache = 1836.60 where id = 1;
        update party_party set active = false, replaced_by = 3 where id = 4;
        update party_contact_mechanism set active = false where value = '+7 495 555-02-02';
        """,
    )
    with warehouse.begin() as connection:
        for name in (*schema.SCHEMAS, "raw_tryton"):
            connection.exec_driver_sql(f"drop schema if exists {name} cascade")
        schema.prepare(connection, ["tryton"])
    folder = tmp_path_factory.mktemp("your_company")
    declaration = Path(shutil.copy(EXAMPLE / "tryton.toml", folder))
    project = folder / "dbt_project"
    # Without what reads the contracts: dbt would parse it for seconds.
    shutil.copytree(
        DBT_PROJECT_DIR, project, ignore=shutil.ignore_patterns("target", "logs", "marts", "tests")
    )
    shutil.copytree(EXAMPLE / "staging", project / "models" / "staging" / "tryton")
    extract(read_declaration(declaration), url.render_as_string(hide_password=False), warehouse, folder)
    done = dbt(
        "run", "--select", "path:models/staging/tryton",
        *(f"path:models/intermediate/{contract}.sql" for contract in example_contracts()["tryton"]),
        "--vars", json.dumps({"sources": example_contracts()}),
        project=project,
    )  # fmt: skip
    assert not done.named("error", "fail", "skipped", "warn"), done.output[-3000:]
    return warehouse, done.statuses


def ask(built: tuple[Warehouse, dict[str, str]], query: str) -> list[tuple]:
    with built[0].begin() as connection:
        return [tuple(row) for row in connection.execute(sa.text(query))]


def test_every_file_of_the_example_is_used(built: tuple[Warehouse, dict[str, str]]) -> None:
    models = {file.stem for file in EXAMPLE.glob("staging/*.sql")}
    assert models <= set(built[1])
    assert models >= {f"stg_tryton__{contract}" for contract in example_contracts()["tryton"]}


def test_parties_become_cards(built: tuple[Warehouse, dict[str, str]]) -> None:
    # Party 2 is the company itself.
    assert ask(
        built,
        "select source_record_id, full_name, phone, email, tax_id, street, parent_record_id, is_company "
        "from intermediate.customer_records order by 1",
    ) == [
        ("party:3", "Белова Анна Сергеевна", "+7 916 555-01-01", "anna.belova@example.ru",
         None, "ул. Садовая, д. 3, кв. 8", None, False),
        ("party:4", "Белова А.", "8 (916) 555 01 01", None, None, "Садовая 3-8", "party:3", False),
        ("party:5", "Орлов Игорь Петрович", "+7 903 555-02-02", "i.orlov@example.ru",
         None, "пр. Мира, д. 12, кв. 40", None, False),
        ("party:6", "Зимина Ольга", None, "zimina@example.com", None, "ул. Ленина, д. 5", None, False),
        ("party:7", "ООО «Ромашка»", "+7 831 555-03-03", "info@romashka.example", "7707083893", "ул. Горького, д. 1", None, True),
        ("party:8", "Покупатель без имени", None, None, None, None, None, False),
    ]  # fmt: skip
    assert ask(
        built,
        "select kind, value from intermediate.customer_record_identifiers "
        "where source_record_id = 'party:5' order by 1",
    ) == [("email", "i.orlov@example.ru"), ("phone", "+7 903 555-02-02")]


def test_sales_become_orders_and_returns(built: tuple[Warehouse, dict[str, str]]) -> None:
    orders = ask(
        built,
        "select order_id, source_record_id, status, currency, round(amount_total, 2)::text, ordered_at "
        "from intermediate.orders order by 1",
    )
    assert [row[:5] for row in orders] == [
        ("tryton:sale:1", "party:3", "placed", "RUB", "1836.60"),
        ("tryton:sale:2", "party:3", "placed", "RUB", "2150.00"),
        ("tryton:sale:3", "party:4", "placed", "RUB", "3562.00"),
        ("tryton:sale:4", "party:5", "cancelled", "RUB", "320.00"),
        ("tryton:sale:5", "party:6", "placed", "RUB", "3110.00"),
        ("tryton:sale:6", "party:7", "draft", "RUB", "21372.00"),
        ("tryton:sale:7", "party:5", "draft", "RUB", "890.50"),
        ("tryton:sale:8", "party:7", "placed", "RUB", "4300.00"),
    ]
    # 23 October in Moscow.
    assert orders[0][5] == dt.datetime(2026, 10, 22, 21, tzinfo=UTC)
    # Lines with their tax add up to the sale.
    assert ask(
        built,
        "select sku, product_name, quantity::int, round(amount, 2)::text, round(amount_tax, 2)::text "
        "from intermediate.order_lines where order_id = 'tryton:sale:1' order by 1",
    ) == [
        ("CUP-02", "Кружка, 300 мл", 1, "1068.60", "178.10"),
        ("TEA-01", "Чай чёрный, 100 г", 2, "768.00", "128.00"),
    ]
    assert ask(
        built,
        "select return_line_id, return_id, order_id, source_record_id, kind, quantity::int, round(amount, 2)::text "
        "from intermediate.returns",
    ) == [("tryton:line:11", "tryton:sale:9", "tryton:sale:8", "party:7", "goods", 1, "2150.00")]
    assert ask(built, "select kind, count(*) from intermediate.interactions group by kind order by kind") == [
        ("order_placed", 6),
        ("return", 1),
    ]


def test_every_row_is_accounted_for(built: tuple[Warehouse, dict[str, str]]) -> None:
    """What source_rows says of the raw rows, against the contracts: keys and sums."""
    for contract, key, amount in (
        ("customer_records", "source_record_id", "null::numeric"),
        ("orders", "order_id", "amount_total"),
        ("order_lines", "order_line_id", "amount"),
        ("returns", "return_line_id", "amount"),
    ):
        assert not ask(
            built,
            f"select coalesce(r.contract_row_id, c.{key}), r.amount, c.amount from "
            f"(select contract_row_id, amount from intermediate.source_rows where contract = '{contract}' and "
            f"left_out is null) as r full join (select {key}, {amount} as amount from intermediate.{contract}) as c "
            f"on r.contract_row_id = c.{key} "
            f"where r.contract_row_id is null or c.{key} is null or r.amount is distinct from c.amount",
        )
    assert ask(
        built,
        "select table_name, left_out from intermediate.source_rows where left_out is not null order by 1",
    ) == [("party_party", "own_employee")]
    assert ask(
        built,
        "select contract_row_id, amount::int from intermediate.source_rows where contract = 'refunds'",
    ) == [("tryton:sale:9", 2150)]


def test_its_gates_pass_and_move_out_what_is_no_sale(
    built: tuple[Warehouse, dict[str, str]], tmp_path: Path
) -> None:
    shutil.copytree(EXAMPLE / "expectations", tmp_path / "raw" / "tryton")
    suites = load_suites(tmp_path)
    declared = {table.name for table in read_declaration(EXAMPLE / "tryton.toml").tables}
    assert suites and {suite.table for suite in suites.values()} <= declared
    for suite in suites.values():
        assert run_gate(built[0], suite, run_id="1").status is Status.PASSED
    with built[0].begin() as connection:
        for table, change in (
            ("sale_sale", "set party = null where id = 1"),
            ("sale_sale", "set state = 'lost' where id = 2"),
            ("sale_sale", "set create_date = '9999-01-01' where id = 3"),
            ("party_party", "set name = null where id = 3"),
        ):
            connection.exec_driver_sql(f"update raw_tryton.{table} {change}")
    found = {
        suite.table: run_gate(built[0], suite, run_id="2", batch=Batch.WHOLE_TABLE)
        for suite in suites.values()
    }
    assert found["sale_sale"].rows_quarantined == 3
    assert found["party_party"].status is Status.WARNED


def test_the_guide_shows_the_example_as_it_is() -> None:
    declaration = (EXAMPLE / "tryton.toml").read_text(encoding="utf-8")
    sql = "".join(file.read_text(encoding="utf-8") for file in EXAMPLE.glob("staging/*.sql"))
    shown = re.findall(r"^```(?:toml|sql)\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
    assert shown
    for block in shown:
        for line in block.splitlines():
            assert line in declaration + sql, line
    lines = sum(1 for line in declaration.splitlines() if line)
    assert lines < 20
    assert f"{lines} lines of declaration" in GUIDE
    assert f"{sum(1 for line in sql.splitlines() if line)} of SQL" in GUIDE


def test_a_raw_table_needs_no_asset_key_of_its_own() -> None:
    """Without it staging would not wait for the extraction."""
    tables = yaml.safe_load((EXAMPLE / "staging" / "_tryton__sources.yml").read_text())["sources"][0]
    declared = read_declaration(EXAMPLE / "tryton.toml")
    assert {table["name"] for table in tables["tables"]} == {table.name for table in declared.tables}
    asis = dg.AssetKey(["as", "it", "says"])
    raw = {"source_name": "tryton", "schema": tables["schema"], "name": "sale_sale"}
    assert source_key(raw, asis) == raw_key("tryton", "sale_sale")
    assert source_key({"source_name": "identity", "schema": "identity", "name": "edges"}, asis) == asis


@pytest.mark.skipif(
    not os.environ.get("C360_TRYTON_PYTHON"),
    reason="C360_TRYTON_PYTHON does not name the Python of an environment with Tryton (docs/your_company.md, 1)",
)
def test_tryton_itself_makes_and_fills_the_tables_of_the_dump(warehouse: Warehouse, tmp_path: Path) -> None:
    python = os.environ["C360_TRYTON_PYTHON"]
    url = new_database(warehouse, "tryton_itself")
    (tmp_path / "password").write_text("invented-4-Tryton")
    server = url.set(drivername="postgresql", database="").render_as_string(hide_password=False)
    environment = os.environ | {
        "TRYTOND_DATABASE_URI": server,
        "TRYTONPASSFILE": str(tmp_path / "password"),
    }
    admin = [str(Path(python).parent / "trytond-admin"), "-d", "tryton_itself"]
    for command in (
        [*admin, "-u", "sale", "--activate-dependencies", "--email", "admin@example.ru"],
        [python, str(EXAMPLE / "fill.py"), "tryton_itself"],
    ):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
    dumped = new_database(warehouse, "tryton_dumped")
    fill(dumped, DUMP.read_text(encoding="utf-8"))
    names = [table.name for table in read_declaration(EXAMPLE / "tryton.toml").tables]

    def shape(place: sa.URL) -> dict[str, tuple[set[tuple[str, str]], int]]:
        with sa.create_engine(place, poolclass=sa.NullPool).connect() as connection:
            found = sa.inspect(connection)
            return {
                name: (
                    {(column["name"], str(column["type"])) for column in found.get_columns(name)},
                    connection.exec_driver_sql(f"select count(*) from {name}").scalar_one(),
                )
                for name in names
            }

    assert shape(url) == shape(dumped)


def test_the_audit_counts_phones_and_emails_of_one_column(built: tuple[Warehouse, dict[str, str]]) -> None:
    assert built[0].admin_url is not None
    url = built[0].admin_url.set(database="tryton").render_as_string(hide_password=False)
    found = audit([(read_declaration(EXAMPLE / "tryton.toml"), url)])
    counted = {(c["column"], c["holds"]): (c["filled"], c["distinct"]) for c in found.as_dict()["columns"]}
    assert counted["value", "phone"] == (5, 4)  # two people of one phone
    assert counted["value", "email"] == (4, 4)
