"""What brings the state to this run, once the warehouse has it.

Belongs here: one statement a table of the state, from the session's tables. Does not belong here: the file (state.py).
"""


def statements() -> list[str]:
    """SQL that brings the state to this run, from the session's tables."""

    def replaced(table: str, where: str, rows: str) -> list[str]:
        return [f"delete from state.{table} where {where}", f"insert into state.{table} by name {rows}"]

    touched = "rid in (select rid from touched)"
    left_scope = "pid_l in (select pid from left_scope) or pid_r in (select pid from left_scope)"
    return [
        *replaced("cards", touched, "from new_cards"),
        *replaced("held", touched, "from new_held"),
        *replaced("places", touched, "from new_places"),
        *replaced("told", touched, "from new_told"),
        *replaced("written", touched, "select rid, hint, word from written"),
        *replaced("words", "false", "from words where word not in (select word from state.words)"),
        *replaced("name_words", touched, "from name_words"),
        *replaced("placeholders", "true", "from now_placeholders"),
        *replaced("default_dates", "true", "from default_dates"),
        *replaced("members", "rid in (select rid from moved)", "from new_members"),
        *replaced("numbered", "true", "from numbered"),
        *replaced("company_members", "true", "from all_companies"),
        *replaced("company_links", "true", "from all_company_links"),
        *replaced("parents", "true", "from now_parents"),
        *replaced("decided", "true", "from decided"),
        *replaced("decided_cards", "true", "from decided_cards"),
        *replaced("blocks", "pid in (select pid from dead)", "from new_blocks"),
        *replaced("dropped_blocks", "true", "from now_dropped_blocks"),
        *replaced("crowded", "true", "from now_crowded"),
        *replaced(
            "links",
            "pid_l in (select pid from relinked) or pid_r in (select pid from relinked)",
            "from new_links",
        ),
        *replaced(
            "early",
            "pid in (select pid from early_scope) or pid in (select pid from seeds)",
            "from new_early",
        ),
        *replaced(
            "late_links",
            "pid_l in (select pid from left_weak) or pid_r in (select pid from left_weak)",
            "from new_late_links",
        ),
        *replaced(
            "ambiguous",
            "pid in (select pid from left_weak) or holder in (select pid from relinked)",
            "from new_ambiguous",
        ),
        *replaced("late", "pid in (select pid from left_late)", "from new_late"),
        *replaced("clustered", "rid in (select rid from reached)", "from new_clustered"),
        *replaced(
            "edges",
            "rid_l in (select rid from reached_cards) or rid_r in (select rid from reached_cards)",
            "select rid_l, rid_r, is_used, digest from new_edges",
        ),
        *replaced("judged", left_scope, "from new_judged"),
        *replaced("review", left_scope, "select pid_l, pid_r, digest from new_review"),
        *replaced("cluster_doubts", "cluster in (select cluster from left_clusters)", "from new_doubts"),
        *replaced(
            "cluster_bonds",
            "cluster_l in (select cluster from left_clusters) or cluster_r in (select cluster from left_clusters)",
            "from new_bonds",
        ),
        *replaced("record_customers", "rid in (select rid from reached)", "from record_customers"),
        *replaced(
            "customers", "customer_id in (select customer_id from customer_rows)", "from customer_rows"
        ),
        *replaced(
            "departed",
            "rid in (select rid from departed_before)",
            "select card_key(source_system, source_record_id) as rid, * from departed_now",
        ),
        *replaced(
            "relatives",
            "customer_l in (select customer_id from near_customers) or customer_r in (select customer_id from near_customers)",
            "from new_relatives",
        ),
        *replaced("crowded_signs", "true", "from crowded_signs"),
        *replaced(
            "households",
            "customer_id in (select customer_id from new_households union all select customer_id from gone_households)",
            "from new_households",
        ),
    ]
