"""What an incremental run remembers of the last one: a DuckDB file beside the warehouse, a cache and no more.

Belongs here: the file's tables, when they may be believed, and how they are written. Does not belong here: what
follows from a change (incremental.py).

PostgreSQL stays the truth. The file carries the mark of the run that it describes; if that is not PostgreSQL's last one (a kill
between the two, another machine, a restored backup), or the model, the rules or a setting changed, a full run makes
it anew. It holds personal data: it is its owner's alone (0600), and `discard` is part of erasing a person.
"""

import hashlib
import json
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

import duckdb
import splink

from dagster_project.identity.engine import literal
from dagster_project.identity.households import PLACE

# What transactions did is on the disk by a checkpoint, which replaces the file's contents at once, and by nothing else.
_UNLOGGED = "recovery_mode no_wal_writes"
_BY_HAND = "set wal_autocheckpoint = '1TB'; pragma disable_checkpoint_on_shutdown"
# The levels by MD5: DuckDB's own hash takes some texts that differ in little for one another.
EDGE_DIGEST = (
    "hash(linked_by, match_weight, match_probability, is_used, rejected_by, md5_number_lower(levels))"
)
REVIEW_DIGEST = "hash(reason, match_probability, gain)"
# Of all that a card's identifiers are told to be; in any order.
TOLD = (
    "select rid, sum(md5_number_lower(concat_ws('|', kind, value, is_main, is_canonical))::hugeint) as digest"
    " from record_identifiers group by rid"
)


# Identifiers and places as numbers (signs): texts take a multiple of the time to look through.
def sign(text: str) -> str:
    """SQL: the sign of a value (`kind|value`) or of a place (households.PLACE)."""
    return f"md5_number_lower({text})"


SIGN_OF_VALUE = sign("kind || '|' || value")
SIGN_OF_PLACE = sign(PLACE)
JUDGED = "pid_l, pid_r, linked_by, match_weight, match_probability, is_used, rejected_by"


def surnames(written: str, words: str) -> str:
    """SQL: how many cards say each surname (family, cards), of tables like `written` and `words`."""
    return (
        f"select w.family, count(distinct c.rid) as cards from {written} c join {words} w using (word)"
        " where c.hint = 'family' and w.family is not null group by w.family"
    )


def word_uses(name_words: str) -> str:
    """SQL: how often each word is what kind of name (key, given_uses, family_uses, uses), of a table like `name_words`."""
    return (
        "select key, count(*) filter (hint = 'given') as given_uses, count(*) filter (hint = 'family') as family_uses,"
        f" count(*) as uses from {name_words} group by key"
    )


# Table → SQL that makes it of a full run's session.
TABLES = {
    # As written: placeholders and default dates are taken out where they are used.
    "cards": "select c.* replace (coalesce(c.birth_date, d.birth_date) as birth_date)"
    " from cards c left join dropped_dates d using (rid)",
    "held": f"select rid, kind, value, {SIGN_OF_VALUE} as sign"
    " from (select rid, kind, value from held union all select rid, kind, value from dropped_held)",
    "places": f"select rid, {SIGN_OF_PLACE} as sign from cards where {PLACE} is not null",
    "told": TOLD,
    "written": "select rid, hint, word from written",
    "words": "select * from words",
    "name_words": "select * from name_words",
    "surnames": surnames("written", "words"),
    "word_uses": word_uses("name_words"),
    "placeholders": "select * from placeholders",
    "default_dates": "select * from default_dates",
    "members": "select rid, content, pid from contents join members using (rid)",
    "numbered": "select * from numbered",
    "company_members": "select * from company_members",
    "company_links": "select * from company_links",
    "parents": "select * from parents",
    "decided": "select * from decided",
    "decided_cards": "select * from decided_cards",
    "profiles": "select * from profiles",
    "blocks": "select * from blocks",
    "dropped_blocks": "select * from dropped_blocks",
    "crowded": "select * from crowded",
    "links": "select * from links where not is_late(linked_by)",
    "early": "select * from early",
    "late_links": "select * from links where is_late(linked_by)",
    "late": "select pid, component, cluster from components join clusters using (pid)",
    "ambiguous": "select * from ambiguous",
    "clustered": "select * from clustered",
    "edges": f"select rid_l, rid_r, is_used, {EDGE_DIGEST} as digest from edges",
    "judged": f"select {JUDGED} from judged",
    "cluster_doubts": "select * from cluster_doubts",
    "cluster_bonds": "select * from cluster_bonds",
    "review": f"select pid_l, pid_r, {REVIEW_DIGEST} as digest from review",
    "record_customers": "select * from record_customers",
    "customers": "select * from customers_now",
    "departed": "select card_key(source_system, source_record_id) as rid, * from departed_now",
    "relatives": "select * from relatives",
    "crowded_signs": "select * from crowded_signs",
    "kin": "select * from kin",
    "households": "select * from households",
}


class State:
    """The file at `path`. `basis`: what must be as it was for the file to be believed, besides the run."""

    _publish: Callable[[], object]

    def __init__(self, path: Path, basis: dict[str, str]) -> None:
        self.path = path
        self.basis = {"code": code(), "duckdb": duckdb.__version__, "splink": splink.__version__} | basis

    def attach(self, con: duckdb.DuckDBPyConnection, mark: str) -> bool:
        """Attaches the file as `state` if it has the `mark`; False: it is missing, damaged or of another run."""
        if not self.path.exists():
            return False
        try:
            con.execute(f"{_BY_HAND}; attach {literal(self.path)} as state ({_UNLOGGED})")
        except duckdb.Error:
            return False
        try:
            noted = con.execute("select mark, basis from state.noted").fetchall()
            tables = {row[0] for row in con.execute(_NAMES).fetchall()}
        except duckdb.Error:
            noted, tables = [], set()
        if noted != [(mark, self._basis())] or not tables >= {*TABLES, "digests"}:
            con.execute("detach state")
            return False
        return True

    def make(self, con: duckdb.DuckDBPyConnection, mark: str, digests: str) -> None:
        """Writes a full run's session beside the file; `publish` puts it in its place.

        digests: a table of `con` (card_hash, digest, rid).
        """
        for path in (self._new, _log(self._new)):
            path.unlink(missing_ok=True)
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        con.execute(f"attach {literal(self._new)} as state ({_UNLOGGED})")
        self._new.chmod(0o600)
        for name, query in TABLES.items():
            con.execute(f"create table state.{name} as {query}")
        con.execute(f"create table state.digests as select card_hash, digest, rid from {digests}")
        con.execute("create table state.noted (mark varchar, basis varchar, day date)")
        self._note(con, mark)
        con.execute("checkpoint state; detach state")
        self._publish = self._replace

    def advance(self, con: duckdb.DuckDBPyConnection, statements: Iterable[str]) -> None:
        """Brings the attached file forward in a transaction of `con` that `settle` ends."""
        con.execute("begin; delete from state.noted")
        for statement in statements:
            con.execute(statement)

    def settle(self, con: duckdb.DuckDBPyConnection) -> None:
        """From here on every session sees what was advanced. Until `publish` it is of no run: a kill costs the state."""
        con.execute("commit")

    def write(self, con: duckdb.DuckDBPyConnection) -> None:
        """Onto the disk, which may take its time: others read on."""
        con.execute("checkpoint state")

    def apply(self, con: duckdb.DuckDBPyConnection, mark: str, statements: Iterable[str]) -> None:
        """Brings what was advanced to `mark`."""
        con.execute("begin")
        for statement in statements:
            con.execute(statement)
        self._note(con, mark)
        self._publish = lambda: con.execute("commit; checkpoint state")

    def publish(self) -> None:
        """After PostgreSQL's commit: what `make` or `apply` did holds from here on."""
        self._publish()

    def _replace(self) -> None:
        # What is left in the old one's log must not be played into the new file.
        _log(self.path).unlink(missing_ok=True)
        self._new.replace(self.path)

    def discard(self) -> None:
        """The next run is a full one; nothing of anybody is left here."""
        for path in (self.path, self._new):
            path.unlink(missing_ok=True)
            _log(path).unlink(missing_ok=True)

    def _note(self, con: duckdb.DuckDBPyConnection, mark: str) -> None:
        con.execute("insert into state.noted values (?, ?, current_date)", [mark, self._basis()])

    def _basis(self) -> str:
        return json.dumps(self.basis, sort_keys=True)

    @property
    def _new(self) -> Path:
        return self.path.with_name(self.path.name + ".new")


@cache
def code() -> str:
    """A digest of identity's own modules and dictionaries: whatever changes there may change what follows."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*")):
        if path.suffix in (".py", ".csv"):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _log(path: Path) -> Path:
    """DuckDB's write-ahead log of the file."""
    return path.with_name(path.name + ".wal")


_NAMES = "select table_name from duckdb_tables() where database_name = 'state'"
