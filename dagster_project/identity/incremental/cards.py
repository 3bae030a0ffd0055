"""Which cards say something else now: their own words, or what others' words, counts and the calendar make of them.

Belongs here: from a change to `dirty`. Does not belong here: how dirty cards are grouped (groups.py).
"""

import duckdb
import pyarrow as pa

from dagster_project.identity import placeholders, standardise, state
from dagster_project.identity.company import Company
from dagster_project.identity.households import PLACE
from dagster_project.identity.identifiers import canonical_values
from dagster_project.identity.incremental.change import Change
from dagster_project.identity.incremental.session import bound


def read_cards(con: duckdb.DuckDBPyConnection, change: Change, company: Company) -> None:
    """Makes `new_cards`, `new_held`, `new_places`, `record_identifiers`, the names' tables and `touched` (rid: read
    anew or gone).

    A name may be read otherwise because other cards' names changed: those cards are fetched and read as well, until
    no further one is touched. Then the rest is read as it was.
    """
    records, identifiers = change.records, change.identifiers
    con.register("incoming", change.gone)
    con.execute(
        "create or replace table gone as select rid from incoming where rid in (select rid from state.cards)"
    )
    con.unregister("incoming")
    while True:
        standardise.load(con, records, identifiers)
        con.execute("create or replace table touched as select rid from records union select rid from gone")
        bound(con, "touched")
        con.execute(
            f"""
            create or replace table written_then as from state.written where rid in (select rid from touched);
            create or replace table surnames_then as
            {state.surnames("written_then", "state.words")};
            create or replace table surnames_elsewhere as
            select family, a.cards - coalesce(t.cards, 0) as cards
            from state.surnames a left join surnames_then t using (family) where a.cards > coalesce(t.cards, 0);
            create or replace table name_words_then as from state.name_words where rid in (select rid from touched);
            create or replace table words_then as {state.word_uses("name_words_then")};
            create or replace table words_elsewhere as
            select key, a.given_uses - coalesce(t.given_uses, 0) as given_uses,
                a.family_uses - coalesce(t.family_uses, 0) as family_uses, a.uses - coalesce(t.uses, 0) as uses
            from state.word_uses a left join words_then t using (key) where a.uses > coalesce(t.uses, 0);
            """
        )
        standardise.standardise(con, company)
        con.execute(
            f"""
            create or replace table surnames_now as {state.surnames("written", "words")};
            create or replace table words_now as {state.word_uses("name_words")};
            create or replace table moved_surnames as
            select family, coalesce(t.cards, 0) + coalesce(e.cards, 0) as cards_then,
                coalesce(n.cards, 0) + coalesce(e.cards, 0) as cards
            from surnames_then t full join surnames_now n using (family) left join surnames_elsewhere e using (family);
            create or replace table moved_words as
            select key, coalesce(t.given_uses, 0) + coalesce(e.given_uses, 0) as given_then,
                coalesce(t.family_uses, 0) + coalesce(e.family_uses, 0) as family_then,
                coalesce(n.given_uses, 0) + coalesce(e.given_uses, 0) as given_uses,
                coalesce(n.family_uses, 0) + coalesce(e.family_uses, 0) as family_uses,
                coalesce(n.uses, 0) + coalesce(e.uses, 0) as uses
            from words_then t full join words_now n using (key) left join words_elsewhere e using (key);
            """
        )
        reached = _reached_by_names(con)
        if reached.num_rows == 0:
            break
        more = change.fetch(reached)
        records = pa.concat_tables([records, more[0]], promote_options="permissive")
        identifiers = pa.concat_tables([identifiers, more[1]], promote_options="permissive")
    con.execute(
        f"""
        create or replace table new_cards as from cards;
        create or replace table new_held as select rid, kind, value, {state.SIGN_OF_VALUE} as sign from held;
        create or replace table new_places as
        select rid, {state.SIGN_OF_PLACE} as sign from cards where {PLACE} is not null;
        create or replace view now_cards as
        select * from state.cards where rid not in (select rid from touched) union all by name select * from new_cards;
        create or replace view now_held as
        select rid, kind, value, sign from state.held where rid not in (select rid from touched)
        union all select rid, kind, value, sign from new_held;
        create or replace view now_places as
        select rid, sign from state.places where rid not in (select rid from touched)
        union all select rid, sign from new_places;
        drop table records;
        create or replace view records as
        select rid, source_system, source_record_id, is_company, created_at from now_cards;
        """
    )


def _reached_by_names(con: duckdb.DuckDBPyConnection) -> pa.Table:
    """rids of untouched cards that are read otherwise now: a surname or a word became common enough or rare, a birth
    date too old or plausible overnight."""
    return con.sql(
        f"""
        with turned_surnames as (
            select family from moved_surnames
            where (cards_then >= {standardise.SURNAME_CARDS}) <> (cards >= {standardise.SURNAME_CARDS})
        ), turned_words as (
            select key from moved_words
            where mostly(given_then, family_then) <> mostly(given_uses, family_uses)
                or mostly(family_then, given_then) <> mostly(family_uses, given_uses)
        ), reached as (
            select c.rid from state.written c where c.word in (
                select word from state.words where family in (select family from turned_surnames)
                    or other_family in (select family from turned_surnames))
            union
            select rid from state.name_words where key in (select key from turned_words)
            union
            select rid from state.cards where read_date is not null
                and {standardise.plausible("read_date", "(select day from state.noted)")}
                    <> {standardise.plausible("read_date", "current_date")}
        )
        select rid from reached where rid not in (select rid from touched)
        """
    ).to_arrow_table()


def find_placeholders(con: duckdb.DuckDBPyConnection, company: Company) -> None:
    """Makes `now_placeholders`, `hidden` (their signs) and `default_dates`.

    Judged again are the values that touched cards hold or held.
    """
    con.execute(
        """
        create or replace table touched_values as
        select kind, value, sign from new_held
        union select kind, value, sign from state.held where rid in (select rid from touched);
        insert into held
        select rid, kind, value from state.held
        where sign in (select sign from touched_values) and rid not in (select rid from touched);
        create or replace table cards as
        select rid, is_company, given, given_known, family from now_cards where rid in (select rid from held);
        """
    )
    placeholders.count_days(con, "now_cards")
    own = canonical_values("phone", company.phones, [company.region])
    placeholders.find_placeholders(con, [phone for phone in own if phone])
    con.execute(
        f"""
        create or replace table now_placeholders as
        select * from state.placeholders
        where kind <> 'birth_date' and (kind, value) not in (select (kind, value) from touched_values)
        union all select * from placeholders;
        create or replace table hidden as select {state.SIGN_OF_VALUE} as sign from now_placeholders;

        create or replace table turned_values as
        select kind, value from (
            select kind, value from state.placeholders
            where kind = 'birth_date' or (kind, value) in (select (kind, value) from touched_values)
            union all select kind, value from placeholders
        ) group by all having count(*) = 1;
        """
    )


def find_dirty(con: duckdb.DuckDBPyConnection) -> None:
    """Makes `dirty` (rid): cards that do not say what they said, or are grouped otherwise by a decision."""
    con.execute(
        f"""
        create or replace table dirty as
        -- Compared as they are: DuckDB's hash takes some like words for one another.
        with then_held as (
            select rid, kind, value from state.held where rid in (select rid from new_cards)
        )
        select rid from (from new_cards except select * from state.cards where rid in (select rid from new_cards))
        union
        select rid from (select rid, kind, value from new_held except from then_held)
        union
        select rid from (from then_held except select rid, kind, value from new_held)
        union
        select rid from now_held where sign in (select {state.SIGN_OF_VALUE} from turned_values)
        union
        select rid from now_cards where birth_date in (
            select cast(value as date) from turned_values where kind = 'birth_date')
        union
        select rid from now_cards where rid in (
            (select rid from decided_cards except select rid from state.decided_cards)
            union (select rid from state.decided_cards except select rid from decided_cards));
        """
    )
    bound(con, "dirty")
