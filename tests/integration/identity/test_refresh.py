"""The daily step on a real PostgreSQL: first run, skipped run, change, decision, failure in the middle."""

from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa

from dagster_project.errors import WarehouseError
from dagster_project.identity import Company, refresh, store, train
from dagster_project.identity.standardise import RECORD_COLUMNS
from dagster_project.warehouse import Warehouse
from dagster_project.warehouse.migrations import migrate
from tests.unit.identity.people import company

TIMES = ("created_at", "updated_at", "deleted_at")


def fill(warehouse: Warehouse, people: int) -> None:
    """Cards of so many invented people."""
    records, identifiers, _ = company(people, seed=3)
    for name in RECORD_COLUMNS:
        if name not in records.column_names:
            kind = (
                pa.bool_()
                if name == "is_company"
                else pa.timestamp("us", tz="UTC")
                if name in TIMES
                else pa.string()
            )
            records = records.append_column(name, pa.nulls(records.num_rows, kind))
    warehouse.write(records.select(RECORD_COLUMNS), "intermediate", "customer_records")
    warehouse.write(identifiers, "intermediate", "customer_record_identifiers")


@pytest.fixture
def filled(clean_warehouse: Warehouse) -> Warehouse:
    """A warehouse with the cards of 150 invented people."""
    fill(clean_warehouse, 150)
    return clean_warehouse


def rows(warehouse: Warehouse, query: str) -> list[Any]:
    with warehouse.begin() as connection:
        return [tuple(row) for row in connection.execute(sa.text(query))]


def do(warehouse: Warehouse, statement: str) -> None:
    with warehouse.begin() as connection:
        connection.execute(sa.text(statement))


def ids(warehouse: Warehouse) -> dict[tuple[str, str], str]:
    found = rows(
        warehouse, "select source_system, source_record_id, customer_id from identity.record_customers"
    )
    return {(system, record): customer for system, record, customer in found}


def state(warehouse: Warehouse) -> list[Any]:
    return [
        rows(warehouse, f"select * from identity.{table} order by 1, 2, 3, 4")
        for table in (
            *("record_customers", "record_identifiers", "edges", "customers", "customer_id_events"),
            *("review_queue", "runs"),
        )
    ]


def test_runs_one_after_another(filled: Warehouse) -> None:
    first = refresh(filled, "r1")
    cards = rows(filled, "select count(*) from intermediate.customer_records")[0][0]
    before = ids(filled)
    assert len(before) == first.records == cards
    assert first.customers == len(set(before.values())) == first.created < cards
    assert rows(filled, "select count(*) from identity.models where is_current") == [(1,)]
    assert rows(filled, "select count(*) > 50 from identity.model_term_frequencies") == [(True,)]
    assert rows(filled, "select model_version, is_skipped from identity.runs") == [
        (first.model_version, False)
    ]

    versions = "select ctid::text, * from identity.record_identifiers order by 2, 3, 4, 5"
    identifiers = rows(filled, versions)
    assert {row[3] for row in identifiers} >= {"phone", "email"}
    assert {(row[1], row[2]) for row in identifiers} <= set(before)

    skipped = refresh(filled, "r2")
    assert skipped.is_skipped and skipped.customers == first.customers
    assert ids(filled) == before
    assert rows(filled, versions) == identifiers
    assert rows(filled, "select run_id, is_skipped from identity.runs order by started_at") == [
        ("r1", False),
        ("r2", True),
    ]

    # One card goes: nobody else's ID changes, and it has its own again when it is back.
    system, gone = next(iter(sorted(before)))
    do(
        filled,
        f"update intermediate.customer_records set deleted_at = now() where source_record_id = '{gone}'",
    )
    refresh(filled, "r3")
    after = ids(filled)
    assert (system, gone) not in after
    assert rows(filled, versions) == [row for row in identifiers if (row[1], row[2]) != (system, gone)]
    assert after == {key: customer for key, customer in before.items() if key != (system, gone)}
    assert rows(filled, "select count(*) from identity.record_customers where since_run_id <> 'r1'") == [(0,)]
    do(filled, "update intermediate.customer_records set deleted_at = null")
    refresh(filled, "r4")
    assert ids(filled) == before

    # Nothing changed but where phones without a country code are from: 8 916 … is no American number.
    readable = "select count(*) from identity.record_identifiers where kind = 'phone' and is_canonical"
    assert not refresh(filled, "r5", company=Company(region="US")).is_skipped
    assert 0 < rows(filled, readable)[0][0] < len([row for row in identifiers if row[3] == "phone"])


def test_a_decision_changes_the_next_run_and_a_retraining_keeps_it(filled: Warehouse) -> None:
    refresh(filled, "r1")
    left, right = rows(
        filled,
        "select distinct on (source_system_l) source_record_id_l, source_record_id_r from identity.edges where is_used"
        " and source_system_l = 'crm' order by source_system_l, 1, 2",
    )[0]
    systems = rows(
        filled,
        f"select source_system, source_record_id from identity.record_customers where source_record_id in ('{left}', '{right}')",
    )
    by_record = {record: system for system, record in systems}
    do(
        filled,
        "insert into identity.decisions (source_system_l, source_record_id_l, source_system_r, source_record_id_r, verdict,"
        f" author) values ('{by_record[left]}', '{left}', '{by_record[right]}', '{right}', 'different', 'steward')",
    )
    summary = refresh(filled, "r2")
    assert not summary.is_skipped
    found = ids(filled)
    assert found[by_record[left], left] != found[by_record[right], right]
    train(filled)
    refresh(filled, "r3")
    found = ids(filled)
    assert found[by_record[left], left] != found[by_record[right], right]


def test_edges_of_an_older_version_get_their_levels(filled: Warehouse) -> None:
    refresh(filled, "r1")
    before = rows(filled, "select * from identity.edge_comparisons order by 1, 2, 3, 4, 5")
    do(
        filled,
        "alter table identity.edges add column comparisons jsonb default '{}', drop column levels cascade;"
        "update identity.runs set fingerprint = 'of the older version';"
        # As before there were migrations: those of identity come again.
        "delete from ops.schema_migrations where number in (3, 4)",
    )
    migrate(filled)
    assert not refresh(filled, "r2").is_skipped
    assert rows(filled, "select * from identity.edge_comparisons order by 1, 2, 3, 4, 5") == before != []
    columns = rows(
        filled,
        "select column_name from information_schema.columns where (table_schema, table_name) = ('identity', 'edges')",
    )
    assert ("levels",) in columns and ("comparisons",) not in columns


def test_a_run_that_fails_leaves_the_last_state_whole(
    filled: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    refresh(filled, "r1")
    before = state(filled)
    do(
        filled,
        "update intermediate.customer_records set full_name = null, family_name = 'Другова' where source_system = 'crm'",
    )

    def die(*_: Any) -> None:
        raise RuntimeError("killed")

    monkeypatch.setattr(store, "_write_summary", die)
    with pytest.raises(RuntimeError, match="killed"):
        refresh(filled, "r2")
    assert state(filled) == before
    monkeypatch.undo()
    again = refresh(filled, "r2")
    assert not again.is_skipped
    assert rows(filled, "select count(distinct customer_id) from identity.record_customers") == [
        (again.customers,)
    ]


def test_without_cards_it_says_what_to_do(clean_warehouse: Warehouse) -> None:
    with pytest.raises(WarehouseError, match="dbt build"):
        refresh(clean_warehouse, "r1")


QUALITY = "churned, estimated_precision, estimated_recall, weight_drift, reviewed_pairs, reviewed_precision"


def test_a_run_says_how_good_it_is(filled: Warehouse) -> None:
    refresh(filled, "r1")
    ((churned, precision, recall, drift, reviewed, right),) = rows(
        filled, f"select {QUALITY} from identity.runs"
    )
    assert (churned, drift, reviewed, right) == (0, 0, 0, None)
    assert 0.9 < precision <= 1 and 0.8 < recall <= 1
    refresh(filled, "r2")
    assert len(set(rows(filled, f"select {QUALITY} from identity.runs"))) == 1

    # One source starts to send other people's birth dates: the weights are not what the model met.
    do(
        filled,
        "update intermediate.customer_records set birth_date = (date '1930-01-02' + (hashtext(source_record_id) % 9999))::text",
    )
    refresh(filled, "r3")
    ((drift,),) = rows(filled, "select weight_drift from identity.runs where run_id = 'r3'")
    assert drift > 0.25


def test_a_decision_judges_the_link_that_stood_before_it(filled: Warehouse) -> None:
    refresh(filled, "r1")
    pairs = rows(
        filled,
        "select source_system_l, source_record_id_l, source_system_r, source_record_id_r from identity.edges where is_used"
        " order by 1, 2, 3, 4 limit 3",
    )
    apart = rows(
        filled,
        "select l.source_system, l.source_record_id, r.source_system, r.source_record_id from identity.record_customers l"
        " join identity.record_customers r on l.customer_id < r.customer_id order by 1, 2, 3, 4 limit 1",
    )
    gone = [("crm", "gone", "crm", "gone too")]
    for (a, b, c, d), verdict in zip(
        [*pairs, *apart, *gone], ["same", "same", "different", "same", "same"], strict=True
    ):
        do(
            filled,
            "insert into identity.decisions (source_system_l, source_record_id_l, source_system_r, source_record_id_r,"
            f" verdict, author) values ('{a}', '{b}', '{c}', '{d}', '{verdict}', 'steward')",
        )
    seen = (
        "select reviewed_pairs, round(reviewed_precision::numeric, 3) from identity.runs where run_id = '{}'"
    )
    # What the run makes of the decisions is not what they are judged by, nor is it in later runs.
    for run in ("r2", "r3"):
        refresh(filled, run)
        ((count, precision),) = rows(filled, seen.format(run))
        assert (count, float(precision)) == (3, 0.667)
    assert sorted(rows(filled, "select were_linked::text from identity.reviewed_pairs"), key=str) == [
        ("false",),
        ("true",),
        ("true",),
        ("true",),
        (None,),
    ]
    do(filled, "update identity.decisions set revoked_at = now() where verdict = 'different'")
    refresh(filled, "r4")
    ((count, precision),) = rows(filled, seen.format("r4"))
    assert (count, float(precision)) == (2, 1.0)


def test_a_value_that_no_index_takes_stops_nobody(filled: Warehouse) -> None:
    do(
        filled,
        "update intermediate.customer_records c set email = l.v, login_id = l.v, messenger_id = l.v, loyalty_card = l.v, "
        "family_name = l.v, city = l.v, phone = phone || l.v "
        "from (select string_agg(md5(i::text), '') as v from generate_series(1, 320) i) l "
        "where c.source_record_id = (select min(source_record_id) from intermediate.customer_records where phone <> '')",
    )
    done = refresh(filled, "r1")
    assert done.records == len(ids(filled)) > done.customers
    assert rows(filled, "select max(length(value)) <= 320 from identity.record_identifiers") == [(True,)]
    assert rows(filled, "select max(length(value)) <= 320 from identity.model_term_frequencies") == [(True,)]


def test_no_card_and_a_single_one_are_defined_results(filled: Warehouse) -> None:
    do(filled, "create table kept as select * from intermediate.customer_records")
    do(filled, "truncate intermediate.customer_records")
    empty = refresh(filled, "r1")
    assert (empty.records, empty.customers, empty.candidate_pairs, empty.largest_cluster) == (0, 0, 0, 0)
    assert (empty.estimated_precision, empty.estimated_recall, empty.weight_drift) == (1.0, 1.0, None)
    do(filled, "insert into intermediate.customer_records select * from kept limit 1")
    single = refresh(filled, "r2")
    assert (single.records, single.customers, single.largest_cluster, single.created) == (1, 1, 1, 1)
    # A model of no cards has default weights, and links by them all the same.
    do(
        filled,
        "truncate intermediate.customer_records; insert into intermediate.customer_records select * from kept",
    )
    whole = refresh(filled, "r3")
    assert 150 <= whole.customers < whole.records / 2
    do(filled, "drop table kept")
