"""Cards to typed, comparable values: names in one script, dates, addresses, what identifiers a card holds.

Belongs here: reading of one card by itself. Does not belong here: an identifier's spelling (identifiers.py), an
address line (addresses.py), what is learned from many cards (placeholders.py) and comparison of two (model.py, guard.py).

Everything is SQL over distinct tokens or whole columns.
"""

from concurrent.futures import ThreadPoolExecutor

import duckdb
import pyarrow as pa

from dagster_project.errors import IdentityError
from dagster_project.identity import regions
from dagster_project.identity.addresses import read_addresses
from dagster_project.identity.company import UNNAMED, Company
from dagster_project.identity.engine import beside
from dagster_project.identity.identifiers import LONGEST, spell

RECORD_COLUMNS = (
    *("source_system", "source_record_id", "full_name", "given_name", "middle_name", "family_name", "gender"),
    *("birth_date", "phone", "email", "loyalty_card", "tax_id", "street", "city", "postcode", "country"),
    *("messenger_kind", "messenger_id", "login_id", "parent_record_id", "is_company"),
    *("created_at", "updated_at", "deleted_at"),
)
# A surname that so many cards have in its field is one, dictionary or not.
SURNAME_CARDS = 3
IDENTIFIER_COLUMNS = ("source_system", "source_record_id", "kind", "value")

_PATRONYMIC = r"^.+(ovich|evich|[lkmtv]ich|ovna|evna|ichna|inichna)$"
_FAMILY = r"^.{2,}(ov|ev|in|ski|ova|eva|ina|skaia|enko|uk|ko|ian|ents|dze|shvili|vich|ets|ak|ik|aia|oi|ih|ulin|off|eff)$"
# SQL: what remains of a patronymic's key without its ending.
_STEM = "regexp_replace(key, '(ov|ev)?(ich|inichna|ichna|na)$', '')"
_LAYOUT = r"""^[a-z\[\];',.`]*[a-z][a-z\[\];',.`]+$"""


def load(con: duckdb.DuckDBPyConnection, records: pa.Table, identifiers: pa.Table) -> None:
    """Makes `records` (live cards) and `identifiers`.

    rid is a hash of source_system and source_record_id: a card keeps it whatever comes and goes around it, so that
    a tie that rid decides is decided alike in every run. A contract column that a table lacks counts as null;
    deleted cards are left out. Raises IdentityError where two cards have one key.
    """
    for name, table, columns in (
        ("records", records, RECORD_COLUMNS),
        ("identifiers", identifiers, IDENTIFIER_COLUMNS),
    ):
        con.register("incoming", table)
        kinds = {"is_company": "boolean"} | dict.fromkeys(
            ("created_at", "updated_at", "deleted_at"), "timestamptz"
        )
        chosen = ", ".join(
            f"try_cast({column} as {kinds.get(column, 'varchar')}) as {column}"
            if column in table.column_names
            else f"cast(null as {kinds.get(column, 'varchar')}) as {column}"
            for column in columns
        )
        con.execute(f"create or replace table {name}_all as select {chosen} from incoming")
        con.unregister("incoming")
    con.execute(
        """
        create or replace table records as
        select card_key(source_system, source_record_id) as rid, * from records_all where deleted_at is null;
        drop table records_all;
        create or replace table identifiers as
        select r.rid, i.kind, i.value from identifiers_all i join records r using (source_system, source_record_id)
        where i.value is not null and i.value <> '';
        drop table identifiers_all;
        """
    )
    _refuse_twins(con)


def _refuse_twins(con: duckdb.DuckDBPyConnection) -> None:
    twins = con.execute(
        """
        select min(source_system), max(source_system), count(distinct (source_system, source_record_id)) from records
        group by rid having count(*) > 1 order by all limit 1
        """
    ).fetchall()
    if twins:
        system, other, keys = twins[0]
        if keys == 1:
            raise IdentityError(
                f"customer_records has a source_record_id of {system} more than once.",
                "A card's source_system and source_record_id must be unique: mend the staging model.",
            )
        raise IdentityError(
            f"Two cards, of {system} and {other}, share one 63-bit hash of their keys.",
            "It happens once in ten million companies: change the spelling of either's source_record_id.",
        )


def standardise(con: duckdb.DuckDBPyConnection, company: Company = UNNAMED) -> None:
    """From `records` and `identifiers` to `cards` (one row a rid), `held` (rid, kind, value) and `record_identifiers`.

    A name is read in the light of all names. What other cards say of them may stand in surnames_elsewhere (family,
    cards) and words_elsewhere (key, given_uses, family_uses). What these cards say is left in `written` (rid, hint,
    word), `words` (word, family, other_family: as it stands, and in the other layout) and `name_words` (rid, key, hint).

    record_identifiers: source_system, source_record_id, kind, value, is_main (it stands in the card itself),
    is_canonical (false: it could not be read and stands as written, in lower case); placeholders among them.
    """
    con.execute(
        """
        create table if not exists surnames_elsewhere (family varchar, cards bigint);
        create table if not exists words_elsewhere (key varchar, given_uses bigint, family_uses bigint);
        """
    )
    # What names take is mostly reading their long statements, which one core does.
    with beside(con) as own, ThreadPoolExecutor(1) as pool:
        others = pool.submit(_identifiers_dates_and_places, own, company)
        _names(con)
        others.result()
    con.execute(
        f"""
        create or replace table cards as
        select r.rid, r.source_system, r.source_record_id, coalesce(r.is_company, false) as is_company,
            card_key(r.source_system, r.parent_record_id) as parent_key, r.created_at, r.updated_at,
            n.given, n.givens, coalesce(n.given_known, false) as given_known, n.given_initial,
            n.patronymic, n.patronymic_initial, n.family, n.families,
            coalesce(n.gender, case when lower(r.gender) in ('male', 'female') then lower(r.gender) end) as gender,
            d.read_date, case when {plausible("d.read_date", "current_date")} then d.read_date end as birth_date, t.city,
            case when regexp_full_match(trim(r.postcode), '[0-9]{{6}}') and r.postcode not in ('000000', '123456')
                then trim(r.postcode) end as postcode,
            a.street, a.house, a.flat
        from records r
        left join names n on n.rid = r.rid
        left join birth_dates d on d.written = r.birth_date
        left join towns t on t.written = r.city
        left join addresses a on a.written = r.street;
        drop table birth_dates; drop table towns; drop table addresses;
        """
    )


# -- names ------------------------------------------------------------------------------------


def _names(con: duckdb.DuckDBPyConnection) -> None:
    """Makes `names`: rid, given, givens, given_known, given_initial, patronymic, patronymic_initial, family,
    families, gender, written. Keys of engine.name_key; surnames and patronymics without gender. written: the first
    name in Latin letters, before folding and short forms."""
    con.execute(
        """
        create or replace table written as
        with fields as (
            select rid, 'family' as hint, 1 as field, family_name as text from records where not coalesce(is_company, false)
            union all
            select rid, 'given', 2, given_name from records where not coalesce(is_company, false)
            union all
            select rid, 'middle', 3, middle_name from records where not coalesce(is_company, false)
            union all
            select rid, 'full', 4, full_name from records
            where not coalesce(is_company, false)
                and (coalesce(trim(given_name), '') = '' or coalesce(trim(family_name), '') = '')
        )
        -- Side by side in one select, lists are taken apart six times as fast as by a lateral join.
        select rid, hint, field, place, word
        from (
            select rid, hint, field, unnest(words) as word, generate_subscripts(words, 1) as place
            from (
                select rid, hint, field,
                    string_split(translate(lower(text), 'ё' || chr(9) || chr(10) || chr(12) || chr(13), 'е    '), ' ') as words
                from fields where text is not null and text <> ''
            )
        )
        where word <> ''
        """
    )
    _repair_words(con)
    con.execute(
        """
        create or replace table word_parts as
        with split as (
            select word, generate_subscripts(parts, 1) as inner_place, unnest(parts) as part from repaired
        ), keyed as (
            select part, name_key(part) as key, squeezed(latin(part)) as latin from (select distinct part from split)
            where part not in (select word from not_names) and not regexp_matches(part, '[0-9@]')
        )
        select * from split join keyed using (part) where key is not null;

        create or replace table parts as
        -- A name given twice, by field and in full, counts once, as the field has it; initials may repeat.
        select rid, key, min_by(hint, field) as hint, min(latin) as latin, length(part) = 1 as is_initial,
            min(field * 10000 + place * 100 + inner_place) as position
        from written join word_parts using (word)
        group by rid, key, is_initial, case when length(part) = 1 then (place, inner_place) end
        """
    )
    con.execute(
        f"""
        create or replace table vocabulary as
        with keys as (
            select key, sum(given) as given_uses, sum(family) as family_uses from (
                select key, count(*) filter (hint = 'given') as given, count(*) filter (hint = 'family') as family
                from parts group by key
                union all select key, given_uses, family_uses from words_elsewhere where key in (select key from parts)
            ) group by key
        ),
        stems as (select distinct regexp_replace(canonical, '[aeiou]+$', '') as stem from given_forms where is_own)
        select key,
            -- A word that its field calls a given name again and again is one, dictionary or not.
            key in (select form from given_forms) or mostly(given_uses, family_uses) as is_given,
            regexp_matches(key, '{_PATRONYMIC}') as is_patronymic,
            {_STEM} in (select stem from stems) as has_root,
            family_fold(key) in (select family from surnames) or mostly(family_uses, given_uses) as is_surname,
            regexp_matches(key, '{_FAMILY}') or family_fold(key) in (select family from surnames)
                or mostly(family_uses, given_uses) as is_family
        from keys
        """
    )
    con.execute(
        """
        create or replace table names as
        with known as (
            select p.rid, p.key, p.latin, p.hint, p.position, p.is_initial, v.* exclude (key)
            from parts p join vocabulary v using (key)
        ), counted as (
            select rid, count(*) as words, count(*) filter (not is_initial) as full_words,
                bool_or(is_family and not is_patronymic and not is_given) as has_family
            from known group by rid
        ), scored as (
            select k.*, c.* exclude (rid), row_number() over so_far as nth,
                coalesce(lag(k.is_given) over so_far, false) as follows_given
            from known k join counted c using (rid) window so_far as (partition by k.rid order by k.position)
        ), patronymics as (
            select rid, arg_max(key, place) as key, arg_max(position, place) as position, arg_max(nth, place) as nth
            from (
                select rid, key, position, nth, 1000000 * (is_patronymic::int * 4 + (hint = 'middle')::int * 4
                    + has_root::int * 2 + follows_given::int - (hint = 'family')::int * 5) + position as place
                from scored
                where not is_initial and words > 1 and (
                    (is_patronymic and (hint <> 'family' or words > 2 or has_family))
                    or (hint = 'middle' and not is_given))
            ) group by rid
        ), others as (
            select s.*, p.nth as patronymic_nth, full_words - (p.key is not null)::int as left_words
            from scored s left join patronymics p using (rid)
            where p.key is null or p.position <> s.position
        ), likeliest as (
            select rid, arg_max(position, 1000000 * (is_given::int * 14 + (hint = 'given')::int * 5
                - (hint = 'family')::int * 5 - (is_family and not is_given)::int * 4
                - (is_surname and not is_given)::int * 8 + coalesce((nth = patronymic_nth - 1)::int, 0) * 3) - position
            ) as position
            from others where not is_initial group by rid
        ), givens as (
            select rid, key, position, latin from others semi join likeliest using (rid, position)
            -- A lone word that is no given name by dictionary or field is a surname.
            where is_given or hint = 'given' and (not is_family or words > 1) or hint <> 'family' and left_words > 1
        ), families as (
            select rid, list_sort(list(distinct family_key)) as families, arg_min(family_key, place) as family
            from (
                select rid, family_fold(part) as family_key, (-weight, -letters, position, i) as place
                from (
                    select o.rid, o.is_family::int * 4 + (o.hint = 'family')::int * 3 as weight, length(o.key) as letters,
                        o.position, unnest(string_split(o.key, '-')) as part,
                        generate_subscripts(string_split(o.key, '-'), 1) as i
                    from others o left join givens g on g.rid = o.rid and g.position = o.position
                    where g.rid is null and not o.is_initial and o.key <> '-'
                ) where length(part) > 1
            ) group by rid
        ), initials as (
            select rid, list(key order by position) as letters from others where is_initial group by rid
        ), surname_genders as (
            -- A final а tells, a final consonant hints: a Latin source may write a woman's surname without.
            select o.rid, case when bool_or(regexp_matches(o.key, '(ova|eva|ina|aia)$')) then 'female' else 'male' end
                as gender
            from others o left join givens g on g.rid = o.rid and g.position = o.position
            where g.rid is null and o.is_family and regexp_matches(o.key, '(ova|eva|ina|aia|ov|ev|in|ski)$')
            group by o.rid
        ), evidence as (
            select ids.rid, p.key as patronymic_key, g.key as given_key, f.family, f.families,
                i.letters[1] as first_initial, i.letters[2] as second_initial,
                case when p.key like '%ich' then 'male' when p.key like '%na' then 'female' else s.gender end as gender
            from (select distinct rid from scored) ids
            left join patronymics p using (rid) left join givens g using (rid) left join families f using (rid)
            left join initials i using (rid) left join surname_genders s using (rid)
        ), forms as (
            select e.given_key, e.gender as told, first(g.canonical order by g.is_own desc, g.rank, g.canonical) as given,
                list(g.canonical order by g.is_own desc, g.rank, g.canonical) as givens,
                case when min(g.gender) = max(g.gender) then min(g.gender) end as gender
            from (select distinct given_key, gender from evidence) e join given_forms g on g.form = e.given_key
            -- What the other words say of the gender decides between Александр and Александра for Саша.
            where e.gender is null or g.gender = e.gender
                or not exists (select 1 from given_forms h where h.form = e.given_key and h.gender = e.gender)
            group by all
        ), unknown as (
            select distinct g.key as given_key, g.latin from evidence e join givens g using (rid)
            where g.key not in (select form from given_forms) and length(g.key) >= 5
        ), spelt as (
            -- A slip of one letter in exactly one known name; the fold of vowels would hide how near it is.
            select u.given_key, u.latin, min(n.canonical) as given
            from unknown u join (select canonical, latin from given_forms where is_own) n
                on abs(length(u.latin) - length(n.latin)) <= 1 and damerau_levenshtein(u.latin, n.latin) <= 1
            group by u.given_key, u.latin having count(distinct n.canonical) = 1
        )
        select e.rid, coalesce(f.given, s.given, e.given_key) as given,
            coalesce(f.givens, case when s.given is not null then [s.given, e.given_key] when e.given_key is not null
                then [e.given_key] end) as givens,
            f.given is not null as given_known,
            case when e.given_key is null then e.first_initial end as given_initial,
            regexp_replace(e.patronymic_key, '(ich|inichna|ichna|na)$', '') as patronymic,
            coalesce(left(e.patronymic_key, 1),
                case when e.given_key is null then e.second_initial else e.first_initial end) as patronymic_initial,
            e.family, e.families, coalesce(f.gender, e.gender) as gender, g.latin as written
        from evidence e left join forms f on f.given_key = e.given_key and f.told is not distinct from e.gender
        left join givens g using (rid)
        left join spelt s on s.given_key = g.key and s.latin = g.latin
        """
    )
    con.execute(
        """
        create or replace table name_words as select rid, key, hint from parts;
        drop table repaired; drop table word_parts; drop table parts; drop table vocabulary;
        """
    )


def _repair_words(con: duckdb.DuckDBPyConnection) -> None:
    """Makes `repaired`: word → its parts, the keyboard's wrong layout and mixed scripts put right.

    A word is taken for wrong layout only if it is no known name and becomes one: of the dictionary, or a
    surname that other cards have.
    """
    con.execute(
        f"""
        create or replace table candidates as
        with mended as (
            select distinct word, case when regexp_matches(word, '[а-я]') and regexp_matches(word, '[a-z]')
                then homoglyphs_mended(word) else word end as plain
            from written
        ), typed as (
            select word, plain,
                case when regexp_matches(plain, $re${_LAYOUT}$re$) then from_latin_keys(plain)
                    when regexp_matches(plain, '^[а-я]{{3,}}$') then from_cyrillic_keys(plain) end as other
            from mended
        )
        select *, name_key(plain) as key, name_key(other) as other_key from typed;

        create or replace table words as
        select word, family_fold(key) as family, family_fold(other_key) as other_family from candidates;

        create or replace table repaired as
        with surnames_seen as (
            select family from (
                select c.family, count(distinct w.rid) as cards from written w join words c using (word)
                where w.hint = 'family' group by c.family
                union all select family, cards from surnames_elsewhere
            ) group by family having sum(cards) >= {SURNAME_CARDS}
            union select family from surnames
        ), stems as (
            select distinct regexp_replace(canonical, '[aeiou]+$', '') as stem from given_forms where is_own
        ), keys as (
            select key from candidates union select other_key from candidates
        ), known as (
            select key from keys where length(key) >= 3 and (key in (select form from given_forms)
                or family_fold(key) in (select family from surnames_seen)
                or (regexp_matches(key, '{_PATRONYMIC}') and {_STEM} in (select stem from stems)))
        )
        select word, list_filter(regexp_split_to_array(
                case when other_key in (select key from known) and coalesce(key not in (select key from known), true)
                    then other else plain end, '[\\s.,;:/()"«»_]+'
            ), lambda part: part <> '') as parts
        from candidates;
        drop table candidates;
        """
    )


# -- identifiers ------------------------------------------------------------------------------


def _held(con: duckdb.DuckDBPyConnection, company: Company) -> None:
    """Makes `held` (rid, kind, value: what records are linked by) and `record_identifiers` (what is reported of them)."""
    find_regions(con, company)
    con.execute(
        f"""
        create or replace table written_identifiers as
        select i.rid, i.kind, trim(i.value) as value, case when i.kind = 'phone' then p.regions else '' end as regions,
            bool_or(is_main) as is_main
        from (
            select rid, kind, value, false as is_main from identifiers
            union all select rid, 'phone', phone, true from records
            union all select rid, 'email', email, true from records
            union all select rid, 'loyalty_card', loyalty_card, true from records
            union all select rid, 'login', login_id, true from records
            union all select rid, 'tax_id', tax_id, true from records
            union all select rid, 'messenger', lower(messenger_kind) || ':' || messenger_id, true from records
        ) i join records r using (rid)
        join phone_regions p on p.source_system = r.source_system and p.country is not distinct from r.country
        where i.value is not null and trim(i.value) <> '' and length(trim(i.value)) <= {LONGEST}
        group by all
        """
    )
    spell(con, "written_identifiers")
    con.execute(
        """
        create or replace table held as
        -- A login is unique within its system only; an account names its system itself.
        select distinct w.rid, w.kind,
            case when w.kind in ('login', 'visitor') then r.source_system || ':' || s.value else s.value end as value
        from written_identifiers w join records r using (rid)
        join spellings s on s.kind = w.kind and s.written = w.value and s.regions = w.regions;

        create or replace table record_identifiers as
        select r.source_system, r.source_record_id, i.*
        from (
            select w.rid, w.kind, coalesce(s.value, lower(w.value)) as value, bool_or(w.is_main) as is_main,
                bool_or(s.value is not null) as is_canonical
            from written_identifiers w
            left join spellings s on s.kind = w.kind and s.written = w.value and s.regions = w.regions
            -- These are evidence, not a way to find somebody.
            where w.kind not in ('tax_id', 'account')
            group by all
        ) i join records r using (rid);
        drop table written_identifiers; drop table spellings;
        """
    )


def find_regions(con: duckdb.DuckDBPyConnection, company: Company) -> None:
    """Makes `phone_regions` (source_system, country, regions): of `records`, where a phone without a country code may be
    from. The record's own country goes first, then its source's region, then the company's."""
    pairs = con.execute("select distinct source_system, country from records").fetchall()
    countries = regions.known({country for _, country in pairs if country})
    found = [",".join(company.regions_of(source, countries.get(country))) for source, country in pairs]
    names = ("source_system", "country", "regions")
    columns = ([pair[0] for pair in pairs], [pair[1] for pair in pairs], found)
    con.register(
        "incoming",
        pa.table({name: pa.array(c, pa.string()) for name, c in zip(names, columns, strict=True)}),
    )
    con.execute("create or replace table phone_regions as from incoming")
    con.unregister("incoming")


# -- dates and places -------------------------------------------------------------------------


def _dates_and_places(con: duckdb.DuckDBPyConnection) -> None:
    """Makes `birth_dates` (written, read_date), `towns` (written, city) and `addresses`; each written text is read once."""
    con.execute(
        f"""
        create or replace table birth_dates as
        select written, {_read_date("written")} as read_date
        from (select distinct birth_date as written from records where birth_date is not null);

        create or replace table towns as
        with keyed as materialized (
            select written, {_town_key("written")} as key
            from (select distinct city as written from records where city is not null)
        )
        select written, {_town("key")} as city from keyed;
        """
    )
    read_addresses(con)


def _identifiers_dates_and_places(con: duckdb.DuckDBPyConnection, company: Company) -> None:
    _held(con, company)
    _dates_and_places(con)


def _read_date(column: str) -> str:
    """SQL: a date as written in any of the usual ways, or null."""
    return (
        f"cast(coalesce(try_strptime(left({column}, 10), '%Y-%m-%d'), try_strptime({column}, '%d.%m.%Y'),"
        f" try_strptime({column}, '%Y%m%d'), try_strptime({column}, '%d/%m/%Y')) as date)"
    )


def plausible(date: str, today: str) -> str:
    """SQL: is it a date of birth: not listed as a placeholder, of nobody above 110 or below 5 years `today`?"""
    return (
        f"({date} between {today} - interval 110 year and {today} - interval 5 year"
        f" and {date} not in (select birth_date from listed_dates))"
    )


def _town_key(column: str) -> str:
    plain = f"trim(regexp_replace(replace(lower({column}), 'ё', 'е'), '^(г\\.|гор\\.|город |г |gorod |g\\.)', ''), ' .,')"
    return f"name_key(replace({plain}, ' ', '-'))"


def _town(key: str) -> str:
    """SQL: one key for each town, whatever it is called."""
    return (
        f"case when {key} in ('spb', 'piter', 'sankt-peterburg', 'st-petersburg', 'saint-petersburg', 's-peterburg',"
        f" 'sankt-petersburg', 'leningrad') then 'sankt-peterburg' when {key} in ('msk', 'moskva', 'moskov')"
        f" then 'moskva' when {key} in ('ekb', 'ekaterinburg', 'ekat') then 'ekaterinburg'"
        f" when {key} in ('nn', 'nizhni', 'n-novgorod', 'nizhni-novgorod') then 'nizhni-novgorod' else {key} end"
    )
