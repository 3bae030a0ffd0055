"""How good a linkage probably is, where nobody knows the truth.

Belongs here: the label-free estimate and the distribution of match weights. Does not belong here: scores against
a truth or against reviewed pairs (evaluate.py), thresholds on either (expectations/identity/).

The method. Every judged pair has a belief that it is one person: the model's probability, raised to RULE_BELIEF for
pairs that a rule links (a rule knows more than the model), and zero where a guard found a contradiction. A card
hangs on its customer by its strongest link; the disbelief in that link, times the cards on its two sides, is
what precision probably loses; a contradiction between two cards of one customer is lost wholly. Two customers whom
a rejected pair connects are probably one with that pair's belief; the belief times the product of their cards is
what recall probably loses. Pairs that never met in blocking, nameless cards that several could own and names that
nothing else supports are beyond it: the estimate is of what the evidence allows.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import log

import duckdb

# How far a rule is believed where the model has doubts.
RULE_BELIEF = {
    **dict.fromkeys(
        ("same_content", "parent", "tax_id", "messenger", "login", "account", "loyalty_card"), 0.999
    ),
    **dict.fromkeys(("email_and_phone", "email", "phone"), 0.995),
    **dict.fromkeys(("sole_holder", "same_contact"), 0.98),
}
# Rejected for these reasons a pair may well be one person; for any other it is two, or there is no evidence.
DOUBTS = ("below_threshold", "family_name_differs", "weak_bridge", "cluster_too_large")
CONTRADICTIONS = ("given_name_differs", "gender_differs", "patronymic_differs", "birth_date_differs")
# Match weights (log2 odds) in steps: below the first, between two, above the last.
WEIGHT_STEPS = (-4, 0, 4, 8, 12, 16, 20, 24, 28, 32)
# Pairs are counted in millionths.
UNIT = 1_000_000
# Fewer pairs than this have no distribution to compare.
MIN_PAIRS = 100


@dataclass(frozen=True)
class Estimate:
    """precision, recall and f1 by pairs, each 0 to 1."""

    precision: float
    recall: float
    f1: float

    def as_dict(self) -> dict[str, float]:
        return asdict(self)


def estimate(con: duckdb.DuckDBPyConnection) -> Estimate:
    """From `judged` (pairs with is_used, rejected_by), `everyone` (rid, pid) and `clusters`."""
    find_doubts(con)
    return sum_up(con, "cluster_doubts", "cluster_bonds")


def find_doubts(con: duckdb.DuckDBPyConnection) -> None:
    """Makes `cluster_doubts` (cluster, cards, wrong, contradicted) and `cluster_bonds` (cluster_l < cluster_r, lost).

    wrong and lost are pairs times UNIT, whole numbers: their sums are the same in any order and any parts.
    """
    beliefs = " ".join(f"when 'deterministic:{rule}' then {belief}" for rule, belief in RULE_BELIEF.items())
    con.execute(
        f"""
        create or replace temp table cluster_weights as
        select pid, c.cluster, count(*) as cards from everyone m join clusters c using (pid) group by all;

        create or replace temp table believed as
        select j.pid_l, j.pid_r, l.cluster as cluster_l, r.cluster as cluster_r, l.cards as cards_l, r.cards as cards_r,
            is_used, rejected_by,
            greatest(case linked_by {beliefs} else 0 end, coalesce(match_probability, 0)) as belief
        from judged j join cluster_weights l on l.pid = j.pid_l join cluster_weights r on r.pid = j.pid_r
        where is_used or (rejected_by in {DOUBTS} and l.cluster <> r.cluster)
            or (rejected_by in {CONTRADICTIONS} and l.cluster = r.cluster);

        create or replace table cluster_doubts as
        with sizes as (
            select cluster, sum(cards) as cards, count(*) as profiles from cluster_weights group by cluster
        ), hangs as (
            select pid, max(belief) as belief from (
                select pid_l as pid, belief from believed where is_used
                union all select pid_r, belief from believed where is_used
            ) group by pid
        ), wrong as (
            -- A tree of k profiles has k - 1 links: each profile's own counts (k - 1) / k.
            select cluster, sum(cast({UNIT} * (1 - h.belief) * w.cards * (s.cards - w.cards) * (s.profiles - 1) / s.profiles
                as bigint)) as wrong
            from hangs h join cluster_weights w using (pid) join sizes s using (cluster) where s.profiles > 1
            group by cluster
        ), contradicted as (
            select cluster_l as cluster, sum(cards_l * cards_r) as contradicted
            from believed where rejected_by in {CONTRADICTIONS} and cluster_l = cluster_r group by 1
        )
        select cluster, cast(s.cards as bigint) as cards, cast(coalesce(wrong, 0) as bigint) as wrong,
            cast(coalesce(contradicted, 0) as bigint) as contradicted
        from sizes s left join wrong using (cluster) left join contradicted using (cluster);

        create or replace table cluster_bonds as
        with bonds as (
            select least(cluster_l, cluster_r) as cluster_l, greatest(cluster_l, cluster_r) as cluster_r,
                max(belief) as belief
            from believed where rejected_by in {DOUBTS} and cluster_l <> cluster_r group by all
        )
        select b.cluster_l, b.cluster_r, cast({UNIT} * belief * l.cards * r.cards as bigint) as lost
        from bonds b join cluster_doubts l on l.cluster = b.cluster_l join cluster_doubts r on r.cluster = b.cluster_r;
        """
    )


def sum_up(con: duckdb.DuckDBPyConnection, doubts: str, bonds: str) -> Estimate:
    """The estimate by tables (or views) as `find_doubts` makes them."""
    inside, wrong, contradicted, lost = con.execute(
        f"""
        select sum(cards * (cards - 1) / 2), sum(wrong) / {UNIT}, sum(contradicted),
            (select sum(lost) / {UNIT} from {bonds})
        from {doubts}
        """
    ).fetchall()[0]
    inside, wrong, contradicted, lost = (float(value or 0) for value in (inside, wrong, contradicted, lost))
    right = max(inside - wrong - contradicted, 0.0)
    precision = right / inside if inside else 1.0
    recall = right / (right + lost) if right + lost else 1.0
    total = precision + recall
    return Estimate(precision, recall, 2 * precision * recall / total if total else 0.0)


def weight_counts(con: duckdb.DuckDBPyConnection, judged: str = "judged") -> list[int]:
    """How many pairs of `judged` (a table or view) have a match weight in each of WEIGHT_STEPS' intervals."""
    place = " + ".join(f"(match_weight >= {step})::int" for step in WEIGHT_STEPS)
    found = dict(
        con.execute(
            f"select {place}, count(*) from {judged} where match_weight is not null group by 1"
        ).fetchall()
    )
    return [found.get(i, 0) for i in range(len(WEIGHT_STEPS) + 1)]


def drift(before: Sequence[int] | None, now: Sequence[int]) -> float | None:
    """How far two distributions of match weights lie apart: the population stability index.

    0 is none, 0.1 little, 0.25 and more asks for a new model. None where either has fewer than MIN_PAIRS.
    """
    if before is None or min(sum(before), sum(now)) < MIN_PAIRS:
        return None
    # Half a pair in each interval: an empty one would make the index infinite.
    shares = [[(n + 0.5) / (sum(counts) + 0.5 * len(counts)) for n in counts] for counts in (before, now)]
    return sum((b - a) * log(b / a) for a, b in zip(*shares, strict=True))
