"""Two linkers to measure the demo company with: a careless one and a careful one.

Belongs here: the links and the score. The careful one knows nothing of the truth: it reads names with the
demo's own vocabulary of spellings and looks at evidence under a few rules.
"""

import duckdb
import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from demo_company.names import given_names, places, surnames
from demo_company.translit import PASSPORT, latin


def careless(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """Cards that share a phone's last ten digits or a lowercased e-mail, transitively: record, cluster."""
    pairs = connection.execute(
        """
        select source || '/' || record as card,
            case kind when 'phone' then right(regexp_replace(value, '\\D', '', 'g'), 10) else lower(value) end as key
        from identifiers where kind in ('phone', 'email')
        """
    ).df()
    cards = connection.execute("select source || '/' || record as card from cards").df()["card"]
    return _clusters(cards, pairs["card"], pairs["key"])


def _clusters(cards: pd.Series, left: pd.Series, right: pd.Series) -> pd.DataFrame:
    # Components of the graph card — key (or card — card).
    code, names = pd.factorize(pd.concat([cards, left, right], ignore_index=True))
    first, second = code[len(cards) : len(cards) + len(left)], code[len(cards) + len(left) :]
    graph = coo_array((np.ones(len(first)), (first, second)), shape=(len(names), len(names)))
    label = connected_components(graph, directed=False)[1]
    return pd.DataFrame({"card": cards, "cluster": label[: len(cards)]})


def score(connection: duckdb.DuckDBPyConnection, clusters: pd.DataFrame) -> tuple[float, float]:
    """Pairwise precision and recall over linkable cards."""
    connection.register("clusters", clusters)
    truth = connection.execute(
        "select entity, cluster, count(*)::bigint as n from truth inner join clusters on card = source || '/' || record "
        "where is_linkable group by all"
    ).df()
    connection.unregister("clusters")

    def pairs(sizes: pd.Series) -> float:
        return float((sizes * (sizes - 1)).sum())

    both = pairs(truth["n"])
    return both / pairs(truth.groupby("cluster")["n"].sum()), both / pairs(truth.groupby("entity")["n"].sum())


# -- the careful one --------------------------------------------------------------------------

_EVIDENCE = """
create or replace temp table words as
select source || '/' || record as card, unnest(regexp_split_to_array(lower(replace(name, 'ё', 'е')), '\\s+')) as word
from cards where is_live and name is not null and not coalesce(is_company, false);

create or replace temp table unknown as
select distinct word from words where length(word) >= 4 and word not in (select word from vocabulary);

-- A word that nobody knows is the known one that it is a slip away from.
create or replace temp table reading as
select word, word as known from words where word in (select word from vocabulary)
union
select u.word, v.word from unknown as u inner join (select distinct word from vocabulary) as v
    on left(u.word, 1) = left(v.word, 1) and abs(length(u.word) - length(v.word)) <= 1
    and damerau_levenshtein(u.word, v.word) = 1;

create or replace temp table parts as
select distinct w.card, v.kind, v.id
from words as w inner join reading as r on r.word = w.word inner join vocabulary as v on v.word = r.known;

create or replace temp table given as select card, id as g from parts where kind = 'given';
create or replace temp table family as select card, id as f from parts where kind = 'family';
create or replace temp table father as select card, id as p from parts where kind = 'patronymic';

create or replace temp table born as
select source || '/' || record as card, birth from cards
where is_live and birth not in (date '1900-01-01', date '1970-01-01');

create or replace temp table home as
select card, s.id || '/' || array_to_string(regexp_extract_all(street, '\\d+'), '-') || '/' || place as home
from (
    select source || '/' || record as card, lower(replace(street, 'ё', 'е')) as street,
        unnest([left(postcode, 3), p.prefix::text]) as place
    from cards
    left join city_words as p on regexp_replace(lower(replace(city, 'ё', 'е')), '^г\\. ', '') = p.word
    where is_live and street is not null
)
inner join street_words as s on list_contains(regexp_split_to_array(street, '[ .,]+'), s.word)
where place is not null;

create or replace temp table held as
select distinct i.source || '/' || i.record as card, kind || ':' || case kind
    when 'phone' then right(regexp_replace(value, '\\D', '', 'g'), 10)
    when 'email' then regexp_replace(
        case when lower(value) like '%@gmail.com'
            then replace(regexp_replace(split_part(lower(value), '@', 1), '\\+.*', ''), '.', '') || '@gmail.com'
            else lower(value) end, '@ya\\.ru$', '@yandex.ru')
    else value end as value
from identifiers as i inner join cards as c on c.source = i.source and c.record = i.record and c.is_live;

-- How many people seem to bear a value.
create or replace temp table bearers as
select value, count(distinct h.card) filter (g is not null) as named, count(distinct f) as families,
    count(distinct g) as givens
from held as h left join given using (card) left join family using (card) group by value;

-- A given name that every named bearer has: the value is one person's.
create or replace temp table owned as
select value from bearers where named = 0
union
select value from (select value, g, count(distinct card) as n from held inner join given using (card) group by all)
inner join bearers using (value) where n = named;

create or replace temp table keys as
select card, value as key from held inner join owned using (value) inner join bearers using (value)
where families <= 8
union
select card, concat_ws('|', value, g) from held inner join given using (card) inner join bearers using (value)
where givens <= 6 and families <= 8
union
select card, concat_ws('|', value, g, f) from held inner join given using (card) inner join family using (card)
inner join bearers using (value) where families <= 40
union
select card, concat_ws('|', 'born', g, f, birth) from born inner join given using (card) inner join family using (card)
union
select card, concat_ws('|', 'father', g, p, birth) from born inner join given using (card) inner join father using (card)
union
select card, concat_ws('|', 'home', g, f, home) from home inner join given using (card) inner join family using (card)
union
select unnest([source || '/' || record, source || '/' || parent]), source || '/' || record from cards
where parent is not null;
"""


def careful(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """Cards joined by an identifier and a compatible name, or by a name and a birth date or an address."""
    for name, table in _vocabularies().items():
        connection.register(f"{name}_frame", table)
        connection.execute(f"create or replace temp table {name} as select distinct * from {name}_frame")
    connection.execute("alter table cards add column if not exists is_company boolean")
    connection.execute(_EVIDENCE)
    keys = connection.execute("select card, key from keys").df()
    cards = connection.execute("select source || '/' || record as card from cards").df()["card"]
    return _clusters(cards, keys["card"], keys["key"])


def _vocabularies() -> dict[str, pd.DataFrame]:
    names, families, known = given_names(), surnames(), places()
    rows: list[tuple[str, int, str]] = []
    for i in range(len(names.name)):
        spellings = [names.name[i], *names.short[i], *names.latin[i], *names.latin_short[i]]
        rows += [("given", i, str(word)) for word in spellings]
        for patronymic in names.patronymic[i]:
            if patronymic:
                rows += [("patronymic", i, word) for word in (patronymic, latin(patronymic, PASSPORT))]
    for i in range(len(families.name)):
        spellings = [*families.name[i], *families.latin[i].ravel()]
        rows += [("family", i, str(word)) for word in spellings]
    vocabulary = pd.DataFrame(rows, columns=["kind", "id", "word"])
    cities = [
        (int(p), str(w))
        for p, *ws in zip(known.postcode_prefix, known.city, known.city_latin, strict=True)
        for w in ws
    ]
    cities.append((196, "СПб"))
    streets = [(i, s) for i, s in enumerate(known.street)] + [
        (i, s) for i, s in enumerate(known.street_latin)
    ]
    frames = {
        "vocabulary": vocabulary,
        "city_words": pd.DataFrame(cities, columns=["prefix", "word"]),
        "street_words": pd.DataFrame(streets, columns=["id", "word"]),
    }
    for frame in frames.values():
        frame["word"] = [word.lower().replace("ё", "е") for word in frame["word"]]
    # A street is recognised by its first word.
    frames["street_words"]["word"] = frames["street_words"]["word"].str.split().str[0]
    return frames
