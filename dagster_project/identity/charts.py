"""Pictures of a linkage run, for people who look before they read.

Belongs here: charts as PNG, made of counts that PostgreSQL has summed up, and of the model. Does not belong here:
showing them (assets/), and anything that names a person.
"""

from math import log2
from typing import Any

import pandas as pd
import sqlalchemy as sa

from dagster_project.identity.estimate import RULE_BELIEF
from dagster_project.identity.explain import Evidence, stored_weights
from dagster_project.identity.model import COMPARISONS, Model
from dagster_project.identity.resolution import THRESHOLD
from dagster_project.identity.waterfall import waterfall
from dagster_project.warehouse import Warehouse

LARGEST_SHOWN = 15
BLUE, RED, GREY = "#4c78a8", "#e45756", "#d6d6d6"

SIZES = """
    select least(cards, :largest) as cards, count(*) as customers
    from (select count(*) as cards from identity.record_customers group by customer_id) c group by 1
"""
WEIGHTS = """
    select width_bucket(match_weight, -20, 40, 30) * 2 - 21 as match_weight,
        case when is_used then 'used' else 'not used' end as link, count(*) as pairs
    from identity.edges where match_weight is not null group by 1, 2
"""
RULES = """
    select replace(linked_by, 'deterministic:', '') as linked_by,
        case when is_used then 'used' else 'not used' end as link, count(*) as pairs
    from identity.edges group by 1, 2
"""
# Pairs that only the threshold decides, in steps of half a bit, and those that a rule links whatever it is.
DECIDED_BY_WEIGHT = """
    select floor(match_weight * 2) / 2 as bits, count(*) as pairs, sum(match_probability) as belief
    from identity.edges
    where linked_by = 'splink' and coalesce(rejected_by, 'below_threshold') in ('below_threshold', 'weak_bridge')
    group by 1
"""
RULED = "select linked_by, count(*) as pairs from identity.edges where is_used and linked_by <> 'splink' group by 1"
# The pair in the middle of those that the model alone links.
EXAMPLE = """
    select source_system_l, source_record_id_l, source_system_r, source_record_id_r, match_weight, match_probability
    from identity.edges where linked_by = 'splink' and is_used
    order by abs(match_weight - (
        select percentile_cont(0.5) within group (order by match_weight) from identity.edges
        where linked_by = 'splink' and is_used)), match_weight limit 1
"""


def overview(warehouse: Warehouse) -> bytes:
    """A PNG: how many cards customers have, how heavy the links are, which rule found them."""
    import altair as alt

    sizes = _read(warehouse, SIZES, largest=LARGEST_SHOWN)
    used = alt.Color("link:N", title=None, scale=alt.Scale(domain=["used", "not used"], range=[BLUE, GREY]))
    by_size = (
        alt.Chart(sizes, title="Cards per customer", width=260, height=220)
        .mark_bar(color=BLUE)
        .encode(
            alt.X("cards:O", title=f"cards ({LARGEST_SHOWN} and more together)", axis=alt.Axis(labelAngle=0)),
            alt.Y("customers:Q", title="customers (square root scale)", scale=alt.Scale(type="sqrt")),
        )
    )
    by_weight = (
        alt.Chart(_read(warehouse, WEIGHTS), title="Match weights of judged pairs", width=320, height=220)
        .mark_bar(width=9)
        .encode(alt.X("match_weight:Q", title="match weight (bits, log2 odds)"), alt.Y("pairs:Q"), used)
    )
    by_rule = (
        alt.Chart(_read(warehouse, RULES), title="Links by rule", width=260, height=220)
        .mark_bar()
        .encode(alt.Y("linked_by:N", title=None, sort="-x"), alt.X("pairs:Q"), used)
    )
    return _png(alt.hconcat(by_size, by_weight, by_rule, spacing=36))


def match_weights(model: Model) -> bytes:
    """A PNG: for each comparison what each of its levels says for one person (right) or against it (left), in bits."""
    import altair as alt

    rows = [
        (name, level["label_for_charts"], log2(level["m_probability"] / level["u_probability"]))
        for name, comparison in _comparisons(model).items()
        for level in comparison["comparison_levels"]
        if not level.get("is_null_level")
    ]
    prior = model.settings["probability_two_random_records_match"]
    rows.insert(0, ("prior", "any two cards", log2(prior / (1 - prior))))
    levels = pd.DataFrame(rows, columns=["comparison", "level", "bits"])
    levels["says"] = ["for" if bits >= 0 else "against" for bits in levels["bits"]]
    levels["label"] = [f"{bits:+.1f}" for bits in levels["bits"]]
    panels = []
    extent = [min(levels["bits"].min(), -1) - 3, levels["bits"].max() + 3]
    for name in ["prior", *COMPARISONS]:
        own = levels[levels["comparison"] == name]
        last = name == list(COMPARISONS)[-1]
        base = alt.Chart(own, width=520, height=alt.Step(17)).encode(
            alt.Y(
                "level:N",
                sort=list(own["level"]),
                title=name,
                axis=alt.Axis(
                    titleAngle=0,
                    titleAlign="right",
                    titleX=-92,
                    titleY=10,
                    ticks=False,
                    domain=False,
                    minExtent=86,
                ),
            )
        )
        bits = alt.X(
            "bits:Q",
            scale=alt.Scale(domain=extent, nice=False),
            title="bits (log2 of m / u)" if last else None,
            axis=alt.Axis(labels=last, ticks=last, domain=last),
        )
        bar = base.mark_bar(height=12).encode(
            bits,
            alt.Color("says:N", legend=None, scale=alt.Scale(domain=["for", "against"], range=[BLUE, RED])),
        )
        for_ = base.mark_text(align="left", dx=4, fontSize=10).encode(bits, text="label:N")
        against = base.mark_text(align="right", dx=-4, fontSize=10).encode(bits, text="label:N")
        panels.append(
            bar + for_.transform_filter("datum.bits >= 0") + against.transform_filter("datum.bits < 0")
        )
    title = alt.Title(
        f"Match weights of model {model.version}",
        subtitle=f"trained {model.trained_at:%Y-%m-%d} on {model.training['profiles']:,} profiles; "
        "a rare name says more than its level shows",
        anchor="start",
    )
    return _png(alt.vconcat(*panels, spacing=5, title=title))


def thresholds(warehouse: Warehouse) -> bytes | None:
    """A PNG: estimated precision and recall of the links by the threshold on the match weight. None without pairs."""
    import altair as alt

    pairs = _read(warehouse, DECIDED_BY_WEIGHT)
    if pairs.empty:
        return None
    ruled = _read(warehouse, RULED)
    count = float(ruled["pairs"].sum()) if len(ruled) else 0.0
    belief = sum(
        row.pairs * RULE_BELIEF.get(row.linked_by.removeprefix("deterministic:"), 1.0)
        for row in ruled.itertuples()
    )
    pairs = pairs.astype(float).sort_values("bits", ascending=False)
    found = pairs["pairs"].cumsum() + count
    right = pairs["belief"].cumsum() + belief
    curves = pd.concat(
        [
            pd.DataFrame({"bits": pairs["bits"], "share": right / found, "figure": "precision"}),
            pd.DataFrame({"bits": pairs["bits"], "share": right / right.iloc[-1], "figure": "recall"}),
        ]
    )
    chosen = pd.DataFrame({"bits": [log2(THRESHOLD / (1 - THRESHOLD))], "label": [f"in use: {THRESHOLD}"]})
    lines = (
        alt.Chart(curves, width=460, height=260)
        .mark_line(interpolate="step-after", strokeWidth=2)
        .encode(
            alt.X(
                "bits:Q", title="threshold on the match weight (bits, log2 odds)", scale=alt.Scale(nice=False)
            ),
            alt.Y(
                "share:Q",
                title="estimated share of links",
                scale=alt.Scale(zero=False),
                axis=alt.Axis(format=".1%"),
            ),
            alt.Color(
                "figure:N", title=None, scale=alt.Scale(domain=["precision", "recall"], range=[BLUE, RED])
            ),
        )
    )
    rule = alt.Chart(chosen).mark_rule(strokeDash=[4, 3], color="#666666").encode(x="bits:Q")
    text = (
        alt.Chart(chosen)
        .mark_text(align="left", dx=5, baseline="top", color="#666666")
        .encode(x="bits:Q", y=alt.value(240), text="label:N")
    )
    title = alt.Title(
        "Threshold against precision and recall",
        subtitle="of links, estimated from the model's probabilities; pairs that a guard rejects are left out",
        anchor="start",
    )
    return _png((lines + rule + text).properties(title=title))


def example(warehouse: Warehouse) -> bytes | None:
    """A PNG: the waterfall of a typical pair that the model links, without its keys. None where there is none."""
    found = _read(warehouse, EXAMPLE)
    if found.empty:
        return None
    *keys, weight, probability = found.iloc[0]
    shown = Evidence(
        ("one card",),  # type: ignore[arg-type]
        ("another, linked by the model",),  # type: ignore[arg-type]
        "splink",
        float(weight),
        float(probability),
        stored_weights(warehouse, (keys[0], keys[1]), (keys[2], keys[3])),
    )
    return waterfall([shown])


def _comparisons(model: Model) -> dict[str, Any]:
    return {c["output_column_name"]: c for c in model.settings["comparisons"]}


def _read(warehouse: Warehouse, query: str, **parameters: Any) -> pd.DataFrame:
    with warehouse.begin() as connection:
        result = connection.execute(sa.text(query), parameters)
        return pd.DataFrame(result.fetchall(), columns=list(result.keys()))


def _png(chart: Any) -> bytes:
    import vl_convert

    return vl_convert.vegalite_to_png(chart.configure_view(strokeWidth=0).to_json(), scale=1.5)
