"""Very many invented customers' cards in the contract's columns, made in seconds: for speed, not for quality.

Belongs here: one crowd, seeded and vectorised. Does not belong here: what it is measured with (scale.py).

Four systems, four habits: names in one field or three, either script, short forms, typing errors, shared and
placeholder phones, dates that are defaults. About two and a half cards a person.
"""

import duckdb
import numpy as np
import pyarrow as pa

from demo_company.draws import stream, zipf_choice
from demo_company.names import given_names, places
from demo_company.translit import PASSPORT, latin

CARDS_A_PERSON = 2.5
_SYLLABLES = (
    *("ба", "ве", "гор", "дуб", "жел", "зим", "кар", "лом", "мир", "нос", "пол", "рад", "сел", "таб"),
    *("фок", "хар", "цып", "чур", "шар", "юш", "бер", "вол", "дан", "клим", "ряб", "тим"),
)
_ENDINGS = (("ов", "ова"), ("ев", "ева"), ("ин", "ина"), ("ский", "ская"), ("енко", "енко"), ("ук", "ук"))


def crowd(records: int, seed: int = 360) -> tuple[pa.Table, pa.Table]:
    """customer_records and customer_record_identifiers with exactly `records` cards."""
    con = duckdb.connect()
    con.execute("set timezone = 'UTC'")
    con.register("people", _people(int(records / CARDS_A_PERSON * 1.05) + 10, seed))
    con.execute(_SQL.replace("$seed", str(seed)).replace("$records", str(records)))
    cards = con.sql("select * from cards order by source_system, source_record_id").to_arrow_table()
    identifiers = con.sql(
        """
        select source_system, source_record_id, 'phone' as kind, phone as value from cards where phone is not null
        union all
        select source_system, source_record_id, 'email', email from cards where email is not null
        union all
        select source_system, source_record_id, 'loyalty_card', loyalty_card from cards where loyalty_card is not null
        order by all
        """
    ).to_arrow_table()
    return cards, identifiers


def _people(count: int, seed: int) -> pa.Table:
    rng, names, known = stream(seed, "crowd"), given_names(), places()
    stems = np.array(
        [a + b for a in _SYLLABLES for b in _SYLLABLES]
        + [a + b + c for a in _SYLLABLES for b in _SYLLABLES[::2] for c in _SYLLABLES[::3]]
    )
    surnames = np.array(
        [[(stem + ending).capitalize() for ending in endings] for stem in stems for endings in _ENDINGS],
        dtype=object,
    )
    surnames = rng.permutation(surnames, axis=0)
    latin_surnames = np.array([[latin(name, PASSPORT) for name in row] for row in surnames], dtype=object)
    woman = rng.random(count) < 0.5
    women, men = np.flatnonzero(names.is_female), np.flatnonzero(~names.is_female)
    given = np.where(
        woman, women[zipf_choice(rng, len(women), count)], men[zipf_choice(rng, len(men), count)]
    )
    fathers = np.array([i for i in men if names.patronymic[i, 0]])
    father = fathers[zipf_choice(rng, len(fathers), count)]
    # Every fourth person lives with the one before: home, surname and perhaps the phone are shared.
    person = np.arange(count)
    home = np.where(person % 4 == 1, person - 1, person)
    family = zipf_choice(rng, len(surnames), count, 0.9)[home]
    gender = woman.astype(int)
    return pa.table(
        {
            "person": person,
            "home": home,
            "given": pa.array(names.name[given], pa.string()),
            "given_short": pa.array(names.short[given, 0], pa.string()),
            "given_latin": pa.array(names.latin[given, 0], pa.string()),
            "middle": pa.array(names.patronymic[father, gender], pa.string()),
            "family": pa.array(surnames[family, gender], pa.string()),
            "family_latin": pa.array(latin_surnames[family, gender], pa.string()),
            "city": pa.array(
                known.city[rng.choice(len(known.city), count, p=known.weight)][home], pa.string()
            ),
            "street": pa.array(known.street[rng.integers(0, len(known.street), count)][home], pa.string()),
            "house": rng.integers(1, 150, count)[home],
            "flat": rng.integers(1, 300, count)[home],
            "born": pa.array(np.datetime64("1945-01-02") + rng.integers(0, 22_000, count)),
        }
    )


_SQL = r"""
create macro chance(number, topic, rate) as (hash(number, topic, $seed) % 100000) < rate * 100000;
create macro draw(number, topic, n) as cast(hash(number, topic, $seed) % n as bigint);
-- Two neighbouring letters change places, never the first.
create macro slipped(number, s, topic) as case when length(s) < 5 or not chance(number, topic, 0.03) then s else
    substr(s, 1, cast(length(s) // 2 as bigint)) || substr(s, cast(length(s) // 2 + 2 as bigint), 1)
    || substr(s, cast(length(s) // 2 + 1 as bigint), 1) || substr(s, cast(length(s) // 2 + 3 as bigint)) end;

create table systems as
select p.person as number, unnest(list_concat(
    case when hash(person, 'crm', $seed) % 100 < 60 then ['crm'] else [] end,
    case when hash(person, 'erp', $seed) % 100 < 60 then ['erp'] else [] end,
    list_resize(cast([] as varchar[]), cast(hash(person, 'shop', $seed) % 3 as bigint), 'shop'),
    case when hash(person, 'calls', $seed) % 100 < 45 then ['calls'] else [] end)) as system
from people p;

create table written as
select row_number() over (order by hash(number, system, $seed), number, system) as number, number as person, system
from systems;

create table cards as
with facts as (
    select number, system as source_system, system || ':' || number as source_record_id, p.* exclude (person),
        79000000000 + (p.person * 7919) % 999999937 as own_phone, 79000000000 + (p.home * 7919) % 999999937 as home_phone,
        lower(family_latin) || left(lower(given_latin), 1 + p.person % 3) || (p.person % 9973) as mailbox, p.person
    from written join people p using (person) where number <= $records
), said as (
    select *, chance(number, 'latin', 0.15) and system = 'shop' as is_latin,
        chance(number, 'short', 0.12) and system in ('shop', 'crm') as is_short,
        case when system <> 'calls' and chance(number, 'placeholder', 0.02) then '+7 999 999-99-99'
            when system = 'calls' or chance(number, 'phone', 0.7)
            then cast(case when chance(number, 'family phone', 0.08) then home_phone else own_phone end as varchar) end as digits
    from (select *, source_system as system from facts)
)
select source_system, source_record_id,
    case when system = 'erp' then case when chance(number, 'order', 0.7)
        then concat_ws(' ', slipped(number, family, 'family'), given, case when chance(number, 'middle', 0.6) then middle end)
        else concat_ws(' ', given, slipped(number, family, 'family')) end end as full_name,
    case when system in ('crm', 'shop') then slipped(number, case when is_latin then given_latin when is_short then given_short
        else given end, 'given') end as given_name,
    case when system = 'crm' and chance(number, 'middle', 0.25) then middle end as middle_name,
    case when system in ('crm', 'shop') then slipped(number, case when is_latin then family_latin else family end, 'family') end
        as family_name,
    cast(null as varchar) as gender,
    case when system in ('crm', 'erp') and chance(number, 'born', 0.75)
        then case when chance(number, 'default date', 0.03) then date '1900-01-01' else cast(born as date) end end as birth_date,
    case when digits like '+%' then digits else case draw(number, 'style', 4)
        when 0 then '8' || digits[2:] when 1 then '+' || digits
        when 2 then '8 (' || digits[2:4] || ') ' || digits[5:7] || '-' || digits[8:9] || '-' || digits[10:]
        else '+7-' || digits[2:4] || '-' || digits[5:7] || '-' || digits[8:] end end as phone,
    case when system = 'shop' or (system <> 'calls' and chance(number, 'email', 0.3))
        then case when chance(number, 'capitals', 0.1) then upper(mailbox) else mailbox end
            || case person % 4 when 0 then '@mail.ru' when 1 then '@gmail.com' when 2 then
                case when chance(number, 'ya', 0.5) then '@ya.ru' else '@yandex.ru' end else '@list.ru' end end as email,
    case when system in ('erp', 'shop') and person % 10 < 4 and chance(number, 'card', 0.6) then '77' || (10000000 + person) end
        as loyalty_card,
    cast(null as varchar) as tax_id,
    case when system <> 'calls' and chance(number, 'address', 0.6)
        then 'ул. ' || street || ', д. ' || house || ', кв. ' || flat end as street,
    case when system <> 'calls' and chance(number, 'address', 0.6) then city end as city,
    cast(null as varchar) as postcode, 'RU' as country, cast(null as varchar) as messenger_kind,
    cast(null as varchar) as messenger_id, cast(null as varchar) as login_id, cast(null as varchar) as parent_record_id,
    false as is_company,
    timestamptz '2023-01-01' + to_hours(draw(number, 'created', 24000)) as created_at,
    timestamptz '2025-10-01' + to_hours(draw(number, 'updated', 8000)) as updated_at,
    cast(null as timestamptz) as deleted_at
from said;
"""
