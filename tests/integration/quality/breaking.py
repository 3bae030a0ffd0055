"""What breaks each rule that is a query: suite → rule → rows, as differences from the valid row."""

from typing import Any

Rows = dict[str, list[dict[str, Any]]]

EARLY, LATE = "2025-12-01", "2026-02-01"
NO_CARD: dict[str, Any] = {"source_record_id": None, "no_record_reason": None}
GONE = {"source_record_id": "gone"}
MORE_THAN_A_FEW = 4  # shares have a floor of three
STRANGER = {"customer_id": "stranger"}


def contract(table: str, one: str) -> dict[str, Rows]:
    """The rules that every contract with a card has."""
    return {
        f"{one}s without a card say why": {f"intermediate.{table}": [NO_CARD]},
        f"at most 1 in 100 {one}s (or 3) names a record that is not there": {
            f"intermediate.{table}": [GONE] * MORE_THAN_A_FEW
        },
    }


def profiles(number: int) -> Rows:
    """A customer of so many records, each with an e-mail of its own."""
    return {
        "identity.record_customers": [{"source_record_id": str(i)} for i in range(number)],
        "intermediate.customer_records": [
            {"source_record_id": str(i), "email": f"{i}@example.ru"} for i in range(number)
        ],
    }


def fact(table: str) -> dict[str, Rows]:
    """The rule that every fact has."""
    return {"a row has a customer or a reason why not": {f"marts_build.{table}": [{"customer_id": None}]}}


BREAKING: dict[str, dict[str, Rows]] = {
    "raw/asterisk/cdr": {"a call ends after it starts": {"raw_asterisk.cdr": [{"end": EARLY}]}},
    "raw/chatwoot/csat_survey_responses": {
        "a question has one answer": {"raw_chatwoot.csat_survey_responses": [{}, {"id": 2}]}
    },
    "raw/matomo/matomo_log_visit": {
        "a visit ends after it begins": {"raw_matomo.matomo_log_visit": [{"visit_last_action_time": EARLY}]}
    },
    "raw/matomo/matomo_log_conversion": {
        "an order has its number": {"raw_matomo.matomo_log_conversion": [{"idgoal": 0, "idorder": None}]}
    },
    "raw/odoo/sale_order": {
        "at most 1 in 100 totals (or 3) differs from net plus tax by more than 1 in 1,000,000 or two cents": {
            "raw_odoo.sale_order": [{"amount_total": 3}] * MORE_THAN_A_FEW
        }
    },
    "raw/suitecrm/leads": {
        "a converted lead names its contact": {"raw_suitecrm.leads": [{"contact_id": None, "deleted": 0}]}
    },
    "raw/woocommerce/wp_wc_customer_lookup": {
        "one row a WordPress user": {"raw_woocommerce.wp_wc_customer_lookup": [{}, {"customer_id": 2}]}
    },
    "raw/woocommerce/wp_wc_orders": {
        "a refund names its order": {
            "raw_woocommerce.wp_wc_orders": [{"type": "shop_order_refund", "parent_order_id": 0}]
        }
    },
    "intermediate/customer_records": {
        "no identifier has more than 320 characters": {
            "intermediate.customer_records": [{"email": "a" * 321}]
        },
        "a parent is a card of the same source, no company": {
            "intermediate.customer_records": [{"parent_record_id": "gone"}]
        },
        "in each source at least half of the persons' records (or all but 3) have something to link by": {
            "intermediate.customer_records": [
                dict.fromkeys(["phone", "email", "loyalty_card", "login_id", "messenger_id"])
            ]
            * MORE_THAN_A_FEW,
            "intermediate.customer_record_identifiers": [],
        },
        "in each source at least a third of the persons' records (or all but 3) have a name, "
        "telephony, web and event feeds aside": {
            "intermediate.customer_records": [dict.fromkeys(["full_name", "given_name", "family_name"])]
            * MORE_THAN_A_FEW
        },
    },
    "intermediate/customer_record_identifiers": {
        "an identifier's card is known": {"intermediate.customer_record_identifiers": [GONE]}
    },
    "intermediate/interactions": {
        "an interaction ends after it begins": {"intermediate.interactions": [{"ended_at": EARLY}]},
        **contract("interactions", "interaction"),
    },
    "intermediate/orders": {
        "at most 1 in 100 orders (or 3) has a status that the dictionary does not know": {
            "intermediate.orders": [{"status": None}] * MORE_THAN_A_FEW
        },
        "at most 1 in 50 orders (or 3) differs from its lines and shipping by more than 1 in 1,000 or a cent a line": {
            "intermediate.orders": [{"amount_total": 9}] * MORE_THAN_A_FEW
        },
        "a mirrored order's original is known": {"intermediate.orders": [{"mirrors_order_id": "gone"}]},
        "an order is picked up after it is placed": {"intermediate.orders": [{"picked_up_at": EARLY}]},
        **contract("orders", "order"),
    },
    "intermediate/order_lines": {
        "at most 1 in 100 lines (or 3) names an order that is not there": {
            "intermediate.order_lines": [{"order_id": "gone"}] * MORE_THAN_A_FEW
        }
    },
    "intermediate/returns": {
        "a return comes after its purchase": {"intermediate.returns": [{"returned_at": EARLY}]},
        "what is returned was bought": {"intermediate.returns": [{"order_id": "gone"}]},
        "goods come back for money": {"intermediate.returns": [{"kind": "goods", "amount": -1}]},
        "a return as a whole gives money back": {"intermediate.returns": [{"kind": "fee", "amount": -1}]},
        **contract("returns", "return"),
    },
    "intermediate/cases": {
        "a case closes after it opens": {"intermediate.cases": [{"closed_at": EARLY}]},
        **contract("cases", "case"),
    },
    "intermediate/web_sessions": {
        "a session ends after it begins": {"intermediate.web_sessions": [{"ended_at": EARLY}]},
        "an order's session names the order, a left cart's the cart": {
            "intermediate.web_sessions": [{"goal": "order", "order_id": None}]
        },
        **contract("web_sessions", "session"),
    },
    "intermediate/survey_responses": {
        "an answer has its score and its time": {"intermediate.survey_responses": [{"score": None}]},
        "an answer comes after its question": {"intermediate.survey_responses": [{"responded_at": EARLY}]},
        **contract("survey_responses", "response"),
    },
    "intermediate/ad_spend": {
        "clicks are no more than impressions": {"intermediate.ad_spend": [{"clicks": 2}]}
    },
    "intermediate/consents": contract("consents", "consent"),
    "intermediate/offer_events": contract("offer_events", "offer"),
    "identity/record_customers": {
        "every live record has a customer": {
            "intermediate.customer_records": [{}, {"source_record_id": "y"}]
        },
        "no card has a customer that is not live": {"intermediate.customer_records": [{"deleted_at": LATE}]},
        "every customer is registered and not retired": {"identity.customers": [{"retired_at": LATE}]},
        "no two records that a steward called different have one customer": {
            "identity.decisions": [{"verdict": "different"}],
            "identity.record_customers": [{}, {"source_record_id": "y"}],
        },
        "two records that a steward called the same have one customer": {
            "identity.record_customers": [{}, {"source_record_id": "y", "customer_id": "z"}]
        },
        "customers of more than 50 distinct profiles have at most 1 in 1,000 records (or 50)": profiles(51),
        "at most 1 in 10,000 customers has more than 25 distinct profiles": profiles(26),
    },
    "identity/record_identifiers": {
        "an identifier's card has a customer": {"identity.record_identifiers": [GONE]},
        "no kind of identifier of a live record is lost": {"identity.record_identifiers": [GONE]},
    },
    "identity/edges": {
        "no card is linked to itself": {"identity.edges": [{"source_record_id_r": "x"}]},
        "the two cards of a link that is used have one customer": {
            "identity.record_customers": [{}, {"source_record_id": "y", "customer_id": "z"}]
        },
        "a link that is not used says why": {"identity.edges": [{"is_used": False}]},
    },
    "identity/customers": {
        "a retired customer leads to one that lives, or whose cards are all gone": {
            "identity.customers": [
                {},
                {"customer_id": "old", "retired_at": LATE, "surviving_customer_id": "no"},
            ]
        },
        "only the retired have a survivor": {"identity.customers": [{"surviving_customer_id": "x"}]},
        "a living customer has cards": {"identity.record_customers": []},
    },
    "identity/households": {
        "a member is a living customer": {"identity.customers": [{"retired_at": LATE}]},
        "no household has more than 12 members": {
            "identity.households": [{"customer_id": str(i)} for i in range(13)]
        },
        "at most 1 in 1,000 households (or 3) has more than 8 members": {
            "identity.households": [
                {"customer_id": f"{household}-{i}", "household_id": str(household)}
                for household in range(MORE_THAN_A_FEW)
                for i in range(9)
            ]
        },
    },
    "identity/customer_id_events": {
        "an event's customer is registered": {"identity.customer_id_events": [STRANGER]}
    },
    "identity/models": {"one model is in use": {"identity.models": [{"is_current": False}]}},
    "identity/runs": {
        "the last run compared fewer than 1,000 pairs a record": {
            "identity.runs": [{"candidate_pairs": 100_001}]
        },
        "the last run compared fewer than 200 pairs a record": {
            "identity.runs": [{"candidate_pairs": 20_001}]
        },
        "the last run merged, split or retired fewer than 1 in 5 customers (or 25), unless it met a new source": {
            "identity.runs": [{"merged": 300, "customers": 1000, "records": 1000}]
        },
        "the last run merged, split or retired fewer than 1 in 20 customers (or 25)": {
            "identity.runs": [{"merged": 60, "customers": 1000, "records": 1000}]
        },
        "no untouched customer changed its ID in the last run": {"identity.runs": [{"churned": 1}]},
        "match weights are as in training: stability index up to 1 (`c360 train` makes a new model)": {
            "identity.runs": [{"weight_drift": 1.1}]
        },
        "match weights are as in training: stability index up to 0.25 (`c360 train` makes a new model)": {
            "identity.runs": [{"weight_drift": 0.3}]
        },
        "the last run's estimated precision is at least 0.9": {
            "identity.runs": [{"estimated_precision": 0.89}]
        },
        "the last run's estimated precision is at least 0.95": {
            "identity.runs": [{"estimated_precision": 0.94}]
        },
        "the last run's estimated recall is at least 0.8": {"identity.runs": [{"estimated_recall": 0.79}]},
        "of 20 and more reviewed links at least 7 in 10 were right": {
            "identity.runs": [{"reviewed_pairs": 20, "reviewed_precision": 0.65}]
        },
        "of 20 and more reviewed links at least 9 in 10 were right": {
            "identity.runs": [{"reviewed_pairs": 20, "reviewed_precision": 0.85}]
        },
        "customers are no more than records": {"identity.runs": [{"customers": 2}]},
    },
    "marts/customer_golden_field": {
        "a golden field comes from a card of its customer": {
            "marts_build.customer_golden_field": [{"customer_id": "another"}]
        },
    },
    "marts/dim_customer": {
        "every living customer of identity has a profile, and nobody else": {
            "identity.record_customers": [{}, {"source_record_id": "y", "customer_id": "z"}]
        },
        "revenue is that of the customers' sales": {"marts_build.dim_customer": [{"revenue": 2}]},
        "a customer's household is identity's": {"marts_build.dim_customer": [{"household_id": "H-2"}]},
        "nobody is last seen before first": {"marts_build.dim_customer": [{"last_seen_at": EARLY}]},
    },
    "marts/dim_household": {
        "a household's members are the customers that name it": {
            "marts_build.dim_household": [{"member_count": 3}]
        }
    },
    "marts/bridge_customer_record": fact("bridge_customer_record"),
    "marts/data_freshness": {
        "no source is farther behind the latest one than it may be (C360_SOURCE_<NAME>_FRESH_HOURS)": {
            "marts_build.data_freshness": [{}, {"source_system": "suitecrm", "last_event_at": EARLY}]
        }
    },
    "marts/reconciliation": {
        "amounts before and after differ by what is left out for a reason": {
            "marts_build.reconciliation": [{"amount_after": 7}]
        }
    },
    "marts/fct_interaction": {
        **fact("fct_interaction"),
        "an interaction ends after it begins": {"marts_build.fct_interaction": [{"ended_at": EARLY}]},
    },
    "marts/fct_order": {
        **fact("fct_order"),
        "a pick-up comes after its order": {"marts_build.fct_order": [{"picked_up_at": EARLY}]},
    },
    "marts/fct_order_line": fact("fct_order_line"),
    "marts/fct_return_line": fact("fct_return_line"),
    "marts/fct_contact_case": fact("fct_contact_case"),
    "marts/fct_journey": {
        "a journey that converted names its order": {"marts_build.fct_journey": [{"goal_order_id": None}]},
    },
    "marts/fct_journey_step": {
        "a journey has as many steps as its step_count": {"marts_build.fct_journey": [{"step_count": 2}]},
    },
}
