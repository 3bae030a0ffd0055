"""An audit as one HTML file with pictures, which opens anywhere and loads nothing.

Belongs here: how the figures look. Does not belong here: the figures (measure.py).
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape
from typing import Any

from dagster_project.audit.measure import Audit
from dagster_project.identity.placeholders import REASONS

BLUE, RED, GREY, GREEN, ORANGE = "#4c78a8", "#e45756", "#d6d6d6", "#54a24b", "#f58518"
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 1000px; margin: 2em auto; padding: 0 1em }
h1 { font-size: 1.5em } h2 { font-size: 1.15em; margin-top: 2em } p { color: #555 }
table { border-collapse: collapse; width: 100%; font-size: 13px } svg { max-width: 100%; height: auto }
th { text-align: left; border-bottom: 2px solid #ccc } td { border-bottom: 1px solid #eee }
th, td { padding: 3px 10px 3px 0 } .n { text-align: right; font-variant-numeric: tabular-nums }
"""
# What may become of a card, in the words of the picture's legend, and its colour.
OUTCOMES = (
    ("known_elsewhere", "another source knows it", GREEN),
    ("twin_here", "shares an identifier here only", BLUE),
    ("alone", "nobody shares its identifier", ORANGE),
    ("by_name", "by its name alone", GREY),
    ("unlinkable", "by nothing", RED),
)


def page(found: Audit, at: datetime) -> str:
    """The whole file."""
    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>Audit of the sources</title>",
        f"<style>{STYLE}</style></head><body><h1>Audit of the sources</h1>",
        f"<p>Read on {at:%Y-%m-%d at %H:%M} {escape(at.tzname() or '')}. Counts and shares only; values that name "
        "nobody are masked. Rows that a source marks as deleted are counted with the others.</p>",
        "<h2>How cards can be linked</h2>",
        "<p>A card is a row that names somebody. Identifiers that a system keeps in a table of their own count in "
        "the overlap, not among its cards.</p>",
        _svg(_linkable(found)) if found.cards else "<p>No table names people.</p>",
        _table(
            ("source", "cards", *(words for _, words, _ in OUTCOMES), "share an identifier with a card of the source"),
            (
                (c.source, c.cards, *(share(getattr(c, name), c.cards) for name, *_ in OUTCOMES),
                 share(c.with_twin, c.cards))
                for c in found.cards
            ),
        ),
        "<h2>How complete and how valid</h2>",
        _svg(_complete(found)) if found.columns else "",
        _table(
            ("column", "holds", "rows", "filled", "valid of these", "different", "met more than once"),
            (
                (c.label, c.holds.replace("_", " "), c.rows, share(c.filled, c.rows),
                 "" if c.valid is None else share(c.valid, c.filled), c.distinct, share(c.repeated, c.filled))
                for c in found.columns
            ),
        ),
        "<h2>What sources have in common</h2><p>Different values that both hold, whatever their spelling.</p>",
        _svg(_overlap(found)) if any(o.source != o.other for o in found.overlaps) else "<p>Nothing.</p>",
        "<h2>Values that name nobody</h2>",
        _table(
            ("holds", "value", "they are", "cards", "first names"),
            ((p.kind.replace("_", " "), p.masked, REASONS[p.reason], p.cards, "" if p.people is None else p.people)
             for p in found.placeholders),
        ),
        "<h2>Tables</h2>",
        _table(
            ("table", "rows", "earliest change", "latest change", "rows without a time", "what is no row"),
            ((f"{t.source}.{t.table}", t.rows, day(t.earliest), day(t.latest), t.without_time or "", t.rejected or "")
             for t in found.tables),
        ),
        "<h2>Files that could not be read</h2>",
        _table(
            ("table", "file", "why"),
            ((f"{t.source}.{t.table}", *refused) for t in found.tables for refused in t.refused),
        ),
        "</body></html>",
    ]  # fmt: skip
    return "\n".join(parts)


def share(part: int, whole: int) -> str:
    """As a person reads it: 0.04 % is not 0 %."""
    if not whole:
        return ""
    percent = 100 * part / whole
    return f"{percent:.0f} %" if percent in (0, 100) or 1 <= percent <= 99 else f"{percent:.1f} %"


def day(time: str | None) -> str:
    return (time or "")[:10]


def _table(headers: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    rows = list(rows)
    if not rows:
        return "<p>None.</p>"
    numeric = [
        all(isinstance(v, int) or v == "" or str(v).endswith(" %") for v in column)
        for column in zip(*rows, strict=True)
    ]

    def line(tag: str, values: Sequence[Any]) -> str:
        shown = (f"{value:,}" if isinstance(value, int) else str(value) for value in values)
        cells = (
            f"<{tag}{' class=n' if is_number else ''}>{escape(text)}</{tag}>"
            for text, is_number in zip(shown, numeric, strict=True)
        )
        return f"<tr>{''.join(cells)}</tr>"

    return f"<table>{line('th', headers)}{''.join(line('td', row) for row in rows)}</table>"


def _svg(chart: Any) -> str:
    import vl_convert

    svg: str = vl_convert.vegalite_to_svg(chart.to_json())
    return svg[svg.index("<svg") :]


def _linkable(found: Audit) -> Any:
    import altair as alt
    import pandas as pd

    rows = pd.DataFrame(
        [
            {"source": c.source, "what": words, "order": place, "cards": getattr(c, name)}
            for c in found.cards
            for place, (name, words, _) in enumerate(OUTCOMES)
        ]
    )
    legend = [words for _, words, _ in OUTCOMES]
    return (
        alt.Chart(rows, width=760)
        .mark_bar()
        .encode(
            x=alt.X("cards:Q", stack="normalize", axis=alt.Axis(format="%", title="cards")),
            y=alt.Y("source:N", sort=[c.source for c in found.cards], title=None),
            color=alt.Color(
                "what:N",
                sort=legend,
                scale=alt.Scale(domain=legend, range=[c for *_, c in OUTCOMES]),
                legend=alt.Legend(orient="top", title=None, columns=3, labelLimit=300),
            ),
            order="order:Q",
        )
    )


def _complete(found: Audit) -> Any:
    import altair as alt
    import pandas as pd

    legend = {"valid": GREEN, "filled": BLUE, "not valid": RED, "empty": GREY}
    rows = []
    for place, c in enumerate(found.columns):
        bad = 0 if c.valid is None else c.filled - c.valid
        parts = (
            ("filled" if c.valid is None else "valid", c.filled - bad),
            ("not valid", bad),
            ("empty", c.rows - c.filled),
        )
        rows += [
            {"column": c.label, "place": place, "what": what, "rows": count,
             "order": list(legend).index(what)}
            for what, count in parts
        ]  # fmt: skip
    return (
        alt.Chart(pd.DataFrame(rows), width=560)
        .mark_bar()
        .encode(
            x=alt.X("rows:Q", stack="normalize", axis=alt.Axis(format="%", title="rows")),
            y=alt.Y("column:N", sort=alt.EncodingSortField("place", op="min"), title=None, axis=alt.Axis(labelLimit=400)),
            color=alt.Color(
                "what:N",
                scale=alt.Scale(domain=list(legend), range=list(legend.values())),
                legend=alt.Legend(orient="top", title=None),
            ),
            order="order:Q",
        )
    )  # fmt: skip


def _overlap(found: Audit) -> Any:
    import altair as alt
    import pandas as pd

    known = {(o.kind, o.source, o.other): o.shared for o in found.overlaps}
    kinds = sorted({kind for kind, of, other in known if of != other})
    sources = list(dict.fromkeys(t.source for t in found.tables if any(t.source == s for _, s, _ in known)))
    rows = [
        {"kind": kind.replace("_", " "), "of": of, "also in": other, "share": known.get((kind, of, other), 0) / held,
         "label": f"{known.get((kind, of, other), 0):,}"}
        for kind in kinds for of in sources if (held := known.get((kind, of, of))) for other in sources
    ]  # fmt: skip
    base = alt.Chart(pd.DataFrame(rows), width=46 * len(sources) + 60, height=34 * len(sources)).encode(
        x=alt.X("also in:N", sort=sources, axis=alt.Axis(labelAngle=-30, title="also in")),
        y=alt.Y("of:N", sort=sources, title="values of"),
    )
    squares = base.mark_rect().encode(
        color=alt.Color("share:Q", scale=alt.Scale(scheme="blues", domain=[0, 1]), legend=None)
    )
    labels = base.mark_text(fontSize=11).encode(
        text="label:N", color=alt.condition("datum.share > 0.6", alt.value("white"), alt.value("#222"))
    )
    return alt.layer(squares, labels).facet(facet=alt.Facet("kind:N", title=None), columns=2)
