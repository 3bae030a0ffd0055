"""Why two cards are one customer, or are not: the path, the evidence, what speaks against.

Belongs here: answers about links that exist, and the comparison of two cards that have none. Does not belong
here: SQL for everybody (views.py) and how an answer looks (commands/).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from dagster_project.errors import IdentityError
from dagster_project.identity import guard, link, model, store, views
from dagster_project.identity.company import UNNAMED, Company
from dagster_project.identity.decisions import SAME, Decision, Key, all_decisions, contradiction
from dagster_project.identity.engine import connect
from dagster_project.identity.references import Named
from dagster_project.identity.resolution import THRESHOLD, prepare
from dagster_project.warehouse import Warehouse
from dagster_project.warehouse.schema import IDENTITY

# What links cards, and what keeps them apart, in words.
RULES = {
    "same_content": "both say the very same thing",
    "parent": "its source says that one belongs to the other",
    "tax_id": "they hold the same tax number",
    "messenger": "they hold the same messenger account",
    "login": "they hold the same login",
    "account": "they name the same account or order of another system",
    "loyalty_card": "they hold the same loyalty card",
    "email_and_phone": "they hold the same e-mail and the same phone, and the names fit",
    "email": "they hold the same e-mail, and the names fit",
    "phone": "they hold the same phone, and the names fit",
    "sole_holder": "the nameless card's phone or e-mail has one holder only",
    "same_contact": "nameless cards with the same phone or e-mail, which nobody else holds",
}
REASONS = {
    "below_threshold": f"the evidence is too thin: the probability is below {THRESHOLD}",
    "given_name_differs": "two different first names are two people, however much they share",
    "gender_differs": "a man and a woman are two people",
    "patronymic_differs": "two different patronymics are two people",
    "birth_date_differs": "the dates of birth differ",
    "family_name_differs": "the surnames differ, and nothing but the first name and the address agrees",
    "name_alone": "the name alone is no evidence: no phone, e-mail, address or date of birth agrees",
    "weak_bridge": "it would have been the only, weak link between two groups of cards",
    "cluster_too_large": "the customer would have had more cards than any person has",
    "contradiction_in_cluster": "the two groups of cards contain different first names or patronymics",
    "kept_apart_by_steward": "a steward decided that they are different",
    "contradicting_decisions": "decisions contradict each other, and this one gave way",
    "no_sole_holder": "a nameless card joins the holder of its phone or e-mail only if that is one customer, whom nothing"
    " on the card contradicts",
    "never_met": "they never met in blocking: no identifier and no key of names, dates or places is common",
    "too_frequent": "in the whole data, what they share is too frequent to compare by, or a placeholder",
    "shared_by_several": "several customers hold the nameless card's phone or e-mail",
}


@dataclass(frozen=True)
class Weight:
    """What one comparison says: bits for (above 0) or against."""

    comparison: str
    level: str | None
    bits: float


@dataclass(frozen=True)
class Evidence:
    """A pair of cards and what links them. weights: the prior first; they add up to match_weight."""

    left: Key
    right: Key
    linked_by: str | None
    match_weight: float | None = None
    match_probability: float | None = None
    weights: tuple[Weight, ...] = ()
    decision: Decision | None = None
    rejected_by: str | None = None
    # False: no link is stored, the two cards were compared now, by themselves.
    is_stored: bool = True
    # Identifiers that both hold: (kind, value).
    shared: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    @property
    def in_words(self) -> str:
        """What links the pair, or what speaks against it."""
        if self.decision is not None and self.decision.verdict == SAME:
            return f"{self.decision.author} decided that they are the same: {self.decision.reason}"
        if self.rejected_by is not None:
            return REASONS.get(self.rejected_by, self.rejected_by)
        if self.linked_by is None:
            return "nothing links them"
        kind, _, rule = self.linked_by.partition(":")
        return RULES.get(rule, rule) if kind == "deterministic" else "the model's evidence"


@dataclass(frozen=True)
class Answer:
    """One customer: the steps of the strongest path between the cards. Else: the likeliest pair, and what keeps
    the two apart."""

    left: Named
    right: Named
    is_one: bool
    steps: tuple[Evidence, ...]
    kept_apart_by: tuple[Decision, ...] = ()


def why(warehouse: Warehouse, left: Named, right: Named, company: Company = UNNAMED) -> Answer:
    """Why `left` and `right` are one customer or are not. Raises IdentityError on one card asked twice."""
    for named in (left, right):
        if named.customer_id is None:
            raise IdentityError(
                f"{named.asked} is not linked: its card is gone, or came after the last refresh.",
                "Ask about a card that lives.",
            )
    if left.customer_id == right.customer_id:
        ends = [(a, b) for a in left.records for b in right.records if a != b]
        if not ends or left.kind == right.kind == "customer":
            raise IdentityError(
                f"{left.asked} and {right.asked} are one and the same {'record' if not ends else 'customer'}.",
                f"Name two of its records: see {IDENTITY}.record_customers."
                if ends
                else "Name two different ones.",
            )
        return Answer(left, right, True, tuple(_path(warehouse, *ends[0])))
    records = [_records(warehouse, named) for named in (left, right)]
    pair = _best_edge(warehouse, left, right) or compare(warehouse, records[0], records[1], company)
    chain = next(
        (
            found
            for a in records[0]
            for b in records[1]
            if (found := contradiction(_active(warehouse), SAME, a, b))
        ),
        [],
    )
    return Answer(left, right, False, (pair,) if pair else (), tuple(chain))


def between(warehouse: Warehouse, left: Key, right: Key, company: Company = UNNAMED) -> Evidence | None:
    """The evidence between two cards themselves: their link, or a comparison made now."""
    condition = (
        "(source_system_l, source_record_id_l, source_system_r, source_record_id_r)"
        " in ((:sl, :il, :sr, :ir), (:sr, :ir, :sl, :il))"
    )
    values = dict(zip(("sl", "il", "sr", "ir"), (*left, *right), strict=True))
    return _edge(warehouse, condition, values) or compare(warehouse, [left], [right], company)


def compare(
    warehouse: Warehouse, left: Sequence[Key], right: Sequence[Key], company: Company = UNNAMED
) -> Evidence | None:
    """The likeliest pair between two groups of cards, by the current model; None: nothing in them to compare.

    The cards are read by themselves: what only many cards teach (placeholders, unusual names) is not known here.
    """
    trained = store.read_model(warehouse)
    if trained is None:
        raise IdentityError("There is no model yet.", "Run `c360 refresh`: it trains one.")
    con = connect()
    prepare(con, *store.read_cards(warehouse, [*left, *right]), company=company)
    sides = {side: store.quoted(keys) for side, keys in (("l", left), ("r", right))}
    con.execute(
        f"""
        create or replace table sides as
        select m.pid, min(r.source_system || '/' || r.source_record_id) as name,
            bool_or((r.source_system, r.source_record_id) in ({sides["l"]})) as is_left,
            bool_or((r.source_system, r.source_record_id) in ({sides["r"]})) as is_right
        from members m join records r using (rid) group by m.pid
        """
    )
    link.find_candidates(con)
    con.execute(
        """
        create or replace table met as select * from candidates;
        create or replace table candidates as
        select least(l.pid, r.pid) as pid_l, greatest(l.pid, r.pid) as pid_r
        from sides l join sides r on l.is_left and r.is_right and l.pid <> r.pid
        """
    )
    guard.find_facts(con, "candidates")
    model.score(con, trained, "candidates")
    rows = con.execute(
        """
        select l.name, r.name, s.match_weight, s.match_probability, s.levels, v.reason,
            (s.pid_l, s.pid_r) in (select (pid_l, pid_r) from met) as met, f.both_strong, f.has_phone or f.has_email
        from scores s join facts f using (pid_l, pid_r) join sides l on l.is_left and l.pid in (s.pid_l, s.pid_r)
        join sides r on r.is_right and r.pid in (s.pid_l, s.pid_r) and r.pid <> l.pid
        left join vetoes v using (pid_l, pid_r)
        order by met desc, s.match_weight desc, 1, 2 limit 1
        """
    ).fetchall()
    if not rows:
        return None
    name_l, name_r, weight, probability, levels, veto, met, both_named, same_contact = rows[0]
    if not both_named and same_contact:
        reason = "no_sole_holder"
    elif not met:
        reason = "never_met"
    else:
        reason = veto or ("below_threshold" if probability < THRESHOLD else "too_frequent")
    return Evidence(
        _key(name_l),
        _key(name_r),
        None,
        weight,
        probability,
        _weights(
            warehouse,
            views.weights_of(
                "select cast(:levels as text) as levels, cast(:weight as double precision) as match_weight,"
                " cast(:model as text) as model_version",
                "select cast(:model as text) as model_version",
            ),
            {"levels": levels, "weight": weight, "model": trained.version},
        ),
        rejected_by=reason,
        is_stored=False,
        shared=_shared(warehouse, _key(name_l), _key(name_r)),
    )


def _active(warehouse: Warehouse) -> list[Decision]:
    return [decision for decision in all_decisions(warehouse) if decision.revoked_at is None]


def _path(warehouse: Warehouse, left: Key, right: Key) -> list[Evidence]:
    with warehouse.begin() as connection:
        rows = connection.execute(
            sa.text(f"select * from {IDENTITY}.link_path(:sl, :il, :sr, :ir) order by step"),
            dict(zip(("sl", "il", "sr", "ir"), (*left, *right), strict=True)),
        ).all()
    decisions = {decision.decision_id: decision for decision in all_decisions(warehouse)}
    steps = []
    for row in rows:
        ends = (row.source_system_l, row.source_record_id_l), (row.source_system_r, row.source_record_id_r)
        steps.append(
            Evidence(
                *(*ends, row.linked_by, row.match_weight, row.match_probability),
                weights=stored_weights(warehouse, *ends) if row.decision_id is None else (),
                decision=decisions.get(row.decision_id),
                shared=_shared(warehouse, *ends),
            )
        )
    return steps


def _best_edge(warehouse: Warehouse, left: Named, right: Named) -> Evidence | None:
    """The strongest stored link between two customers that was not used; one of the cards asked about goes first."""
    condition = (
        "l.customer_id in (:left, :right) and r.customer_id in (:left, :right) and l.customer_id <> r.customer_id"
        " and not e.is_used order by"
        " ((l.source_system, l.source_record_id) in :asked)::int + ((r.source_system, r.source_record_id) in :asked)::int"
        " desc, e.match_weight desc nulls last, 1, 2, 3, 4"
    )
    asked = [*left.records, *right.records]
    return _edge(warehouse, condition, {"left": left.customer_id, "right": right.customer_id, "asked": asked})


def _edge(warehouse: Warehouse, condition: str, values: Mapping[str, Any]) -> Evidence | None:
    with warehouse.begin() as connection:
        row = connection.execute(
            sa.text(
                f"""
                select e.source_system_l, e.source_record_id_l, e.source_system_r, e.source_record_id_r, e.linked_by,
                    e.match_weight, e.match_probability, e.is_used,
                    coalesce(e.rejected_by, case when not e.is_used then 'kept_apart_by_steward' end) as rejected_by
                from {IDENTITY}.edges e
                join {IDENTITY}.record_customers l on l.source_system = e.source_system_l
                    and l.source_record_id = e.source_record_id_l
                join {IDENTITY}.record_customers r on r.source_system = e.source_system_r
                    and r.source_record_id = e.source_record_id_r
                where {condition} limit 1
                """
            ).bindparams(*[sa.bindparam("asked", expanding=True)] * ("asked" in values)),
            values,
        ).one_or_none()
    if row is None:
        return None
    ends = (row.source_system_l, row.source_record_id_l), (row.source_system_r, row.source_record_id_r)
    return Evidence(
        *(*ends, row.linked_by, row.match_weight, row.match_probability),
        weights=stored_weights(warehouse, *ends),
        rejected_by=row.rejected_by,
        shared=_shared(warehouse, *ends),
    )


def stored_weights(warehouse: Warehouse, left: Key, right: Key) -> tuple[Weight, ...]:
    """What the link between two cards was made of: the prior, then the heaviest first; empty where rules alone link."""
    of_pair = f"""
        select comparison, level, weight from {IDENTITY}.edge_comparisons
        where (source_system_l, source_record_id_l, source_system_r, source_record_id_r)
            in ((:sl, :il, :sr, :ir), (:sr, :ir, :sl, :il))
    """
    return _weights(warehouse, of_pair, dict(zip(("sl", "il", "sr", "ir"), (*left, *right), strict=True)))


def _weights(warehouse: Warehouse, query: str, values: Mapping[str, Any]) -> tuple[Weight, ...]:
    ordered = f"select * from ({query}) w order by comparison <> 'prior', abs(weight) desc, comparison"
    with warehouse.begin() as connection:
        rows = connection.execute(sa.text(ordered), values)
        return tuple(Weight(row.comparison, row.level, row.weight) for row in rows)


def _records(warehouse: Warehouse, named: Named) -> list[Key]:
    with warehouse.begin() as connection:
        rows = connection.execute(
            sa.text(
                f"select source_system, source_record_id from {IDENTITY}.record_customers"
                " where customer_id = :customer order by 1, 2"
            ),
            {"customer": named.customer_id},
        )
        return [(row.source_system, row.source_record_id) for row in rows]


def _shared(warehouse: Warehouse, left: Key, right: Key) -> tuple[tuple[str, str], ...]:
    with warehouse.begin() as connection:
        rows = connection.execute(
            sa.text(
                f"""
                select kind, value from {IDENTITY}.record_identifiers
                where (source_system, source_record_id) in ((:sl, :il), (:sr, :ir))
                group by kind, value having count(distinct (source_system, source_record_id)) = 2 order by 1, 2
                """
            ),
            dict(zip(("sl", "il", "sr", "ir"), (*left, *right), strict=True)),
        )
        return tuple((row.kind, row.value) for row in rows)


def _key(name: str) -> Key:
    system, _, record = name.partition("/")
    return system, record
