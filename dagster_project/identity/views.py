"""Why two records are linked, as SQL over identity's tables.

Belongs here: queries of links and their evidence. Does not belong here: the tables, identity.edge_comparisons and
identity.link_path (warehouse/migrations), and how an answer is shown to a steward (explain.py).
"""

from dagster_project.warehouse.schema import IDENTITY

# What a letter of model.score's levels means in each model: models differ in their weights.
_MEANINGS = f"""
select m.model_version, c.place, c.said ->> 'output_column_name' as comparison, l.said ->> 'label_for_charts' as level,
    case when coalesce((l.said ->> 'is_null_level')::boolean, false) then '-'
        else chr(ascii('a') + (jsonb_array_length(c.said -> 'comparison_levels') - l.place)::integer) end as letter,
    coalesce(ln((l.said ->> 'm_probability')::double precision / (l.said ->> 'u_probability')::double precision) / ln(2.0), 0)
        as weight
from {IDENTITY}.models m
cross join jsonb_array_elements(m.settings -> 'comparisons') with ordinality c (said, place)
cross join jsonb_array_elements(c.said -> 'comparison_levels') with ordinality l (said, place)
"""


def weights_of(pairs: str, models: str) -> str:
    """SQL: the query `pairs` (levels, match_weight, model_version and more), each row once for every comparison.

    `models` is a query of the model_version that they have. It adds comparison, level and weight in bits. Comparison
    `prior` is what any two cards start from: the weights of a pair add up to its match_weight.
    """
    return f"""
        with meanings as materialized ({_MEANINGS} where m.model_version in (select model_version from ({models}) v))
        select p.*, w.* from ({pairs}) p cross join lateral (
            with said as (
                select m.comparison, m.level,
                    round((m.weight + coalesce(nullif(substr(t.word, 2), '')::double precision / 1000, 0))::numeric, 3)
                        ::double precision as weight
                from string_to_table(p.levels, ' ') with ordinality t (word, place)
                join meanings m on m.model_version = p.model_version and m.place = t.place and m.letter = left(t.word, 1)
            )
            select comparison, level, weight from said
            union all select 'prior', null, round((p.match_weight - sum(weight))::numeric, 3)::double precision from said
        ) w where p.levels is not null
    """
