"""Pictures of a run: drawn where there is something to draw, without a key or a name."""

import altair as alt
import pytest

from dagster_project.identity import charts, refresh, store
from dagster_project.warehouse import Warehouse
from tests.integration.identity.test_refresh import do, filled, rows

__all__ = ["filled"]

PNG = b"\x89PNG"


def test_the_pictures_of_a_run_and_of_its_model(filled: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    refresh(filled, "r1")
    specs: list[str] = []
    draw = alt.TopLevelMixin.to_json
    monkeypatch.setattr(alt.TopLevelMixin, "to_json", lambda self: specs.append(draw(self)) or specs[-1])
    model = store.read_model(filled)
    assert model is not None
    pictures = [
        charts.overview(filled),
        charts.thresholds(filled),
        charts.example(filled),
        charts.match_weights(model),
    ]
    assert all(picture and picture.startswith(PNG) and len(picture) > 10_000 for picture in pictures)
    # Every level of the model is shown, with its bits.
    assert all(f'"level": "{label}"' in specs[-1] for label in ("same", "typo", "other", "flat", "mailbox"))
    # A waterfall names levels, never a card or a value.
    keys = {key for (key,) in rows(filled, "select source_record_id from intermediate.customer_records")}
    names = {
        name
        for (name,) in rows(
            filled, "select family_name from intermediate.customer_records where family_name is not null"
        )
    }
    assert not [
        word for word in keys | names if f'"{word}"' in "".join(specs) or f"/{word}" in "".join(specs)
    ]


def test_without_links_there_is_no_threshold_to_show(filled: Warehouse) -> None:
    refresh(filled, "r1")
    do(filled, "truncate identity.edges")
    assert charts.thresholds(filled) is None and charts.example(filled) is None
    assert charts.overview(filled).startswith(PNG)
