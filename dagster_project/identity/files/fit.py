"""How much each level of likeness weighs, learned from the file itself, without labels.

Belongs here: estimation of the Fellegi-Sunter parameters and scoring with them. Does not belong here: what the levels
are (compare.py) and who ends up together (group.py).

m is learned where it can be: among pairs that agree on a session's keys, from the comparisons that these keys leave
free; one m for all sessions, for a session alone would take strangers of one name for matches who often move.
u comes from random pairs, less the matches among them. What the sessions find tells how many matches there are.
"""

from dataclasses import dataclass, field

import duckdb
import numpy as np

from dagster_project.identity.files.block import Session, training_pairs
from dagster_project.identity.files.compare import BOTH_KNOWN, Comparison, Design

SEED = 360
RANDOM_PAIRS = 200_000
SESSION_PAIRS = 8_000
ITERATIONS = 30
ROUNDS = 10
# What the first guesses count for, in pairs: of m, and of u.
GUESS = 10.0
GUESS_U = 500.0
NOTHING = -1
# A column that strangers agree on more often than this does not hold a household together.
ANCHOR_U = 0.01

Parameters = dict[str, np.ndarray]


@dataclass
class Fitted:
    """m, u: comparison → probability of each level. matches: how many pairs of the file are expected to be matches.

    given: anchor → comparison → u among strangers who agree on the anchor (an address, a phone): there, what a
    household shares is no second proof. moved: anchor → comparison → m among matches whose anchors differ: who moved
    has another postcode too, and that is no second proof against. shares: session → share of matches.
    """

    m: Parameters
    u: Parameters
    matches: float
    given: dict[str, Parameters] = field(default_factory=dict)
    moved: dict[str, Parameters] = field(default_factory=dict)
    shares: dict[str, float] = field(default_factory=dict)


def fit(con: duckdb.DuckDBPyConnection, design: Design) -> Fitted:
    """Learns from the table `features`; too little data leaves the first guesses."""
    comparisons = design.comparisons
    records = con.execute("select count(*) from features").fetchall()[0][0]
    all_pairs = max(records * (records - 1) / 2, 1.0)
    guess = {c.name: _guess(c, 3) for c in comparisons}
    _random_pairs(con, records, all_pairs)
    patterns, counts = _patterns(con, "random_pairs", comparisons)
    sessions = training_pairs(con, design, SESSION_PAIRS)
    seen, seen_counts = _patterns(con, "training_pairs", comparisons)
    samples = {
        session.name: (
            session,
            seen[seen[:, 0] == session.number][:, 1:],
            seen_counts[seen[:, 0] == session.number],
        )
        for session in sessions
    }
    filled = _filled(con, comparisons)
    fitted = Fitted(
        {c.name: _guess(c, 2) for c in comparisons},
        _u(comparisons, patterns[:, 1:], counts, np.zeros(len(counts)), guess),
        records / 2.0,
    )
    for _ in range(ROUNDS):
        _learn(comparisons, samples, filled, fitted)
        chance = _posterior(
            patterns[:, 1:], comparisons, fitted, min(0.5, max(fitted.matches, 1.0) / all_pairs)
        )
        fitted.u = _u(comparisons, patterns[:, 1:], counts, chance, guess)
        _strangers(comparisons, samples, fitted, all_pairs)
    return fitted


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
        u[c.name] = (level + GUESS_U * u0[c.name]) / (level.sum() + GUESS_U)
    return u


def weights_of(m: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Bits of each level; the last place is for NOTHING. All else speaks against, full agreement for a match."""
    bits = np.log2(np.maximum(m, 1e-6) / np.maximum(u, 1e-9))
    bits[0] = max(bits[0], 0.0)
    bits[-1] = min(bits[-1], 0.0)
    return np.append(bits, 0.0)


def _posterior(
    patterns: np.ndarray, comparisons: list[Comparison], fitted: Fitted, prior: float
) -> np.ndarray:
    total = np.full(len(patterns), np.log2(prior / (1 - prior)))
    for i, c in enumerate(comparisons):
        total += weights_of(fitted.m[c.name], fitted.u[c.name])[patterns[:, i]]
    return probability(total)


def probability(weight: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp2(-np.clip(weight, -100, 100)))


Samples = dict[str, tuple[Session, np.ndarray, np.ndarray]]


def _learn(comparisons: list[Comparison], samples: Samples, filled: dict[str, float], fitted: Fitted) -> None:
    """m of all sessions together, and the number of matches that they suggest."""
    sums = {c.name: np.zeros(len(c.levels)) for c in comparisons}
    moves = {name: {c.name: np.zeros(len(c.levels)) for c in comparisons} for name in fitted.given}
    own = {c.name for c in comparisons if c.is_own}
    found = []
    for name, (session, patterns, counts) in samples.items():
        blocked = {key.comparison for key in session.keys}
        if not blocked & own:
            continue
        free = [i for i, c in enumerate(comparisons) if c.name not in blocked]
        chance = _chance(comparisons, free, patterns, counts, fitted) * counts
        share = float(chance.sum() / counts.sum())
        fitted.shares[name] = share
        if share * session.pairs < 20 or share < 0.02:
            continue
        for i in free:
            # What a session is sure of counts, up to a limit: none outvotes all others.
            level = _seen(patterns[:, i], chance, len(comparisons[i].levels))
            sums[comparisons[i].name] += level / max(level.sum(), 1.0) * min(level.sum(), 2000.0)
        for i in free:
            if comparisons[i].name in moves:
                weight = chance * (patterns[:, i] == len(comparisons[i].levels) - 1)
                for j in free:
                    moves[comparisons[i].name][comparisons[j].name] += _seen(
                        patterns[:, j], weight, len(comparisons[j].levels)
                    )
        found.append((session, share * session.pairs))
    fitted.m = {
        c.name: (sums[c.name] + GUESS * _guess(c, 2)) / (sums[c.name].sum() + GUESS) for c in comparisons
    }
    fitted.moved = {
        anchor: {
            c.name: (seen[c.name] + GUESS * fitted.m[c.name]) / (seen[c.name].sum() + GUESS)
            for c in comparisons
            if not c.is_own and c.name not in (anchor, "family")
        }
        for anchor, seen in moves.items()
    }
    estimates = []
    for session, matches in found:
        reach = 1.0
        for key in session.keys:
            reach *= fitted.m[key.comparison][0] * filled[key.comparison] ** 2
        if reach > 0.02:
            estimates.append(matches / reach)
    if estimates:
        fitted.matches = float(np.median(estimates))


def _strangers(comparisons: list[Comparison], samples: Samples, fitted: Fitted, all_pairs: float) -> None:
    """How often strangers agree, from all pairs that do: random pairs hold too few. And what else those agree on."""
    place = {c.name: i for i, c in enumerate(comparisons)}
    fitted.given = {}
    for session, patterns, counts in samples.values():
        if len(session.keys) > 1:
            continue
        name = session.keys[0].comparison
        judges = [i for i, c in enumerate(comparisons) if c.is_own and c.name != name]
        if not judges:
            continue
        chance = _chance(comparisons, judges, patterns, counts, fitted)
        same = patterns[:, place[name]] == 0
        strangers = (counts * (1 - chance))[same].sum() / counts.sum() * session.pairs
        u = fitted.u[name]
        u_same = max(strangers, 0.5) / all_pairs
        fitted.u[name] = np.append(u_same, u[1:] * (1 - u_same) / max(u[1:].sum(), 1e-9))
        if comparisons[place[name]].is_own or u_same > ANCHOR_U or name == "family":
            continue
        weight = counts * (1 - chance) * same
        if weight.sum() < 20:
            continue
        fitted.given[name] = {
            c.name: _u_of(patterns[:, i], weight, fitted.u[c.name])
            for i, c in enumerate(comparisons)
            # A name in one field holds the surname, which a household shares.
            if (not c.is_own or c.name == "name") and c.name != name
        }


def _seen(levels: np.ndarray, weight: np.ndarray, count: int) -> np.ndarray:
    known = levels != NOTHING
    return np.bincount(levels[known], weights=weight[known], minlength=count)


def _u_of(levels: np.ndarray, weight: np.ndarray, guess: np.ndarray) -> np.ndarray:
    seen = _seen(levels, weight, len(guess))
    return (seen + GUESS * guess) / (seen.sum() + GUESS)


def _chance(
    comparisons: list[Comparison], judges: list[int], patterns: np.ndarray, counts: np.ndarray, fitted: Fitted
) -> np.ndarray:
    """The chance of each pattern by the judges' word alone; m and u stay, the share of matches is found."""
    bits = np.zeros(len(patterns))
    for i in judges:
        c = comparisons[i]
        bits += weights_of(fitted.m[c.name], fitted.u[c.name])[patterns[:, i]]
    share = 0.3
    for _ in range(ITERATIONS):
        chance = probability(bits + np.log2(share / (1 - share)))
        share = float(np.clip((chance * counts).sum() / counts.sum(), 1e-4, 0.9999))
    return chance


def score(con: duckdb.DuckDBPyConnection, design: Design, fitted: Fitted, pairs: str, into: str) -> None:
    """Makes table `into`: pid_l, pid_r, weight (bits without the prior), is_apart (no household's two people are one)."""
    comparisons = design.comparisons
    records = con.execute("select count(*) from features").fetchall()[0][0]
    expected = 2 * fitted.matches / max(records, 1)
    # The strongest anchor that a pair agrees on; what depends on it counts as it does among its strangers.
    anchors = sorted(fitted.given, key=lambda name: fitted.u[name][0])
    last = {c.name: len(c.levels) - 1 for c in comparisons}
    anchor = " ".join(f"when g_{name} = 0 then {i}" for i, name in enumerate(anchors))
    # Where no anchor agrees, the one whose difference says most is what moved.
    movers = sorted(fitted.moved, key=lambda name: weights_of(fitted.m[name], fitted.u[name])[last[name]])
    mover = " ".join(f"when g_{name} = {last[name]} then {i}" for i, name in enumerate(movers))
    terms, joins = [], []
    for c in comparisons:
        cases = [
            _bits_sql(c, fitted.m[c.name], u[c.name], f"when anchor = {i} then ")
            for i, u in enumerate(fitted.given[name] for name in anchors)
            if c.name in u
        ]
        cases += [
            _bits_sql(c, m[c.name], fitted.u[c.name], f"when mover = {i} and g_{c.name} > 0 then ")
            for i, m in enumerate(fitted.moved[name] for name in movers)
            if c.name in m
        ]
        plain = _bits_sql(c, fitted.m[c.name], fitted.u[c.name], "")
        free = "anchor is null" if anchors else "true"
        if c.frequency_column:
            bits = weights_of(fitted.m[c.name], fitted.u[c.name])
            u_same = max(float(fitted.u[c.name][0]), 1e-9)
            # How often strangers share the value: its other holders, less the person's own records.
            con.execute(
                f"""
                create or replace temp table tf_{c.name} as
                select {c.frequency_column} as v, greatest((count(*) - 1 - {expected}) / ({records} + 100),
                    {min(u_same, 0.5 / records)}) as f
                from features where {c.frequency_column} is not null group by 1
                """
            )
            joins.append(f" left join tf_{c.name} on tf_{c.name}.v = {c.frequency_column}_l")
            rarity = f"greatest(-{max(bits[0], 0):.4f}, log2({u_same} / tf_{c.name}.f))"
            depends = [i for i, name in enumerate(anchors) if c.name in fitted.given[name]]
            free = (
                f"(anchor is null or anchor not in ({', '.join(map(str, depends))}))" if depends else "true"
            )
            plain += f" + case when g_{c.name} = 0 and {free} then {rarity} else 0 end"
        terms.append(f"case {' '.join(cases)} else {plain} end" if cases else f"({plain})")
    keep = ["pid_l", "pid_r", *(f"{c.frequency_column}_l" for c in comparisons if c.frequency_column)]
    if "given" in last:
        keep.append(f"{BOTH_KNOWN} as both_known")
    # Written down first: the levels would be found again for each term that asks for them.
    con.execute(
        f"create or replace temp table compared_pairs as {compared(con, pairs, comparisons, ', '.join(keep))}"
    )
    con.execute(
        f"create or replace table {into} as select pid_l, pid_r, {' + '.join(terms)} as weight,"
        f" {_apart(comparisons)} as is_apart"
        f" from (select *, case when anchor is null then {f'case {mover} end' if movers else 'null'} end as mover from ("
        f"select *, {f'case {anchor} end' if anchors else 'null'} as anchor from compared_pairs)){''.join(joins)}"
    )
    con.execute("drop table compared_pairs")


def _bits_sql(comparison: Comparison, m: np.ndarray, u: np.ndarray, before: str) -> str:
    bits = weights_of(m, u)
    whens = " ".join(f"when {i} then {bits[i]:.4f}" for i in range(len(comparison.levels)))
    return f"{before}case g_{comparison.name} {whens} else 0 end"


def _apart(comparisons: list[Comparison]) -> str:
    """SQL: the first names contradict each other, and nothing else of one's own agrees.

    Where a dictionary has both names, nothing excuses it: twins have one date of birth.
    """
    by_name = {c.name: c for c in comparisons}
    against = []
    if "given" in by_name:
        against.append(f"g_given = {len(by_name['given'].levels) - 1}")
    if "name" in by_name:
        levels = [level[0] for level in by_name["name"].levels]
        # One word in common is the surname where the home or the phone is in common too.
        home = " or ".join(f"g_{name} = 0" for name in ("street", "phone") if name in by_name) or "false"
        against.append(f"g_name >= {levels.index('part')} or (g_name = {levels.index('word')} and ({home}))")
    if not against:
        return "false"
    for_it = [
        f"g_{c.name} between 0 and {2 if c.name == 'birth_date' else 1}"
        for c in comparisons
        if c.is_own and c.name not in ("given", "name")
    ]
    apart = f"({' or '.join(against)})" + (f" and not ({' or '.join(for_it)})" if for_it else "")
    return f"({apart}) or ({against[0]} and both_known)" if "given" in by_name else apart
