"""A waterfall of match weights: how a pair's evidence adds up, as a picture.

Belongs here: one pair's or one path's waterfall. Does not belong here: pictures of a whole run (charts.py).
"""

from collections.abc import Sequence

import pandas as pd

from dagster_project.identity.explain import Evidence

_COLOURS = {"for": "#4c78a8", "against": "#e45756", "together": "#666666"}


def waterfall(pairs: Sequence[Evidence]) -> bytes:
    """A PNG: one waterfall below the other for each pair that has weights. Names no value, but the records."""
    import altair as alt
    import vl_convert

    panels = []
    for pair in pairs:
        bars = _bars(pair)
        order = list(bars["name"])
        base = alt.Chart(
            bars,
            width=alt.Step(64),
            height=220,
            title=alt.Title(
                " – ".join("/".join(key) for key in (pair.left, pair.right)),
                subtitle=f"probability {pair.match_probability:.4f}",
                anchor="start",
            ),
        ).encode(alt.X("name:N", sort=order, title=None, axis=alt.Axis(labelAngle=-35)))
        bar = base.mark_bar(size=36).encode(
            alt.Y("start:Q", title="bits (log2 odds)"),
            alt.Y2("end:Q"),
            alt.Color(
                "kind:N",
                title=None,
                scale=alt.Scale(domain=list(_COLOURS), range=list(_COLOURS.values())),
            ),
        )
        label = base.mark_text(dy=-8, fontSize=11).encode(alt.Y("top:Q"), text="label:N")
        zero = alt.Chart(pd.DataFrame({"zero": [0]})).mark_rule(color="#999999").encode(y="zero:Q")
        panels.append(zero + bar + label)
    picture = alt.vconcat(*panels).configure_view(strokeWidth=0)
    return vl_convert.vegalite_to_png(picture.to_json(), scale=1.5)


def _bars(pair: Evidence) -> pd.DataFrame:
    rows, total = [], 0.0
    for weight in pair.weights:
        if weight.level == "missing":
            continue
        name = f"{weight.comparison}: {weight.level}" if weight.level else "any two cards"
        rows.append(
            (
                name,
                total,
                total + weight.bits,
                "for" if weight.bits >= 0 else "against",
                f"{weight.bits:+.1f}",
            )
        )
        total += weight.bits
    rows.append(("together", 0.0, total, "together", f"{total:+.1f}"))
    bars = pd.DataFrame(rows, columns=["name", "start", "end", "kind", "label"])
    return bars.assign(top=bars[["start", "end"]].max(axis=1))
