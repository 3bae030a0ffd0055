"""IDs from one run to the next: merge, split, return, and no churn."""

import datetime as dt

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from dagster_project.identity.engine import connect
from dagster_project.identity.registry import CUSTOMERS, DEPARTED, RECORD_CUSTOMERS, Previous, assign

Clusters = dict[str, str]  # record ID → cluster


class Registry:
    """Runs of the registry over clusters given by hand."""

    def __init__(self) -> None:
        self.previous = Previous.empty()
        self.runs = 0

    def run(self, clusters: Clusters) -> dict[str, str]:
        """Record ID → customer ID after one more run."""
        self.runs += 1
        con = connect()
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
        self.events = con.execute("select kind, customer_id, other_customer_id from events").fetchall()
        self.customers = con.sql("from customers_now").to_arrow_table().cast(CUSTOMERS)
        departed = con.sql("from departed_now").to_arrow_table().cast(DEPARTED)
        self.previous = Previous(now.cast(RECORD_CUSTOMERS), self.customers, departed)
        return {row["source_record_id"]: row["customer_id"] for row in now.to_pylist()}

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


clusterings = st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from("123456"), max_size=8)


@settings(max_examples=15, deadline=None)
@given(st.lists(clusterings, min_size=2, max_size=4))
def test_untouched_customers_never_change(runs: list[Clusters]) -> None:
    registry = Registry()
    before: dict[str, str] = {}
    for clusters in runs:
        after = registry.run(clusters)
        assert len(set(after.values())) == len(set(clusters.values()))
        alive = [r["customer_id"] for r in registry.customers.to_pylist() if r["retired_at"] is None]
        assert set(after.values()) == set(alive) and len(alive) == len(set(alive))
        for group in _groups(before):
            if group in _groups(after):
                assert {before[record] for record in group} == {after[record] for record in group}
        before = after


def _groups(ids: dict[str, str]) -> set[frozenset[str]]:
    found: dict[str, set[str]] = {}
    for record, customer in ids.items():
        found.setdefault(customer, set()).add(record)
    return {frozenset(records) for records in found.values()}
