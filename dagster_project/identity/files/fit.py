"""How much each level of likeness weighs, learned from the file itself, without labels.

Belongs here: estimation of the Fellegi-Sunter parameters and scoring with them. Does not belong here: what the levels
are (compare.py) and who ends up together (group.py).

m is learned where it can be: among pairs that agree on a session's keys, from the comparisons that these keys leave
free. u comes from random pairs, less the matches among them. What the sessions find tells how many matches there are.
"""

from dataclasses import dataclass, field

import duckdb
import numpy as np

from dagster_project.identity.files.block import training_pairs
from dagster_project.identity.files.compare import Comparison, Design, Key

SEED = 360
RANDOM_PAIRS = 400_000
SESSION_PAIRS = 20_000
ITERATIONS = 30
# What the first guesses count for, in pairs.
GUESS = 10.0
NOTHING = -1

Parameters = dict[str, np.ndarray]


@dataclass
class Session:
    """share: matches among the session's pairs."""

    name: str
    pairs: int
    share: float


@dataclass
class Fitted:
    """m, u: comparison → probability of each level. matches: how many pairs of the file are expected to be matches."""

    m: Parameters
    u: Parameters
    matches: float
    sessions: list[Session] = field(default_factory=list)


def fit(con: duckdb.DuckDBPyConnection, design: Design) -> Fitted:
    """Learns from the table `features`; too little data leaves the first guesses."""
    comparisons = design.comparisons
    records = con.execute("select count(*) from features").fetchall()[0][0]
    all_pairs = records * (records - 1) / 2
    m = {c.name: _guess(c, 2) for c in comparisons}
    u0 = {c.name: _guess(c, 3) for c in comparisons}
    _random_pairs(con, records, all_pairs)
    patterns, counts = _patterns(con, "random_pairs", comparisons)
    u = _u(comparisons, patterns[:, 1:], counts, np.zeros(len(counts)), u0)
    sessions = training_pairs(con, design, SESSION_PAIRS)
    seen, seen_counts = _patterns(con, "training_pairs", comparisons)
    filled = _filled(con, comparisons)
    matches = records / 2.0
    told: list[Session] = []
    for _ in range(3):
        m, told, matches = _learn(design, sessions, seen, seen_counts, m, u, filled, matches)
        prior = min(0.5, max(matches, 1.0) / max(all_pairs, 1.0))
        chance = _posterior(patterns[:, 1:], comparisons, m, u, prior)
        u = _u(comparisons, patterns[:, 1:], counts, chance, u0)
    return Fitted(m, u, matches, told)


def _guess(comparison: Comparison, place: int) -> np.ndarray:
    values = np.array([level[place] for level in comparison.levels], dtype=float)
    return values / values.sum()


def _random_pairs(con: duckdb.DuckDBPyConnection, records: int, all_pairs: float) -> None:
    if all_pairs <= RANDOM_PAIRS:
        con.execute(
            "create or replace table random_pairs as select 0 as session, l.unique_id as pid_l, r.unique_id as pid_r"
            " from features l join features r on l.unique_id < r.unique_id"
        )
        return
    draw = np.random.default_rng(SEED)
    left, right = draw.integers(0, records, (2, RANDOM_PAIRS))
    con.register("drawn", {"l": left[left != right], "r": right[left != right]})
    con.execute(
        """
        create or replace table random_pairs as
        with numbered as (select unique_id, row_number() over (order by unique_id) - 1 as i from features)
        select 0 as session, l.unique_id as pid_l, r.unique_id as pid_r
        from drawn join numbered l on l.i = drawn.l join numbered r on r.i = drawn.r
        """
    )
    con.unregister("drawn")


def levels_sql(comparisons: list[Comparison]) -> str:
    """SQL: the level of each comparison, NOTHING where a side is missing."""
    parts = []
    for c in comparisons:
        whens = " ".join(
            f"when {condition} then {i}"
            for i, (_, condition, *_rest) in enumerate(c.levels)
            if condition != "ELSE"
        )
        parts.append(
            f"cast(case when {c.null} then {NOTHING} {whens} else {len(c.levels) - 1} end as tinyint) as g_{c.name}"
        )
    return ", ".join(parts)


def compared(con: duckdb.DuckDBPyConnection, pairs: str, comparisons: list[Comparison], keep: str) -> str:
    """SQL: `keep` of table `pairs` and the level of each comparison."""
    columns = [row[0] for row in con.execute("describe features").fetchall()]
    sides = ", ".join(f"{side}.{name} as {name}_{side}" for side in "lr" for name in columns)
    return (
        f"select {keep}, {levels_sql(comparisons)} from (select p.*, {sides} from {pairs} p"
        " join features l on l.unique_id = p.pid_l join features r on r.unique_id = p.pid_r)"
    )


def _patterns(
    con: duckdb.DuckDBPyConnection, pairs: str, comparisons: list[Comparison]
) -> tuple[np.ndarray, np.ndarray]:
    """Rows (session, level of each comparison) and how often each occurs."""
    names = ", ".join(["session", *(f"g_{c.name}" for c in comparisons)])
    found = con.execute(
        f"select {names}, count(*) as n from ({compared(con, pairs, comparisons, 'session')}) group by all order by all"
    ).fetchnumpy()
    columns = [np.asarray(found[name], dtype=np.int64) for name in names.split(", ")]
    return np.column_stack(columns), np.asarray(found["n"], dtype=float)


def _filled(con: duckdb.DuckDBPyConnection, comparisons: list[Comparison]) -> dict[str, float]:
    """Comparison → share of records that have a value."""
    columns = ", ".join(f"avg(cast({c.name} is not null as int))" for c in comparisons)
    row = con.execute(f"select {columns} from features").fetchall()[0]
    return {c.name: float(value or 0) for c, value in zip(comparisons, row, strict=True)}


def _u(
    comparisons: list[Comparison],
    patterns: np.ndarray,
    counts: np.ndarray,
    chance: np.ndarray,
    u0: Parameters,
) -> Parameters:
    u = {}
    weight = counts * (1 - chance)
    for i, c in enumerate(comparisons):
        known = patterns[:, i] != NOTHING
        level = np.bincount(patterns[known, i], weights=weight[known], minlength=len(c.levels))
        u[c.name] = (level + 2 * u0[c.name]) / (level.sum() + 2)
    return u


def weights_of(m: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Bits of each level; the last place is for NOTHING. All else speaks against, full agreement for a match."""
    bits = np.log2(np.maximum(m, 1e-6) / np.maximum(u, 1e-9))
    bits[0] = max(bits[0], 0.0)
    bits[-1] = min(bits[-1], 0.0)
    return np.append(bits, 0.0)


def _posterior(
    patterns: np.ndarray, comparisons: list[Comparison], m: Parameters, u: Parameters, prior: float
) -> np.ndarray:
    total = np.full(len(patterns), np.log2(prior / (1 - prior)))
    for i, c in enumerate(comparisons):
        total += weights_of(m[c.name], u[c.name])[patterns[:, i]]
    return probability(total)


def probability(weight: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp2(-np.clip(weight, -100, 100)))


def _learn(
    design: Design,
    sessions: list[tuple[tuple[Key, ...], int]],
    seen: np.ndarray,
    counts: np.ndarray,
    m: Parameters,
    u: Parameters,
    filled: dict[str, float],
    matches: float,
) -> tuple[Parameters, list[Session], float]:
    """m of all sessions together, and the number of matches that they suggest."""
    comparisons = design.comparisons
    sums = {c.name: np.zeros(len(c.levels)) for c in comparisons}
    told, found = [], []
    for number, (keys, pairs) in enumerate(sessions):
        mine = seen[:, 0] == number
        if not mine.any():
            continue
        blocked = {key.comparison for key in keys}
        free = [i for i, c in enumerate(comparisons) if c.name not in blocked]
        share, local = _expectation_maximisation(comparisons, free, seen[mine][:, 1:], counts[mine], m, u)
        name = " + ".join(key.name for key in keys)
        told.append(Session(name, pairs, share))
        if share * pairs < 20 or share < 0.02:
            continue
        for i in free:
            # What a session is sure of counts, up to a limit: none outvotes all others.
            sums[comparisons[i].name] += local[i] / max(local[i].sum(), 1.0) * min(local[i].sum(), 2000.0)
        found.append((keys, share * pairs))
    learned = {
        c.name: (sums[c.name] + GUESS * _guess(c, 2)) / (sums[c.name].sum() + GUESS) for c in comparisons
    }
    estimates = []
    for keys, pairs_found in found:
        reach = 1.0
        for key in keys:
            reach *= learned[key.comparison][0] * filled[key.comparison] ** 2
        if reach > 0.02:
            estimates.append(pairs_found / reach)
    if estimates:
        matches = float(np.median(estimates))
    return learned, told, matches


def _expectation_maximisation(
    comparisons: list[Comparison],
    free: list[int],
    patterns: np.ndarray,
    counts: np.ndarray,
    m: Parameters,
    u: Parameters,
) -> tuple[float, dict[int, np.ndarray]]:
    """Share of matches in a session, and for each free comparison how many matches were seen at each level."""
    share = 0.3
    m = dict(m)
    levels: dict[int, np.ndarray] = {}
    for _ in range(ITERATIONS):
        logit = np.full(len(patterns), np.log2(share / (1 - share)))
        for i in free:
            c = comparisons[i]
            logit += weights_of(m[c.name], u[c.name])[patterns[:, i]]
        chance = probability(logit) * counts
        share = float(np.clip(chance.sum() / counts.sum(), 1e-4, 0.9999))
        for i in free:
            c = comparisons[i]
            known = patterns[:, i] != NOTHING
            levels[i] = np.bincount(patterns[known, i], weights=chance[known], minlength=len(c.levels))
            m[c.name] = (levels[i] + GUESS * _guess(c, 2)) / (levels[i].sum() + GUESS)
    return share, levels


def score(con: duckdb.DuckDBPyConnection, design: Design, fitted: Fitted, pairs: str, into: str) -> None:
    """Makes table `into`: pid_l, pid_r, weight (bits without the prior), is_apart (no household's two people are one)."""
    comparisons = design.comparisons
    records = con.execute("select count(*) from features").fetchall()[0][0]
    expected = 2 * fitted.matches / max(records, 1)
    terms, frequencies = [], []
    for c in comparisons:
        bits = weights_of(fitted.m[c.name], fitted.u[c.name])
        whens = " ".join(f"when {i} then {bits[i]:.4f}" for i in range(len(c.levels)))
        terms.append(f"case g_{c.name} {whens} else 0 end")
        if c.frequency_column:
            u_same = max(float(fitted.u[c.name][0]), 1e-9)
            # How often strangers share the value: its other holders, less the person's own records.
            con.execute(
                f"""
                create or replace temp table tf_{c.name} as
                select {c.frequency_column} as v, greatest((count(*) - 1 - {expected}) / {records},
                    {min(u_same, 0.5 / records)}) as f
                from features where {c.frequency_column} is not null group by 1
                """
            )
            frequencies.append(c)
            terms.append(
                f"case when g_{c.name} = 0 then greatest(-{max(bits[0], 0):.4f}, log2({u_same} / tf_{c.name}.f)) else 0 end"
            )
    joins = "".join(f" left join tf_{c.name} on tf_{c.name}.v = {c.frequency_column}_l" for c in frequencies)
    keep = ", ".join(["pid_l", "pid_r", *(f"{c.frequency_column}_l" for c in frequencies)])
    con.execute(
        f"create or replace table {into} as select pid_l, pid_r, {' + '.join(terms)} as weight, {_apart(comparisons)} as is_apart"
        f" from ({compared(con, pairs, comparisons, keep)}){joins}"
    )


def _apart(comparisons: list[Comparison]) -> str:
    """SQL: the first names contradict each other, and nothing else of one's own agrees."""
    by_name = {c.name: c for c in comparisons}
    against = []
    if "given" in by_name:
        against.append(f"g_given = {len(by_name['given'].levels) - 1}")
    if "name" in by_name:
        against.append(f"g_name >= {len(by_name['name'].levels) - 2}")
    if not against:
        return "false"
    for_it = [
        f"g_{c.name} between 0 and {2 if c.name == 'birth_date' else 1}"
        for c in comparisons
        if c.is_own and c.name not in ("given", "name")
    ]
    return f"({' or '.join(against)})" + (f" and not ({' or '.join(for_it)})" if for_it else "")
