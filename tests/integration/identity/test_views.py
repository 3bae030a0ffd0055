"""What migrations put into the warehouse and what this program computes itself are the same."""

import sqlalchemy as sa

from dagster_project.identity.link import RULE_STRENGTH
from dagster_project.identity.views import weights_of
from dagster_project.warehouse import Warehouse

LAST_MODEL = "select model_version from identity.runs where not is_skipped order by started_at desc, finished_at desc limit 1"


def test_the_view_of_weights_is_what_the_program_computes(clean_warehouse: Warehouse) -> None:
    edges = f"select e.*, r.model_version from identity.edges e cross join ({LAST_MODEL}) r"
    with clean_warehouse.begin() as connection:
        connection.exec_driver_sql(
            "create temporary view now as select source_system_l, source_record_id_l, source_system_r,"
            f" source_record_id_r, comparison, level, weight from ({weights_of(edges, LAST_MODEL)}) e"
        )
        query = sa.text("select pg_get_viewdef(cast(:view as regclass))")
        deployed, now = (
            connection.scalar(query, {"view": view}) for view in ("identity.edge_comparisons", "now")
        )
    assert deployed == now, "a change of views.weights_of needs a migration of identity.edge_comparisons"


def test_the_path_of_links_ranks_rules_as_the_program_does(clean_warehouse: Warehouse) -> None:
    with clean_warehouse.begin() as connection:
        source = connection.scalar(sa.text("select prosrc from pg_proc where proname = 'link_path'"))
    ranked = [line.strip() for line in source.splitlines() if line.strip().startswith("when 'deterministic:")]
    assert ranked == [
        f"when 'deterministic:{rule}' then {strength}" for rule, strength in RULE_STRENGTH.items()
    ], "a change of link.RULE_STRENGTH needs a migration of identity.link_path"
