"""What brings the state to this run.

Belongs here: one statement a table of the state, from the session's tables. Does not belong here: the file (state.py).
"""

from dagster_project.identity.incremental.kin import SIGN_OF_MATERIAL


def _replaced(table: str, where: str, rows: str) -> list[str]:
    return [f"delete from state.{table} where {where}", f"insert into state.{table} by name {rows}"]


def of_outcome() -> list[str]:
    """SQL that brings the state to this run, from what an outcome leaves in the session."""
    touched = "rid in (select rid from touched)"
    left_scope = "pid_l in (select pid from left_scope) or pid_r in (select pid from left_scope)"
    return [
        *_replaced("cards", touched, "from new_cards"),
        *_replaced("held", touched, "from new_held"),
        *_replaced("places", touched, "from new_places"),
        *_replaced("told", touched, "from new_told"),
        *_replaced("written", touched, "select rid, hint, word from written"),
        *_replaced("words", "false", "from words where word not in (select word from state.words)"),
        *_replaced("name_words", touched, "from name_words"),
        *_replaced(
            "surnames",
            "family in (select family from moved_surnames)",
            "select family, cards from moved_surnames where cards > 0",
        ),
        *_replaced(
            "word_uses",
            "key in (select key from moved_words)",
            "select key, given_uses, family_uses, uses from moved_words where uses > 0",
        ),
        *_replaced("placeholders", "true", "from now_placeholders"),
        *_replaced("default_dates", "true", "from default_dates"),
        *_replaced("members", "rid in (select rid from moved)", "from new_members"),
        *_replaced("numbered", "true", "from numbered"),
        *_replaced("company_members", "true", "from all_companies"),
        *_replaced("company_links", "true", "from all_company_links"),
        *_replaced("parents", "true", "from now_parents"),
        *_replaced("decided", "true", "from decided"),
        *_replaced("decided_cards", "true", "from decided_cards"),
        *_replaced("profiles", "pid in (select pid from left_profiles)", "from new_profiles"),
        *_replaced("blocks", "pid in (select pid from dead)", "from new_blocks"),
        *_replaced("dropped_blocks", "true", "from now_dropped_blocks"),
        *_replaced("crowded", "true", "from now_crowded"),
        *_replaced(
            "links",
            "pid_l in (select pid from relinked) or pid_r in (select pid from relinked)",
            "from new_links",
        ),
        *_replaced(
            "early",
            "pid in (select pid from early_scope) or pid in (select pid from seeds)",
            "from new_early",
        ),
        *_replaced(
            "late_links",
            "pid_l in (select pid from left_weak) or pid_r in (select pid from left_weak)",
            "from new_late_links",
        ),
        *_replaced(
            "ambiguous",
            "pid in (select pid from left_weak) or holder in (select pid from relinked)",
            "from new_ambiguous",
        ),
        *_replaced("late", "pid in (select pid from left_late)", "from new_late"),
        *_replaced("clustered", "rid in (select rid from reached)", "from new_clustered"),
        *_replaced(
            "edges",
            "rid_l in (select rid from reached_cards) or rid_r in (select rid from reached_cards)",
            "select rid_l, rid_r, is_used, digest from new_edges",
        ),
        *_replaced("judged", left_scope, "from new_judged"),
        *_replaced("review", left_scope, "select pid_l, pid_r, digest from new_review"),
        *_replaced("record_customers", "rid in (select rid from reached)", "from record_customers"),
        *_replaced(
            "customers", "customer_id in (select customer_id from customer_rows)", "from customer_rows"
        ),
        *_replaced(
            "departed",
            "rid in (select rid from departed_before)",
            "select card_key(source_system, source_record_id) as rid, * from departed_now",
        ),
    ]


def of_rest() -> list[str]:
    """The same from what the rest leaves."""
    return [
        *_replaced("cluster_doubts", "cluster in (select cluster from left_clusters)", "from new_doubts"),
        *_replaced(
            "cluster_bonds",
            "cluster_l in (select cluster from left_clusters) or cluster_r in (select cluster from left_clusters)",
            "from new_bonds",
        ),
        *_replaced(
            "relatives",
            "customer_l in (select customer_id from near_customers) or customer_r in (select customer_id from near_customers)",
            "from new_relatives",
        ),
        *_replaced(
            "crowded_signs", f"{SIGN_OF_MATERIAL} in (select sign from signs)", "from new_crowded_signs"
        ),
        *_replaced("kin", "customer_id in (select customer_id from left_kin)", "from kin"),
        *_replaced(
            "households",
            "customer_id in (select customer_id from new_households union all select customer_id from gone_households)",
            "from new_households",
        ),
    ]
