"""How good a linkage is, where the truth is known.

Belongs here: scores of a prediction against a truth. Does not belong here: thresholds and verdicts on them.
"""

from dataclasses import asdict, dataclass

import duckdb
import pyarrow as pa

KEY = ("source_system", "source_record_id")


@dataclass(frozen=True)
class Score:
    """precision, recall and f1, each 0 to 1, over `records` judged records."""

    precision: float
    recall: float
    f1: float
    records: int

    def as_dict(self) -> dict[str, float]:
        return asdict(self)


def pairwise(truth: pa.Table, predicted: pa.Table) -> Score:
    """Over pairs of records. truth: KEY, entity_id, is_linkable (optional); predicted: KEY, customer_id.

    Records that are not linkable are not judged; a linkable one that the prediction lacks is a customer of its own.
    """
    row = _judged(
        truth,
        predicted,
        """
        select (select coalesce(sum(n * (n - 1) / 2), 0) from cells),
            (select coalesce(sum(n * (n - 1) / 2), 0) from (select sum(n) as n from cells group by customer_id)),
            (select coalesce(sum(n * (n - 1) / 2), 0) from (select sum(n) as n from cells group by entity_id)),
            (select coalesce(sum(n), 0) from cells)
        """,
    )
    right, found, real, records = (float(value) for value in row)
    return _score(right / found if found else 1.0, right / real if real else 1.0, int(records))


def b_cubed(truth: pa.Table, predicted: pa.Table) -> Score:
    """The mean over records of how pure and how complete the record's own cluster is. Arguments as `pairwise`."""
    precision, recall, records = _judged(
        truth,
        predicted,
        """
        select sum(n * n / c.size) / sum(n), sum(n * n / e.size) / sum(n), coalesce(sum(n), 0)
        from cells
        join (select customer_id, sum(n) as size from cells group by 1) c using (customer_id)
        join (select entity_id, sum(n) as size from cells group by 1) e using (entity_id)
        """,
    )
    return _score(
        1.0 if precision is None else float(precision), 1.0 if recall is None else float(recall), int(records)
    )


def _score(precision: float, recall: float, records: int) -> Score:
    total = precision + recall
    return Score(precision, recall, 2 * precision * recall / total if total else 0.0, records)


def _judged(truth: pa.Table, predicted: pa.Table, query: str) -> tuple:
    """Runs `query` over `cells`: customer_id × entity_id with n, the number of records."""
    con = duckdb.connect()
    con.register("truth", truth)
    con.register("predicted", predicted)
    linkable = "where is_linkable" if "is_linkable" in truth.column_names else ""
    con.execute(
        f"""
        create table cells as
        select coalesce(p.customer_id, '(alone) ' || t.source_system || '|' || t.source_record_id) as customer_id,
            t.entity_id, count(*) as n
        from (select * from truth {linkable}) t left join predicted p using ({", ".join(KEY)})
        group by all
        """
    )
    return con.execute(query).fetchall()[0]
