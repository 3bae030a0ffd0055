"""IDs from one run to the next: merge, split, return, and no churn."""

import datetime as dt
from typing import Any

import duckdb
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from dagster_project.identity.registry import CUSTOMERS, DEPARTED, RECORD_CUSTOMERS, Previous, assign, churned

Clusters = dict[str, str]  # record ID → cluster


class Registry:
    """Runs of the registry over clusters given by hand."""

    def __init__(self) -> None:
        self.previous = Previous.empty()
        self.runs = 0

    def run(self, clusters: Clusters) -> dict[str, str]:
        """Record ID → customer ID after one more run."""
        self.runs += 1
        con = duckdb.connect()
        names = sorted(clusters)
        labels = {label: i for i, label in enumerate(sorted(set(clusters.values())))}
        con.register(
            "given_records",
            pa.table(
                {
                    "rid": pa.array(range(1, len(names) + 1), pa.int32()),
                    "source_system": pa.array(["s"] * len(names), pa.string()),
                    "source_record_id": pa.array(names, pa.string()),
                    "cluster": pa.array([labels[clusters[n]] for n in names], pa.int32()),
                }
            ),
        )
        con.execute(
            "create table records as select rid, source_system, source_record_id, null::timestamptz as created_at"
            " from given_records; create table clustered as select rid, cluster from given_records"
        )
        run_id = f"r{self.runs}"
        assign(con, self.previous, run_id, dt.datetime(2026, 1, self.runs, tzinfo=dt.UTC))
        now = con.sql(
            "select source_system, source_record_id, customer_id, 'x' as linked_by, null::double as match_probability,"
            " 'r' as since_run_id from given_records join cluster_customers using (cluster)"
        ).to_arrow_table()
        self.churned = churned(con)
        self.con = con
        self.events = con.execute("select kind, customer_id, other_customer_id from events").fetchall()
        self.customers = con.sql("from customers_now").to_arrow_table().cast(CUSTOMERS)
        departed = con.sql("from departed_now").to_arrow_table().cast(DEPARTED)
        self.previous = Previous(now.cast(RECORD_CUSTOMERS), self.customers, departed)
        return {row["source_record_id"]: row["customer_id"] for row in now.to_pylist()}

    def customers_before(self) -> list[dict[str, Any]]:
        return self.previous.customers.to_pylist()

    def survivor(self, customer_id: str) -> str | None:
        return {r["customer_id"]: r["surviving_customer_id"] for r in self.customers.to_pylist()}[customer_id]


def test_in_a_merge_the_oldest_id_survives_and_the_other_redirects() -> None:
    registry = Registry()
    old = registry.run({"b": "1"})["b"]
    young = registry.run({"b": "1", "a": "2"})["a"]
    merged = registry.run({"a": "1", "b": "1"})
    assert set(merged.values()) == {old}
    assert registry.survivor(young) == old
    assert registry.events == [("merged", young, old)]


def test_in_a_split_the_largest_part_keeps_the_id() -> None:
    registry = Registry()
    was = registry.run({"a": "1", "b": "1", "c": "1"})["a"]
    split = registry.run({"a": "2", "b": "1", "c": "1"})
    assert split["b"] == split["c"] == was != split["a"]
    assert registry.events == [("split", split["a"], was)]


def test_a_merge_undone_gives_the_retired_id_back() -> None:
    registry = Registry()
    first = registry.run({"a": "1", "b": "2", "c": "2"})
    registry.run({"a": "1", "b": "1", "c": "1"})
    assert registry.run({"a": "1", "b": "2", "c": "2"}) == first


def test_a_card_that_went_and_returns_has_its_old_id() -> None:
    registry = Registry()
    was = registry.run({"a": "1", "b": "2"})
    registry.run({"b": "2"})
    assert registry.events == [("retired", was["a"], None)]
    assert registry.run({"a": "1", "b": "2"}) == was
    assert registry.events == [("returned", was["a"], None)]


def test_a_card_that_returns_to_another_customer_redirects_its_old_id() -> None:
    registry = Registry()
    was = registry.run({"a": "1", "b": "2"})
    registry.run({"b": "2"})
    assert registry.run({"a": "2", "b": "2"})["a"] == was["b"]
    assert registry.survivor(was["a"]) == was["b"]


def test_redirects_lead_to_the_living() -> None:
    registry = Registry()
    first = registry.run({"a": "1"})["a"]
    second = registry.run({"a": "1", "b": "2"})["b"]
    third = registry.run({"a": "1", "b": "2", "c": "3"})["c"]
    registry.run({"a": "1", "b": "2", "c": "2"})
    registry.run({"a": "1", "b": "1", "c": "1"})
    assert registry.survivor(third) == registry.survivor(second) == first


def test_the_same_state_gives_the_same_ids() -> None:
    clusters = {"a": "1", "b": "1", "c": "2"}
    assert Registry().run(clusters) == Registry().run(clusters)


def test_an_untouched_customer_with_another_id_is_counted_as_churn() -> None:
    registry = Registry()
    registry.run({"a": "1", "b": "1", "c": "2"})
    registry.run({"a": "1", "b": "1", "c": "2", "d": "3"})
    assert registry.churned == 0
    registry.con.execute("update cluster_customers set customer_id = 'C-OTHER' where cluster = 0")
    assert churned(registry.con) == 1
    # A customer that lost or won a card is not untouched.
    registry.run({"a": "1", "c": "2", "d": "2"})
    registry.con.execute("update cluster_customers set customer_id = 'C-' || cluster")
    assert churned(registry.con) == 0


clusterings = st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from("123456"), max_size=8)


@settings(max_examples=15, deadline=None)
@given(st.lists(clusterings, min_size=2, max_size=5))
def test_every_rule_of_the_registry_holds_whatever_happens(runs: list[Clusters]) -> None:
    registry = Registry()
    before: dict[str, str] = {}
    born: dict[str, int] = {}
    last_of: dict[str, str] = {}
    for number, clusters in enumerate(runs):
        retired = {r["customer_id"] for r in registry.customers_before() if r["retired_at"] is not None}
        after = registry.run(clusters)
        assert registry.churned == 0
        for customer in set(after.values()):
            born.setdefault(customer, number)

        # One ID a cluster, and the living ones are exactly those in use.
        assert len(set(after.values())) == len(set(clusters.values()))
        rows = {r["customer_id"]: r for r in registry.customers.to_pylist()}
        assert set(rows) == set(born)  # no ID is ever forgotten
        assert {c for c, r in rows.items() if r["retired_at"] is None} == set(after.values())
        # A redirect leads to the living, or to one whose cards are all gone.
        for row in rows.values():
            survivor = row["surviving_customer_id"]
            assert survivor is None or (row["retired_at"] and rows[survivor]["surviving_customer_id"] is None)

        groups_before, groups_after = _members(before), _members(after)
        for customer, records in groups_before.items():
            # The untouched keep their ID.
            if records in groups_after.values():
                assert groups_after.get(customer) == records
            # The largest part of a split keeps the ID, unless an older customer joined it.
            parts = sorted(
                (len(records & now), other) for other, now in groups_after.items() if records & now
            )
            if len(parts) > 1 and parts[-1][0] > parts[-2][0]:
                keeper = parts[-1][1]
                assert keeper == customer or born[keeper] <= born[customer]
        for customer, records in groups_after.items():
            # In a merge of whole customers the oldest survives.
            merged = [old for old, were in groups_before.items() if were <= records]
            if merged and records == set().union(*(groups_before[old] for old in merged)):
                assert customer in merged
                assert born[customer] == min(born[old] for old in merged)
            # A customer that returns alone, as it left, has its old ID again.
            left = {last_of[record] for record in records if record in last_of}
            if not records & set(before) and len(left) == 1 and (was := left.pop()) in retired:
                takers = [
                    c
                    for c, rs in groups_after.items()
                    if any(last_of.get(r) == was for r in rs - set(before))
                ]
                if len(takers) == 1 and rows[was]["retired_at"] is None:
                    assert customer == was
        # Every change is an event, and nothing else is.
        told = {customer for _, customer, _ in registry.events}
        changed = {c for c in set(before.values()) ^ set(after.values())}
        assert changed <= told
        last_of |= before
        last_of = {record: customer for record, customer in (last_of | after).items()}
        before = after


def _members(ids: dict[str, str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for record, customer in ids.items():
        found.setdefault(customer, set()).add(record)
    return found
