"""Records without a name: a number in the telephone log, an address of a newsletter.

Belongs here: who holds their contacts. Does not belong here: linking of named records (group.py), and the rule of the
sole holder itself (../link.py).
"""

import duckdb
import numpy as np
import pyarrow as pa

from dagster_project.identity import link
from dagster_project.identity.cluster import components

# What ties a nameless record to its like, and to the one person who holds it.
_TRUSTED = "('messenger', 'login', 'loyalty_card', 'tax_id')"


def find_nameless(con: duckdb.DuckDBPyConnection) -> None:
    """From `fields` and what resolution.prepare made: `numbered_cards` (rid, card) and `nameless` (rid)."""
    con.execute(
        """
        create or replace table numbered_cards as
        select f.rid, r.rid as card from fields f join records r using (source_system, source_record_id);
        create or replace table nameless as
        select n.rid from numbered_cards n join members m on m.rid = n.card join profiles p using (pid)
        where not p.is_strong and n.card in (select rid from held)
        """
    )


def nameless_holders(con: duckdb.DuckDBPyConnection, labels: np.ndarray) -> tuple[np.ndarray, int]:
    """`labels` (rid → group) with nameless records in the group of the only holder, and how many found one."""
    link.find_identifiers(con)
    link.drop_crowded(con)
    link.find_shared(con)
    con.register("labels", pa.table({"rid": np.arange(len(labels)), "label": labels}))
    con.execute(
        f"""
        create or replace table numbered_members as
        select n.rid, m.pid, l.label from numbered_cards n join members m on m.rid = n.card join labels l on l.rid = n.rid;
        create or replace table kept_apart (pid_l bigint, pid_r bigint);
        create or replace table links (pid_l bigint, pid_r bigint, linked_by varchar, strength double, match_weight double,
            match_probability double, levels varchar, is_used boolean, rejected_by varchar);
        insert into links
        select s.pid_l, s.pid_r, 'deterministic:' || min(s.kind), 700, null, null, null, true, null
        from shared s join profiles l on l.pid = s.pid_l join profiles r on r.pid = s.pid_r
        where s.kind in {_TRUSTED} and not (l.is_strong and r.is_strong) group by s.pid_l, s.pid_r;
        """
    )
    con.unregister("labels")
    labels = _joined(con, labels)
    con.register("labels", pa.table({"rid": np.arange(len(labels)), "label": labels}))
    con.execute(
        "create or replace table clusters as select pid, min(l.label) as cluster from numbered_members m"
        " join labels l using (rid) group by pid"
    )
    con.unregister("labels")
    link.link_sole_holders(con)
    labels = _joined(con, labels)
    con.register("labels", pa.table({"rid": np.arange(len(labels)), "label": labels}))
    found = con.execute(
        "select count(*) from nameless join labels using (rid)"
        " where label in (select label from labels group by 1 having count(*) > 1)"
    ).fetchall()[0][0]
    con.unregister("labels")
    return labels, int(found)


def _joined(con: duckdb.DuckDBPyConnection, labels: np.ndarray) -> np.ndarray:
    """Groups that the used links of `links`, or equal content, hold together."""
    edges = con.execute(
        """
        select l.rid as a, r.rid as b from links k join numbered_members l on l.pid = k.pid_l
        join numbered_members r on r.pid = k.pid_r where k.is_used
        union select min(rid) over (partition by pid), rid from numbered_members
        """
    ).fetchnumpy()
    pairs = np.column_stack([edges["a"], edges["b"]]).astype(np.int64).reshape(-1, 2)
    own = np.column_stack([np.arange(len(labels)), labels])
    return components(len(labels), np.vstack([own, pairs]))
