"""The whole dbt project on the sample: what each mart says of Anna, and that each invariant can fail."""

import re
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import yaml

from dagster_project.config import DBT_PROJECT_DIR, Settings, source_contracts
from dagster_project.quality import holding, quarantine
from dagster_project.warehouse import Warehouse
from tests.dbt.conftest import Dbt, DbtRun

Built = tuple[Warehouse, DbtRun]
SHOP_ORDER, RECEIPT = "woocommerce:order:500", "odoo:pos:300"
# Each data test costs a refresh a tenth of a second and an event: constraints and gates come first.
MOST_DATA_TESTS = 60


def rows(built: Built, query: str) -> list[dict[str, Any]]:
    with built[0].begin() as connection:
        return [dict(row) for row in connection.execute(sa.text(query)).mappings()]


def missing(row: dict[str, Any]) -> Any:
    """The amount that a row of the reconciliation cannot account for."""
    return (row["amount_before"] or 0) - (row["amount_after"] or 0) - (row["amount_left_out"] or 0)


def mart(built: Built, name: str, where: str = "true") -> list[dict[str, Any]]:
    """The mart's rows, in the order of its first column."""
    return rows(built, f"select * from marts_build.{name} where {where} order by 1")


def test_everything_builds_and_only_unmapped_statuses_warn(built: Built) -> None:
    _, run = built
    assert not run.named("error", "fail", "skipped"), run.output[-3000:]
    assert run.named("warn") == {"assert_statuses_are_mapped"}
    assert 0 < len(run.data_tests) <= MOST_DATA_TESTS


def test_every_mart_holds_its_primary_key_and_what_must_be_filled(built: Built) -> None:
    files = sorted((DBT_PROJECT_DIR / "models" / "marts").glob("*/_*__models.yml"))
    models = [model for file in files for model in yaml.safe_load(file.read_text())["models"]]
    declared = {model["name"]: model["config"]["meta"]["primary_key"] for model in models}
    found = rows(
        built,
        "select conrelid::regclass::text as mart, array_agg(attname::text order by place) as key "
        "from pg_constraint cross join unnest(conkey) with ordinality as columns (number, place) "
        "join pg_attribute on attrelid = conrelid and attnum = number "
        "where contype = 'p' and connamespace = 'marts_build'::regnamespace group by conrelid",
    )
    assert {row["mart"].removeprefix("marts_build."): row["key"] for row in found} == declared
    filled = rows(
        built,
        "select attrelid::regclass::text || '.' || attname as name from pg_attribute "
        "join pg_class on pg_class.oid = attrelid where attnotnull and relkind = 'r' "
        "and relnamespace = 'marts_build'::regnamespace and attnum > 0",
    )
    required = {
        f"marts_build.{model['name']}.{column['name']}"
        for model in models
        for column in model["columns"]
        if column["name"] in declared[model["name"]] or {"type": "not_null"} in column.get("constraints", [])
    }
    assert {row["name"] for row in filled} == required
    # What a fact cannot do without.
    assert {"marts_build.fct_interaction.occurred_at", "marts_build.fct_order.is_sale"} <= required


def test_nothing_is_lost_between_contracts_and_marts(built: Built) -> None:
    tables = mart(built, "reconciliation", "stage = 'contract_to_mart'")
    assert {row["table_name"] for row in tables} == {
        "customer_records", "interactions", "orders", "order_lines", "returns", "cases",
    }  # fmt: skip
    assert sum(row["rows_unexplained"] for row in tables) == 0
    (shop,) = [r for r in tables if (r["source_system"], r["table_name"]) == ("woocommerce", "orders")]
    # The carts are no orders; the copy of the shop's order is the ERP's.
    assert (shop["rows_before"], shop["rows_after"], shop["rows_left_out"]) == (7, 5, 2)
    assert (shop["amount_before"], shop["amount_after"], shop["amount_left_out"]) == (6770, 5800, 970)
    assert shop["left_out_reasons"] == {"cart": 2}


def test_every_source_s_rows_are_reconciled() -> None:
    assert [source for source, filled in source_contracts().items() if "source_rows" not in filled] == []


def test_every_source_row_is_in_its_contract_or_says_why_not(built: Built) -> None:
    tables = mart(built, "reconciliation", "stage = 'raw_to_contract'")
    found = {
        (row["source_system"], row["table_name"], row["contract"]): (
            row["rows_before"],
            row["rows_after"],
            row["left_out_reasons"],
        )
        for row in tables
    }
    assert found == {
        ("suitecrm", "contacts", "customer_records"): (2, 2, {}),
        ("suitecrm", "leads", "customer_records"): (1, 1, {}),
        ("suitecrm", "calls", "interactions"): (2, 1, {"planned": 1}),
        ("suitecrm", "notes", "interactions"): (1, 1, {}),
        ("suitecrm", "cases", "cases"): (2, 2, {}),
        ("odoo", "res_partner", "customer_records"): (5, 4, {"own_employee": 1}),
        ("odoo", "sale_order", "orders"): (1, 1, {}),
        ("odoo", "sale_order_line", "order_lines"): (1, 1, {}),
        ("odoo", "pos_order", "orders"): (5, 5, {}),
        ("odoo", "pos_order", "refunds"): (1, 1, {}),
        ("odoo", "pos_order", "customer_records"): (6, 1, {"has_partner": 3, "no_customer_given": 2}),
        ("odoo", "pos_order_line", "order_lines"): (5, 5, {}),
        ("odoo", "pos_order_line", "returns"): (2, 2, {}),
        ("woocommerce", "wp_wc_orders", "orders"): (8, 7, {"unsaved_order": 1}),
        ("woocommerce", "wp_wc_orders", "refunds"): (6, 6, {}),
        ("woocommerce", "wp_wc_orders", "customer_records"): (
            8,
            1,
            {"registered": 1, "no_customer_given": 5, "unsaved_order": 1},
        ),
        ("woocommerce", "wp_woocommerce_order_items", "order_lines"): (6, 5, {"no_product": 1}),
        ("woocommerce", "wp_woocommerce_order_items", "returns"): (6, 6, {}),
        ("woocommerce", "wp_wc_customer_lookup", "customer_records"): (1, 1, {}),
        ("asterisk", "cdr", "interactions"): (3, 3, {}),
        ("asterisk", "cdr", "customer_records"): (3, 1, {"anonymous_caller": 1, "internal_call": 1}),
        ("matomo", "matomo_log_visit", "web_sessions"): (6, 6, {}),
        ("matomo", "matomo_log_visit", "interactions"): (6, 6, {}),
        ("matomo", "matomo_log_visit", "customer_records"): (
            6,
            3,
            {"shared_device": 2, "anonymous_visitor": 1},
        ),
        ("matomo", "matomo_log_conversion", "web_sessions"): (6, 5, {"no_visit": 1}),
        ("chatwoot", "contacts", "customer_records"): (2, 1, {"no_customer_given": 1}),
        ("chatwoot", "conversations", "cases"): (2, 2, {}),
        ("chatwoot", "messages", "interactions"): (9, 6, {"private": 1, "activity": 1, "automatic": 1}),
        ("chatwoot", "messages", "survey_responses"): (2, 2, {}),
        ("chatwoot", "csat_survey_responses", "survey_responses"): (1, 1, {}),
    }
    for row in tables:
        assert row["rows_unexplained"] == 0, row
        assert row["rows_left_out"] == row["rows_before"] - row["rows_after"], row
        assert missing(row) == 0, row
    (receipts,) = [row for row in tables if (row["table_name"], row["contract"]) == ("pos_order", "orders")]
    # The exchange of -700 is an order of 500.
    assert (receipts["amount_before"], receipts["amount_left_out"]) == (4500, None)


def test_cards_are_the_contract_s(built: Built) -> None:
    cards = rows(
        built,
        "select source_record_id as id, parent_record_id as parent, deleted_at "
        "from intermediate.customer_records",
    )
    # Not the colleague's partner, not the empty cart, not the receipts without an identifier, no extension.
    assert {card["id"] for card in cards} == {
        "contact:c1", "contact:c2", "lead:l1", "partner:1", "partner:3", "partner:4", "partner:5",
        "receipt:302", "order:500", "user:12", "number:+79160000001", "contact:1",
        "visitor:00000000000000a1", "visitor:00000000000000b2",
    }  # fmt: skip
    assert {card["id"]: card["parent"] for card in cards if card["parent"]} == {
        "lead:l1": "contact:c1", "partner:4": "partner:3",  # an address of a company is not the company
    }  # fmt: skip
    assert [card["id"] for card in cards if card["deleted_at"]] == ["contact:c2"]


def test_deleted_emails_are_no_identifiers(built: Built) -> None:
    found = rows(
        built,
        "select source_record_id as id, value from intermediate.customer_record_identifiers "
        "where source_system = 'suitecrm' and kind = 'email'",
    )
    assert found == [{"id": "contact:c1", "value": "anna@mail.example"}]


def test_a_mirrored_order_counts_once_and_lends_its_store(built: Built) -> None:
    orders = {row["order_id"]: row for row in mart(built, "fct_order", "order_id not like 'woocommerce%51_'")}
    receipts = {f"odoo:pos:{number}" for number in (300, 302, 303, 304, 305)}
    assert set(orders) == {SHOP_ORDER, "woocommerce:order:501"} | receipts
    shop = orders[SHOP_ORDER]
    assert (shop["store_id"], shop["fulfilment_channel"], shop["source"]) == ("3", "pickup", "vk")
    assert shop["picked_up_at"].isoformat() == "2026-01-12T09:00:00+00:00"
    assert shop["amount_returned"] == 1400  # 200 by the shop, 1200 at the till
    assert orders[RECEIPT]["amount_returned"] == 1200
    # An exchange sells for 500 and takes back for 1200; the receipt itself says -700.
    assert orders["odoo:pos:305"]["amount_total"] == 500
    assert {key: row["no_customer_reason"] for key, row in orders.items() if not row["customer_id"]} == {
        "odoo:pos:303": "internal_contact", "odoo:pos:304": "no_customer_given",
    }  # fmt: skip


def test_a_refund_gives_back_what_its_header_says_whatever_its_lines_are(built: Built) -> None:
    lines = mart(built, "fct_return_line", "source_system = 'woocommerce'")
    found: dict[str, list[tuple[str, int, int | None, str | None]]] = {}
    for line in lines:
        number = line["return_id"].rpartition(":")[2]
        found.setdefault(number, []).append(
            (line["kind"], line["amount"], line["quantity"], line["order_line_id"])
        )
    assert found == {
        "502": [("adjustment", 200, None, None)],
        "511": [("goods", 1000, 1, "woocommerce:item:910"), ("shipping", 300, None, None)],
        "513": [("goods", 1000, 1, None), ("fee", -100, None, None)],
        "515": [("adjustment", 150, None, None)],
        "516": [("fee", 50, None, None)],
        "517": [("adjustment", 120, None, "woocommerce:item:917")],
    }
    returned = {row["order_number"]: row["amount_returned"] for row in mart(built, "fct_order")}
    assert (returned["510"], returned["512"], returned["514"]) == (1300, 900, 320)


def test_statuses_of_the_shop_are_known_with_and_without_their_prefix(built: Built) -> None:
    orders = rows(
        built, "select order_number, status from intermediate.orders where source_system = 'woocommerce'"
    )
    assert {row["order_number"]: row["status"] for row in orders} == {
        "499": "draft", "500": "completed", "501": None, "510": "refunded", "512": "paid", "514": "paid", "521": "draft",
    }  # fmt: skip
    placed = mart(built, "fct_interaction", "source_system = 'woocommerce' and kind = 'visit'")
    assert {row["cart_id"] for row in placed} == {"woocommerce:order:499", "woocommerce:order:521"}


def test_a_web_order_returned_in_a_store_finds_its_buyer_and_line(built: Built) -> None:
    (line,) = mart(built, "fct_return_line", "return_id = 'odoo:pos:301'")
    assert (line["order_id"], line["order_line_id"]) == (SHOP_ORDER, "woocommerce:item:900")
    assert (line["purchase_channel"], line["return_channel"]) == ("web", "store")
    assert line["is_cross_channel"]
    assert (line["customer_id"], line["resolved_through"]) == ("C-ANNA", "order")


def test_the_shop_s_margin_comes_from_the_erp_s_cost(built: Built) -> None:
    (line,) = mart(built, "fct_order_line", f"order_id = '{SHOP_ORDER}'")
    assert (line["amount"], line["cost"], line["cost_basis"], line["margin"]) == (1200, 400, "sku", 600)
    assert (line["unit_price"], line["amount_discount"]) == (1320, 120)  # with tax, before discount


def test_calls_name_a_person_or_a_reason(built: Built) -> None:
    calls = mart(built, "fct_interaction", "source_system = 'asterisk'")
    assert [(c["customer_id"], c["no_customer_reason"], c["is_answered"], c["wait_s"]) for c in calls] == [
        ("C-ANNA", None, True, 15), (None, "anonymous_caller", False, 44), (None, "internal_call", True, 2),
    ]  # fmt: skip
    assert calls[0]["occurred_at"].isoformat() == "2026-01-23T10:00:00+00:00"  # Moscow is UTC+3


def test_events_of_a_deleted_card_say_so_and_planned_calls_are_none(built: Built) -> None:
    (call,) = mart(built, "fct_interaction", "interaction_id like 'suitecrm:calls:%'")
    assert (call["interaction_id"], call["no_customer_reason"]) == ("suitecrm:calls:p2", "card_deleted")


def test_a_call_after_closing_is_a_repeat(built: Built) -> None:
    case, unknown = mart(built, "fct_contact_case", "source_system = 'suitecrm'")
    assert (case["first_response_s"], case["open_s"], case["priority"]) == (300, 7200, "high")
    assert (case["fcr_1d"], case["fcr_3d"], case["fcr_7d"]) == (True, False, False)  # Anna called on the 23rd
    assert (unknown["no_customer_reason"], unknown["status"]) == ("no_customer_given", None)
    assert unknown["fcr_7d"] is None


def test_a_chat_is_a_case_and_each_public_message_an_event(built: Built) -> None:
    chat, visitor = mart(built, "fct_contact_case", "source_system = 'chatwoot'")
    assert (chat["customer_id"], chat["channel"], chat["status"], chat["priority"]) == (
        "C-ANNA", "messenger", "closed", "high",
    )  # fmt: skip
    # The robot's answer is none; the event says when it was resolved, not the row's last change.
    assert (chat["first_response_s"], chat["open_s"], chat["employee_name"]) == (40, 1200, "Дина Колосова")
    assert (visitor["no_customer_reason"], visitor["channel"]) == ("no_customer_given", "chat")
    words = mart(built, "fct_interaction", "source_system = 'chatwoot' and kind = 'message'")
    told = {row["interaction_id"].rpartition(":")[2]: row for row in words}
    assert set(told) == {"1", "2", "3", "4", "6", "11"}
    # Of words in a row the first waits; the robot's do not end the wait, nobody's last for ever.
    assert {number: (row["wait_s"], row["is_answered"]) for number, row in told.items()} == {
        "1": (40, True), "2": (None, None), "3": (20, True), "4": (None, None), "6": (None, None), "11": (None, False),
    }  # fmt: skip
    assert (told["6"]["employee_name"], told["6"]["status"], told["6"]["direction"]) == (
        "Дина Колосова",
        "read",
        "out",
    )
    assert told["2"]["employee_name"] is None
    assert told["1"]["note"] == "Где заказ?"


def test_who_a_chat_s_contact_is(built: Built) -> None:
    found = rows(
        built,
        "select kind, value from intermediate.customer_record_identifiers "
        "where source_system = 'chatwoot' order by kind, value",
    )
    assert [(row["kind"], row["value"]) for row in found] == [
        ("account", "woocommerce:user:12"), ("login", "12"), ("messenger", "telegram:555000111"),
        ("messenger", "whatsapp:79160000001"), ("phone", "+79160000001"),
    ]  # fmt: skip
    shop = rows(
        built,
        "select source_record_id as card, value from intermediate.customer_record_identifiers "
        "where source_system = 'woocommerce' and kind = 'account' order by value",
    )
    assert [(row["card"], row["value"]) for row in shop] == [
        ("order:500", "woocommerce:order:500"), ("user:12", "woocommerce:order:501"), ("user:12", "woocommerce:user:12"),
    ]  # fmt: skip


def test_a_visit_is_whose_its_browser_turned_out_to_be(built: Built) -> None:
    sessions = rows(built, "select * from intermediate.web_sessions order by started_at")
    assert [(s["source_record_id"], s["no_record_reason"], s["channel"]) for s in sessions] == [
        ("visitor:00000000000000a1", None, "web"), ("visitor:00000000000000b2", None, "web"),
        (None, "shared_device", "app"), (None, "shared_device", "web"), (None, "anonymous_visitor", "web"),
        ("visitor:00000000000000a1", None, "web"),
    ]  # fmt: skip
    # The cart that was bought is the order's; the goods that were taken out of the cart do not count.
    assert [(s["goal"], s["order_id"], s["cart_id"], s["items"], s["revenue"]) for s in sessions] == [
        ("abandoned_cart", None, "matomo:cart:1", 2, 1200), ("order", "woocommerce:order:501", None, 1, 300),
        (None, None, None, None, None), (None, None, None, None, None), ("goal_2", None, None, None, None),
        ("order", "woocommerce:order:500", None, None, 1200),
    ]  # fmt: skip
    first = sessions[0]
    assert (first["entry_url"], first["referrer_kind"], first["campaign"], first["device_type"]) == (
        "https://shop.example/chajnik", "campaign", "osen", "Mobile",
    )  # fmt: skip
    held = rows(
        built,
        "select source_record_id as card, value from intermediate.customer_record_identifiers "
        "where source_system = 'matomo' and kind = 'account' order by 1, 2",
    )
    # Before she logged in the visit showed the browser's number: it holds what the user's holds. The guest's
    # order in the same browser may be another's.
    assert [(row["card"][-2:], row["value"]) for row in held] == [
        ("a1", "woocommerce:order:501"), ("a1", "woocommerce:user:12"),
        ("b2", "woocommerce:order:501"), ("b2", "woocommerce:user:12"),
    ]  # fmt: skip
    visits = mart(built, "fct_interaction", "source_system = 'matomo'")
    assert [v["customer_id"] for v in visits] == ["C-ANNA", "C-ANNA", None, None, None, "C-ANNA"]


def test_every_question_has_a_row_answered_or_not(built: Built) -> None:
    asked = rows(built, "select * from intermediate.survey_responses order by asked_at")
    assert [(r["kind"], r["score"], r["scale_max"], r["comment"]) for r in asked] == [
        ("csat", 4, 5, "Спасибо"), ("csat", None, 5, None),
    ]  # fmt: skip
    assert {(r["source_record_id"], r["case_id"], r["employee_name"]) for r in asked} == {
        ("contact:1", "chatwoot:conversation:1", "Дина Колосова")
    }


def test_the_journey_starts_on_the_web_and_ends_in_the_store(built: Built) -> None:
    journeys = mart(built, "fct_journey", "customer_id = 'C-ANNA'")
    journeys.sort(key=lambda journey: journey["started_at"])
    assert journeys[0]["channel_path"] == "crm > web > store"  # the lead, the order, the pick-up
    assert (journeys[0]["outcome"], journeys[0]["goal_order_id"]) == ("converted", SHOP_ORDER)
    assert journeys[-1]["outcome"] == "open"


def test_the_card_answers_with_everything(built: Built) -> None:
    (row,) = mart(built, "customer_card", "customer_id = 'C-ANNA'")
    card = row["card"]
    assert (card["name"], card["phone"]) == ("Орлова Анна Павловна", "+79160000001")
    assert card["email"] == "anna@mail.example"
    assert card["notes"][0]["note"] == "Перезвонить вечером"
    assert card["orders"]["count"] == 4  # the one whose status nobody knows is no sale
    assert {"kind": "phone", "value": "+79160000001"} in card["identifiers"]
    assert row["data_as_of"].isoformat() == "2026-01-25T10:00:00+00:00"
    (profile,) = mart(built, "dim_customer", "customer_id = 'C-ANNA'")
    assert (profile["record_count"], profile["identity_confidence"]) == (11, 0.93)


def test_retired_ids_lead_to_the_survivor(built: Built) -> None:
    (row,) = mart(built, "customer_id_redirect")
    assert (row["retired_id"], row["surviving_id"], row["reason"]) == ("C-OLD", "C-ANNA", "merged")


def change_view(connection: sa.Connection, view: str, select: str) -> None:
    """Makes `view` anew as `select` from what it was."""
    query = str(connection.scalar(sa.text("select pg_get_viewdef(:view)"), {"view": view})).rstrip(";")
    connection.exec_driver_sql(f"create or replace view {view} as {select.format(f'({query}) as v')}")


def test_a_column_that_the_contract_does_not_know_is_an_error(built: Built, dbt: Dbt) -> None:
    with built[0].begin() as connection:
        change_view(connection, "staging.stg_asterisk__customer_records", "select *, 1 as shoe_size from {}")
    run = dbt("run", "--select", "customer_records")
    assert run.named("error") == {"customer_records"}
    assert "stg_asterisk__customer_records.shoe_size" in run.output
    assert dbt("run", "--select", "stg_asterisk__customer_records").named("error") == set()


# Damage to the marts, and what the reconciliation then says of a source and a contract: rows, missing money.
LOSSES = [
    ("delete from fct_interaction where source_system = 'asterisk'", "asterisk", "interactions", 3, 0),
    ("update fct_order set amount_total = 1 where order_id = 'odoo:pos:300'", "odoo", "orders", 0, 2399),
    ("delete from fct_order_line where order_id = 'odoo:pos:304'", "odoo", "order_lines", 1, 500),
    ("update fct_return_line set amount = 1 where return_id = 'odoo:pos:301'", "odoo", "returns", 0, 1199),
    ("delete from fct_contact_case where case_number = '2'", "suitecrm", "cases", 1, 0),
    ("delete from bridge_customer_record where source_system = 'suitecrm'", "suitecrm", "customer_records", 3, 0),
    # One order is lost and a cart stands in its place.
    (
        "update fct_order set order_id = 'woocommerce:order:499', amount_total = 300 "
        "where order_id = 'woocommerce:order:501'",
        "woocommerce", "orders", 2, 0,
    ),
]  # fmt: skip
# Damage to the marts that each data test must find.
BREAKS = [
    "update fct_contact_case set customer_id = 'C-OLD'",
    "update fct_return_line set return_channel = 'owl'",
    "delete from customer_card where customer_id = 'C-SHOP'",
    "update fct_journey_step set is_goal = true",
    "update fct_order_line set order_id = 'gone' where order_id = 'odoo:pos:300'",
    "update fct_journey set goal_order_id = 'gone' where goal_order_id is not null",
    "update fct_journey_step set interaction_id = 'gone' where kind = 'purchase' and order_id = 'odoo:pos:300'",
    "update fct_journey_step set journey_id = 'gone' where kind = 'lead_created'",
    "update dim_customer set full_name = null, family_name = 'Орлова', birth_date = '1980-01-01'",
]


def damage(built: Built, statements: list[str]) -> None:
    with built[0].begin() as connection:
        connection.exec_driver_sql("set local search_path = marts_build")
        for statement in statements:
            assert connection.exec_driver_sql(statement).rowcount > 0, statement


def test_the_reconciliation_tells_of_each_loss(built: Built, dbt: Dbt) -> None:
    damage(built, [statement for statement, *_ in LOSSES])
    run = dbt("run", "--select", "reconciliation")
    assert run.named("success") == {"reconciliation"}, run.output
    found = {
        (row["source_system"], row["table_name"]): (
            row["rows_unexplained"],
            missing(row),
        )
        for row in mart(built, "reconciliation", "stage = 'contract_to_mart'")
    }
    expected = {(source, table): (lost, amount) for _, source, table, lost, amount in LOSSES}
    assert {place: what for place, what in found.items() if what != (0, 0)} == expected


def test_each_data_test_can_fail(built: Built, dbt: Dbt) -> None:
    damage(built, BREAKS)
    run = dbt("test", "--select", "test_type:data")
    held = {name.split(".")[2] for name in run.data_tests} - run.named("fail")
    assert held == {"assert_layers_are_kept", "assert_statuses_are_mapped"}


def move_a_case(warehouse: Warehouse) -> None:
    """What a gate does with a bad row."""
    cases = quarantine.Place("intermediate", "cases", ("case_id",))
    with warehouse.begin() as connection:
        quarantine.ensure(connection, cases)
        moved = connection.exec_driver_sql(
            "with moved as (delete from intermediate.cases where case_number = '2' returning *) "
            f"insert into {cases.quarantine} (row_key, row, reasons, run_id) "
            "select case_id, to_jsonb(moved), '{bad}', 'run-1' from moved"
        )
        assert moved.rowcount == 1


def test_a_source_that_is_held_back_keeps_what_the_contracts_had_of_it(built: Built, dbt: Dbt) -> None:
    warehouse, _ = built
    cards = "select * from intermediate.customer_records where source_system = '{}' order by 2"
    cases = "select case_id from intermediate.cases where source_system = 'suitecrm' order by 1"
    move_a_case(warehouse)
    (moved_out,) = rows(built, "select row ->> 'case_id' as case_id from quarantine.cases")
    kept, left = rows(built, cards.format("suitecrm")), rows(built, cases)
    assert kept and left
    holding.hold(warehouse, "suitecrm", holding.EXTRACTION, "broken", "run-2")
    with warehouse.begin() as connection:
        connection.exec_driver_sql("update raw_suitecrm.contacts set last_name = 'Новая'")
        connection.exec_driver_sql("update raw_odoo.res_partner set name = 'Новая'")
    chosen = ("run", "--select", "customer_records", "cases")
    assert dbt(*chosen).named("success") == {"customer_records", "cases"}
    assert rows(built, cards.format("suitecrm")) == kept
    assert "Новая" in {row["full_name"] for row in rows(built, cards.format("odoo"))}
    # What the gate had moved out stands in the new table again, to be judged anew.
    assert rows(built, cases) == sorted([*left, moved_out], key=lambda row: row["case_id"])

    holding.release(warehouse, "suitecrm", holding.EXTRACTION)
    assert dbt(*chosen).named("success") == {"customer_records", "cases"}
    assert "Новая" in {row["family_name"] for row in rows(built, cards.format("suitecrm"))}


def test_a_new_source_on_hold_that_has_no_models_yet_leaves_the_others_whole(built: Built, dbt: Dbt) -> None:
    warehouse, _ = built
    asked = "select source_system, count(*) as n from intermediate.customer_records group by 1 order by 1"
    before = rows(built, asked)
    holding.hold(warehouse, "chatwoot", holding.EXTRACTION, "It does not answer.", "run-2")
    with warehouse.begin() as connection:
        connection.exec_driver_sql(
            "delete from intermediate.customer_records where source_system = 'chatwoot'"
        )
        connection.exec_driver_sql("drop view staging.stg_chatwoot__customer_records cascade")
    assert dbt("run", "--select", "customer_records").named("success") == {"customer_records"}
    assert rows(built, asked) == [row for row in before if row["source_system"] != "chatwoot"]

    holding.release(warehouse, "chatwoot", holding.EXTRACTION)
    chosen = ("run", "--select", "path:models/staging/chatwoot", "customer_records")
    assert dbt(*chosen).named("error", "skipped") == set()
    assert rows(built, asked) == before


def test_what_a_contract_loses_is_unexplained_unless_it_is_in_quarantine(built: Built, dbt: Dbt) -> None:
    warehouse, _ = built
    with warehouse.begin() as connection:
        # The staging drops a receipt for no reason.
        change_view(
            connection, "staging.stg_odoo__orders", "select * from {} where order_id <> 'odoo:pos:304'"
        )
    move_a_case(warehouse)
    with warehouse.begin() as connection:
        # Of two refunds one has what the other lost.
        moved = connection.exec_driver_sql(
            "update intermediate.returns set amount = 175 "
            "where return_id in ('woocommerce:refund:502', 'woocommerce:refund:515')"
        )
        assert moved.rowcount == 2
        # The planned call stands in place of the one that was held; a line lost half of its amount.
        for change in (
            "interactions set interaction_id = 'suitecrm:calls:p1' where interaction_id = 'suitecrm:calls:p2'",
            "order_lines set amount = amount / 2 where order_line_id = 'odoo:pos_line:400'",
        ):
            assert connection.exec_driver_sql(f"update intermediate.{change}").rowcount == 1
    run = dbt("run", "--select", "orders", "reconciliation")
    assert run.named("success") == {"orders", "reconciliation"}, run.output
    tables = mart(built, "reconciliation", "stage = 'raw_to_contract'")
    assert {
        (row["table_name"], row["contract"]): (row["rows_unexplained"], missing(row))
        for row in tables
        if row["rows_unexplained"] or missing(row)
    } == {
        ("pos_order", "orders"): (1, 500),
        ("calls", "interactions"): (2, 0),
        ("pos_order_line", "order_lines"): (0, 1200),
        ("wp_wc_orders", "refunds"): (2, 0),
    }
    (row,) = [row for row in tables if row["table_name"] == "cases"]
    assert (row["rows_after"], row["left_out_reasons"]) == (1, {"quarantined": 1})


def test_the_company_s_zone_reaches_every_local_time_and_date(built: Built, dbt: Dbt, tmp_path: Path) -> None:
    """A zone in which nothing else of the sample is; each place that needs one has it."""
    zones = re.compile(r"\b(?:source_time_zone|company_time_zone|local_date)\(")
    models = {
        file.stem for file in (DBT_PROJECT_DIR / "models").rglob("*.sql") if zones.search(file.read_text())
    }
    assert {"stg_ads__touches", "stg_surveys__nps", "stg_marketing__offers", "stg_events__events"} <= models
    elsewhere = Settings(_env_file=None, home=tmp_path, time_zone="Asia/Vladivostok")  # type: ignore[call-arg]
    done = dbt("compile", "--indirect-selection", "empty", "--select", *models, settings=elsewhere)
    assert set(done.compiled) == models, done.output[-2000:]
    for model, sql in done.compiled.items():
        named = set(re.findall(r"time zone '([^']*)'", sql)) - {"UTC"}
        assert named == {"Asia/Vladivostok"}, model
