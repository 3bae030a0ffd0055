"""Which records are compared: pairs that share a key, or several, as far as the keys stay rare.

Belongs here: candidate pairs and their bound. Does not belong here: the keys themselves (compare.py).

Every key, every two and every three of different comparisons make a rule. A rule's largest blocks are left out until
it gives no more than a few pairs a record: those records meet under rules with one more key.
"""

from dataclasses import dataclass, field
from itertools import combinations

import duckdb

from dagster_project.identity.files.compare import Design, Key

# Files up to so many pairs are compared whole.
ALL_PAIRS = 40_000
# Candidate pairs a record in a small file; a large one has so many in all, or a few a record.
TOTAL_PAIRS = 40
LARGE_FILE_PAIRS = 4_000_000
LARGE_TOTAL_PAIRS = 8
# No rule gives more than this share of them.
RULE_SHARE = 0.075
MAX_BLOCK = 80


@dataclass
class Blocking:
    """rules: rule → pairs it gave; left_out: rule → values too frequent to compare by."""

    rules: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)
    pairs: int = 0


def bound(records: int) -> int:
    """The most candidate pairs of a file."""
    return min(TOTAL_PAIRS * records, max(LARGE_FILE_PAIRS, LARGE_TOTAL_PAIRS * records))


def find_pairs(con: duckdb.DuckDBPyConnection, design: Design) -> Blocking:
    """Makes `pairs` (pid_l < pid_r), no more than `bound`; a file of few records is compared whole."""
    result = Blocking()
    records = con.execute("select count(*) from features").fetchall()[0][0]
    if records * (records - 1) // 2 <= ALL_PAIRS:
        con.execute(
            "create or replace table pairs as select l.unique_id as pid_l, r.unique_id as pid_r"
            " from features l join features r on l.unique_id < r.unique_id"
        )
        result.pairs = records * (records - 1) // 2
        result.rules["every pair"] = result.pairs
        return result
    for place, key in enumerate(design.keys):
        con.execute(
            f"create or replace temp table key_{place} as select distinct unique_id as rid, hash(k) as h"
            f" from (select unique_id, {key.sql} as k from features) where k is not null and k <> ''"
        )
    con.execute("create or replace temp table met (pid_l integer, pid_r integer)")
    complete: set[frozenset[int]] = set()
    budget = bound(records)
    rule_most = int(RULE_SHARE * budget)
    rules = []
    for size in (1, 2, 3):
        for rule in combinations(range(len(design.keys)), size):
            if not _is_useful(rule, design, complete):
                continue
            sizes = _block_sizes(con, rule)
            pairs, cap, dropped = _bounded(sizes, rule_most)
            if not dropped:
                complete.add(frozenset(rule))
            rules.append((_rank(rule, design, dropped), pairs, rule, cap, dropped))
    for _, pairs, rule, cap, dropped in sorted(rules):
        name = " + ".join(design.keys[i].name for i in rule)
        if dropped:
            result.left_out[name] = dropped
        if pairs == 0 or pairs > budget:
            continue
        _meet(con, rule, cap)
        result.rules[name] = pairs
        budget -= pairs
    con.execute("create or replace table pairs as select distinct pid_l, pid_r from met; drop table met")
    for place in range(len(design.keys)):
        con.execute(f"drop table key_{place}")
    result.pairs = con.execute("select count(*) from pairs").fetchall()[0][0]
    return result


def _rank(rule: tuple[int, ...], design: Design, dropped: int) -> int:
    """Who spends the budget first: whole keys, two whole values together, what remains of cut keys, then the rest."""
    if len(rule) == 1:
        return 2 if dropped else 0
    if len(rule) == 2:
        return 1 if all(design.keys[i].is_exact for i in rule) else 3
    return 4


def _is_useful(rule: tuple[int, ...], design: Design, complete: set[frozenset[int]]) -> bool:
    keys = [design.keys[i] for i in rule]
    if len({key.comparison for key in keys}) < len(keys):
        return False
    if len(keys) == 3 and sum(not key.is_exact for key in keys) > 1:
        return False
    return not any(
        frozenset(part) in complete for size in range(1, len(rule)) for part in combinations(rule, size)
    )


def _rule_sql(rule: tuple[int, ...]) -> str:
    joins = "".join(f" join key_{i} using (rid)" for i in rule[1:])
    hashes = ", ".join(f"key_{i}.h" for i in rule)
    return f"select rid, {'hash(' + hashes + ')' if len(rule) > 1 else hashes} as h from key_{rule[0]}{joins}"


def _block_sizes(con: duckdb.DuckDBPyConnection, rule: tuple[int, ...]) -> list[tuple[int, int]]:
    """(records in a block, blocks), the smallest blocks first."""
    return con.execute(
        f"select n, count(*) from (select count(*) as n from ({_rule_sql(rule)}) group by h having count(*) > 1)"
        " group by n order by n"
    ).fetchall()


def _bounded(sizes: list[tuple[int, int]], most: int) -> tuple[int, int, int]:
    """Pairs, the largest block kept, blocks left out."""
    pairs, cap, dropped = 0, 0, 0
    for n, blocks in sizes:
        more = blocks * n * (n - 1) // 2
        if dropped or n > MAX_BLOCK or pairs + more > most:
            dropped += blocks
        else:
            pairs, cap = pairs + more, n
    return pairs, cap, dropped


def _meet(con: duckdb.DuckDBPyConnection, rule: tuple[int, ...], cap: int) -> None:
    con.execute(
        f"""
        insert into met
        with block as ({_rule_sql(rule)}),
        kept as (select distinct rid, h from block semi join (
            select h from block group by h having count(*) between 2 and {cap}) using (h))
        select l.rid, r.rid from kept l join kept r on l.h = r.h and l.rid < r.rid
        """
    )


@dataclass(frozen=True)
class Session:
    """Pairs that agree on `keys`: all there are of them (`pairs`), and the sample numbered `number`."""

    number: int
    keys: tuple[Key, ...]
    pairs: int

    @property
    def name(self) -> str:
        return " + ".join(key.name for key in self.keys)


def training_pairs(con: duckdb.DuckDBPyConnection, design: Design, most: int) -> list[Session]:
    """Makes `training_pairs` (session, pid_l, pid_r): pairs that agree on a session's keys, at most `most` of each."""
    con.execute("create or replace table training_pairs (session integer, pid_l integer, pid_r integer)")
    exact = [key for key in design.keys if key.is_exact]
    own = {comparison.name for comparison in design.comparisons if comparison.is_own}
    twos = [
        keys
        for keys in combinations(exact, 2)
        # What a household shares would teach the model that first names differ.
        if any(key.comparison in own for key in keys) and len({key.comparison for key in keys}) == 2
    ]
    sessions: list[Session] = []
    for keys in [(key,) for key in exact] + twos:
        value = f"hash({', '.join(key.sql for key in keys)})"
        known = " and ".join(f"{key.sql} is not null" for key in keys)
        pairs = con.execute(
            f"select coalesce(sum(n * (n - 1) / 2), 0) from (select count(*) as n from features where {known}"
            f" group by {value} having count(*) > 1)"
        ).fetchall()[0][0]
        if pairs < 30:
            continue
        session = Session(len(sessions), tuple(keys), int(pairs))
        sessions.append(session)
        # Records drawn by their hash meet all that agree with them: fair to frequent values too.
        con.execute(
            f"""
            insert into training_pairs
            with block as (select unique_id, {value} as h from features where {known}),
            met as (
                select l.unique_id as a, r.unique_id as b from block l join block r on l.h = r.h and l.unique_id < r.unique_id
                where hash(l.unique_id) % 1000003 < {1000003 * min(1.0, 1.5 * most / pairs):.0f}
            )
            select {session.number}, a, b from met order by hash(a, b) limit {most}
            """
        )
    return sessions
