"""How far names alone may be believed, told by dates of birth that are hidden for the purpose.

Belongs here: what training learns with the trained model at hand. Does not belong here: the model's own parameters
(model.py) and which links follow (link.py).

Two cards that agree in first name and surname, and have nothing else in common, are one person or namesakes. How often
which, the model cannot know: it takes names for independent of each other, of towns and of families. So profiles that
have a date of birth are compared as if they had none, and of the pairs that would then rest on names alone, the dates
tell who is one person. No label is needed.
"""

import hashlib
import json
from dataclasses import replace
from math import floor
from typing import Any

import duckdb

from dagster_project.identity import guard, link
from dagster_project.identity.model import Model, score

# Names alone link where at least so many of such pairs are one person, by the lower end of Wilson's interval.
MIN_SHARE = 0.95
# One-sided, of 80 %.
_Z = 0.842
# Sure pairs must not answer for doubtful ones: so many of the last MIN_PAIRS, the least likely, are one person too.
MIN_LATELY = 0.9
# Fewer pairs tell nothing; more than MAX_PAIRS are not needed.
MIN_PAIRS = 30
MAX_PAIRS = 50_000


def calibrate(con: duckdb.DuckDBPyConnection, model: Model) -> Model:
    """`model` with `names` among what it was trained for, from the session that `prepare` made.

    names: pairs (that rest on names alone, dates hidden), agreeing (by date of birth), from (the match weight from
    which names alone link; None: they never do).
    """
    names = _believe_names(con, model)
    told = hashlib.sha256(f"{model.version} {json.dumps(names, sort_keys=True)}".encode())
    return replace(model, version="m-" + told.hexdigest()[:12], training=model.training | {"names": names})


def in_words(model: Model) -> str:
    """What `model` learned of names alone: a line, of figures only."""
    names = model.training.get("names")
    if names is None:
        return "Names alone link nobody: this model did not learn what they are worth."
    found = (
        f"of {names['pairs']:,} pairs that rest on names where dates of birth are hidden, {names['agreeing']:,} are one"
        " person by their dates"
    )
    if names["from"] is None:
        return f"Names alone link nobody: {found}."
    return f"Names alone link from a match weight of {names['from']:.1f} on: {found}."


def _believe_names(con: duckdb.DuckDBPyConnection, model: Model) -> dict[str, Any]:
    _pair_namesakes(con)
    con.execute(
        """
        alter table profiles rename to whole_profiles;
        create table profiles as select * replace (cast(null as varchar) as birth_date) from whole_profiles
        where pid in (select pid_l from namesakes union select pid_r from namesakes);
        """
    )
    link.find_identifiers(con)
    link.drop_crowded(con)
    con.execute("delete from profile_identifiers where pid not in (select pid from profiles)")
    link.find_shared(con)
    score(con, model, "namesakes")
    guard.find_facts(con, "scores")
    pairs, agreeing, start = con.execute(
        f"""
        with hidden as (
            select pid_l, pid_r, s.match_weight, {guard.near_dates("l.birth_date", "r.birth_date")} as agrees
            from vetoes v join scores s using (pid_l, pid_r)
            join whole_profiles l on l.pid = pid_l join whole_profiles r on r.pid = pid_r
            where v.reason = 'name_alone' and s.match_probability >= 0.5
        ), so_far as (
            select match_weight, count(*) over down as n, count(*) filter (agrees) over down as k,
                avg(agrees::int) over (order by match_weight desc, pid_l, pid_r
                    rows between {MIN_PAIRS - 1} preceding and current row) as lately
            from hidden window down as (order by match_weight desc)
        ), bounds as (
            select match_weight, n, lately, (k / n + {_Z**2} / (2 * n)
                - {_Z} * sqrt(k / n * (1 - k / n) / n + {_Z**2} / (4 * n * n))) / (1 + {_Z**2} / n) as at_least
            from so_far
        )
        select count(*), count(*) filter (agrees),
            (select min(match_weight) from bounds where n >= {MIN_PAIRS} and at_least >= {MIN_SHARE} and lately >= {MIN_LATELY})
        from hidden
        """
    ).fetchall()[0]
    con.execute(
        "drop table profiles; alter table whole_profiles rename to profiles; drop table namesakes; drop table scores"
    )
    return {"pairs": pairs, "agreeing": agreeing, "from": None if start is None else floor(start * 1e6) / 1e6}


def _pair_namesakes(con: duckdb.DuckDBPyConnection) -> None:
    """Makes `namesakes` (pid_l < pid_r): profiles of one full name and a date of birth each, no more than MAX_PAIRS.

    Names are no more frequent, cards without a date counted, than where names alone bring two cards together.
    """
    con.execute(
        f"""
        create or replace table named as
        select pid, hash(given, family) as name, birth_date is not null as is_dated from profiles
        where is_strong and family is not null;
        create or replace table asked as
        with sizes as (
            select name, count(*) filter (is_dated) as n from named group by name
            having n > 1 and count(*) * {link.BROAD_WEIGHT} <= {link.MAX_BLOCK}
        )
        select name from sizes
        where name % (select cast(ceil(sum(n * (n - 1) / 2) / {MAX_PAIRS}) as ubigint) from sizes) = 0;
        create or replace table namesakes as
        select l.pid as pid_l, r.pid as pid_r
        from named l join named r on l.name = r.name and l.pid < r.pid and l.is_dated and r.is_dated
        where l.name in (select name from asked);
        drop table named; drop table asked;
        """
    )
