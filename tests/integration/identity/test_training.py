"""A new model on a real PostgreSQL: compared with the one in use, promoted or kept, and what other code's model says."""

import json
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from typer.testing import CliRunner

from dagster_project.assets.training import train_linkage_model
from dagster_project.cli import app
from dagster_project.config import Settings
from dagster_project.errors import IdentityError
from dagster_project.identity import refresh, train, train_for_new_sources, training
from dagster_project.identity.model import Model, train_model
from dagster_project.warehouse import Warehouse
from tests.integration.identity.test_refresh import do, filled, rows
from tests.unit.identity.people import company

__all__ = ["filled"]

CURRENT = "select model_version from identity.models where is_current"


@pytest.fixture
def model_matters(filled: Warehouse) -> Warehouse:
    """ERP cards have an address as CRM's do, and neither phone nor e-mail: only the model links them."""
    digits = "right(regexp_replace({}.phone, '[^0-9]', '', 'g'), 10)"
    do(
        filled,
        "update intermediate.customer_records c set street = e.street, city = e.city from intermediate.customer_records e"
        " where c.source_system = 'crm' and e.source_system = 'erp' and "
        + " = ".join(map(digits.format, "ce")),
    )
    do(
        filled,
        "update intermediate.customer_records set phone = null, email = null where source_system = 'erp'",
    )
    refresh(filled, "r1")
    return filled


def worse(*arguments: Any) -> Model:
    """A model that believes nobody: every level of every comparison speaks against a match."""
    model = train_model(*arguments)
    settings = json.loads(json.dumps(model.settings))
    for comparison in settings["comparisons"]:
        for level in comparison["comparison_levels"]:
            if "m_probability" in level:
                level["m_probability"] = level["u_probability"] / 50
    return Model("m-worse", model.trained_at, settings, model.training, model.term_frequencies)


def test_the_same_cards_train_the_model_in_use(filled: Warehouse) -> None:
    refresh(filled, "r1")
    ((version,),) = rows(filled, CURRENT)
    outcome = train(filled)
    assert not outcome.is_promoted and "stays" in outcome.why
    assert rows(filled, "select model_version from identity.models") == [(version,)]
    assert refresh(filled, "r2").is_skipped


def test_a_model_that_is_not_worse_is_promoted_and_the_next_refresh_scores_with_it(filled: Warehouse) -> None:
    refresh(filled, "r1")
    ((old,),) = rows(filled, CURRENT)
    do(filled, "delete from intermediate.customer_records where hashtext(source_record_id) % 7 = 0")
    truth = company(150, seed=3)[2]
    outcome = train(filled, truth=truth)
    figures = {figure.name: figure for figure in outcome.figures}
    assert outcome.is_promoted and outcome.parent == old, outcome.why
    # Cards that are gone count as not found.
    assert figures["estimated F1"].before and 0.7 < figures["pairwise F1"].after < 0.9
    assert figures["links gained"].after + figures["links lost"].after < 0.1 * figures["links"].after
    assert rows(filled, CURRENT) == [(outcome.model.version,)]
    ((kept,),) = rows(
        filled, f"select training from identity.models where model_version = '{outcome.model.version}'"
    )
    cards = rows(filled, "select count(*) from intermediate.customer_records")[0][0]
    assert (kept["parent"], kept["cards"]) == (old, cards)
    assert {"rules_version", "profiles", "sessions", "names", "weights", "verdict", "figures"} <= set(kept)
    # Scoring never retrains.
    assert refresh(filled, "r2").model_version == outcome.model.version
    assert rows(filled, "select count(*) from identity.models") == [(2,)]


def test_a_worse_model_is_kept_back_unless_forced(
    model_matters: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    ((old,),) = rows(model_matters, CURRENT)
    monkeypatch.setattr(training, "train_model", worse)
    outcome = train(model_matters)
    assert not outcome.is_promoted
    assert outcome.why.startswith("Kept the model in use: estimated F1 went from 0.9")
    assert rows(model_matters, CURRENT) == [(old,)]
    assert rows(model_matters, "select training ->> 'verdict' from identity.models where not is_current") == [
        (outcome.why,)
    ]
    assert refresh(model_matters, "r2").is_skipped
    forced = train(model_matters, force=True)
    assert forced.is_promoted and forced.why.startswith("Promoted by force: estimated F1")
    assert rows(model_matters, CURRENT) == [(forced.model.version,)] != [(old,)]


def test_what_stewards_said_judges_both_models(
    model_matters: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = rows(
        model_matters,
        "select source_system_l, source_record_id_l, source_system_r, source_record_id_r from identity.edges"
        " where is_used and linked_by = 'splink' order by match_weight limit 2",
    )
    for a, b, c, d in pairs:
        do(
            model_matters,
            "insert into identity.decisions (source_system_l, source_record_id_l, source_system_r, source_record_id_r,"
            f" verdict, author) values ('{a}', '{b}', '{c}', '{d}', 'same', 'steward')",
        )
    monkeypatch.setattr(training, "train_model", worse)
    (kept,) = [figure for figure in train(model_matters).figures if figure.name == "decisions kept"]
    assert kept.before == 1 and kept.after < 1 and kept.is_worse


def test_a_model_of_other_code_is_refused_until_a_new_one_is_trained(filled: Warehouse) -> None:
    refresh(filled, "r1")
    do(filled, "create table identity.kept as select settings, training from identity.models")
    phone = "{comparisons,4,comparison_levels,1,sql_condition}"
    for change, words in (
        (
            f"settings = jsonb_set(m.settings, '{phone}', '\"phone_l = phone_r\"')",
            "compares phone by other columns",
        ),
        ("training = m.training || '{\"format\": 99}'", "is of format 99"),
        ("settings = m.settings #- '{comparisons,0}'", "compares given by other columns"),
    ):
        do(
            filled,
            "update identity.models set (settings, training) = (select settings, training from identity.kept)",
        )
        do(filled, f"update identity.models m set {change}")
        with pytest.raises(IdentityError, match=words) as error:
            refresh(filled, "r2")
        assert "c360 train" in error.value.remedy
    assert rows(filled, "select count(*) from identity.runs") == [(1,)]
    do(
        filled,
        "alter table identity.model_term_frequencies drop constraint model_term_frequencies_model_version_fkey;"
        " update identity.models set model_version = 'm-old'",
    )
    outcome = train(filled)
    assert outcome.is_promoted and "compares given by other columns" in outcome.why
    assert refresh(filled, "r2").model_version == outcome.model.version


def test_without_cards_there_is_nothing_to_train_on(filled: Warehouse) -> None:
    do(filled, "truncate intermediate.customer_records")
    with pytest.raises(IdentityError, match="no cards to train on"):
        train(filled)


def test_the_job_shows_what_came_of_it(filled: Warehouse) -> None:
    refresh(filled, "r1")
    do(filled, "delete from intermediate.customer_records where hashtext(source_record_id) % 7 = 0")

    class Stub:
        warehouse = filled

        settings = Settings(_env_file=None)

    context = dg.build_op_context()
    train_linkage_model(context, environment=Stub(), refresh_lock=None)
    shown = context.get_output_metadata("result")
    assert shown["promoted"] is True and shown["why"].startswith("Promoted")
    assert "data:image/png;base64," in shown["match_weights"].md_str
    names = {
        name
        for (name,) in rows(
            filled, "select family_name from intermediate.customer_records where family_name is not null"
        )
    }
    text = str({key: value for key, value in shown.items() if key != "match_weights"})
    assert names and not any(name in text for name in names)


def test_the_command_says_what_came_of_it(
    model_matters: Warehouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("C360_HOME", str(tmp_path))
    monkeypatch.setattr("dagster_project.warehouse.open_current", lambda *_: model_matters)

    def said(*words: str) -> str:
        result = CliRunner().invoke(app, ["train", *words], env={"COLUMNS": "200"})
        assert result.exit_code == 0, result.output
        return result.output

    assert "it stays" in said()
    monkeypatch.setattr(training, "train_model", worse)
    told = said()
    assert "Kept the model in use: estimated F1" in told and "new: m-" in told
    assert "largest customer" in told and "links lost" in told
    assert "Names alone link nobody: of " in told
    assert "The next `c360 refresh` links every card by the new model." in said("--force")


def add_source(warehouse: Warehouse, name: str, where: str) -> None:
    """Records of `where` once more, as another system has them: with their identifiers, of another town."""
    for table, changes in (("customer_records", ", city = 'Тверь'"), ("customer_record_identifiers", "")):
        do(
            warehouse,
            f"create temp table copied on commit drop as select * from intermediate.{table} where {where};"
            f" update copied set source_system = '{name}'{changes};"
            f" insert into intermediate.{table} select * from copied",
        )


def test_a_new_source_trains_once_before_it_is_scored(filled: Warehouse) -> None:
    assert train_for_new_sources(filled) == (
        None,
        "No model is in use: scoring trains the first one, or refuses one of other code.",
    )
    refresh(filled, "r1")
    ((old,),) = rows(filled, CURRENT)
    assert train_for_new_sources(filled) == (None, "The model in use was trained on records of every source.")

    add_source(filled, "loyalty", "source_system = 'crm' and hashtext(source_record_id) % 3 = 0")
    training, why = train_for_new_sources(filled)
    assert training is not None and training.is_promoted, why
    assert why.startswith("The model in use never met records of loyalty. Promoted: ")
    assert "loyalty" in training.model.training["sources"]
    done = refresh(filled, "r2")
    assert done.model_version == training.model.version != old
    assert (done.new_sources, done.weight_drift) == (1, pytest.approx(0, abs=0.05))
    assert train_for_new_sources(filled)[0] is None
    do(filled, "update intermediate.customer_records set city = 'Тула' where source_system = 'loyalty'")
    assert refresh(filled, "r3").new_sources == 0


def test_a_few_records_of_a_new_source_are_no_reason_to_train(filled: Warehouse) -> None:
    refresh(filled, "r1")
    some = "(select source_record_id from intermediate.customer_records where source_system = 'crm' limit 19)"
    add_source(filled, "loyalty", f"source_system = 'crm' and source_record_id in {some}")
    training, why = train_for_new_sources(filled)
    assert training is None and why.startswith("loyalty: 19 of ")


def test_a_model_that_was_refused_is_not_trained_again_and_its_drift_is_measured_anew(
    model_matters: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_source(model_matters, "loyalty", "source_system = 'crm' and hashtext(source_record_id) % 3 = 0")
    monkeypatch.setattr(training, "train_model", worse)
    refused, why = train_for_new_sources(model_matters)
    assert refused is not None and not refused.is_promoted
    assert "Kept the model in use" in why
    again, why = train_for_new_sources(model_matters)
    assert (again, why) == (None, "A model was trained with loyalty and not promoted.")
    # The model that stays was evaluated on the new records: they are what it is compared with from now on.
    assert refresh(model_matters, "r2").weight_drift == pytest.approx(0, abs=0.05)


def test_a_guest_of_many_orders_is_one_profile_of_the_largest_customer(filled: Warehouse) -> None:
    refresh(filled, "r1")
    one = "(select min(source_record_id) from intermediate.customer_records where source_system = 'crm')"
    do(
        filled,
        "create temp table copied on commit drop as select c.*, n from intermediate.customer_records c,"
        f" generate_series(1, 120) n where source_system = 'crm' and source_record_id = {one};"
        " update copied set source_record_id = 'order:' || n; alter table copied drop column n;"
        " insert into intermediate.customer_records select * from copied",
    )
    do(filled, "delete from intermediate.customer_records where hashtext(source_record_id) % 7 = 0")
    figures = {figure.name: figure for figure in train(filled).figures}
    assert figures["largest customer"].after <= 10
