"""Files in, customers out: the order of the steps, and what is said of them.

Belongs here: the order of the steps, scores against a truth, the summary. Does not belong here: any step's own logic,
and what a terminal shows (commands/link.py).
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from dagster_project.errors import ConfigError
from dagster_project.identity import resolution, standardise
from dagster_project.identity.cluster import components
from dagster_project.identity.company import UNNAMED, Company
from dagster_project.identity.engine import connect
from dagster_project.identity.evaluate import KEY, Score, b_cubed, pairwise
from dagster_project.identity.files import block, compare, dates, fit, group, prepare, read
from dagster_project.identity.files.compare import Design
from dagster_project.identity.files.nameless import find_nameless, nameless_holders
from dagster_project.identity.standardise import IDENTIFIER_COLUMNS, RECORD_COLUMNS

Progress = Callable[[str], None]

SAMPLE = 2_000
# Shares of names in Cyrillic, and of surnames with a Russian ending, from which names are read the Russian way.
MANY_CYRILLIC = 0.2
MANY_ENDINGS = 0.4
# A source with fewer duplicates than this among its own records is taken to have none.
FEW_DUPLICATES = 0.01
_CONTACTS = ("phone", "email", "loyalty_card", "messenger_id", "login_id")
# SQL: records that are nobody's likeness: companies are one by their tax number alone, deleted ones nobody's.
_SET_APART = {
    "is_company": "coalesce(try_cast(is_company as boolean), false)",
    "deleted_at": "deleted_at is not null",
}
_NAMES = ("full_name", "given_name", "family_name")


@dataclass
class Linked:
    """record_customers: source_system, source_record_id, customer_id, in the files' order. summary: plain values."""

    record_customers: pa.Table
    summary: dict[str, Any] = field(default_factory=dict)


def link_files(
    paths: Sequence[Path],
    *,
    mapping: Mapping[str, str] | None = None,
    also: Sequence[str] = (),
    threshold: float | None = None,
    company: Company = UNNAMED,
    progress: Progress | None = None,
) -> Linked:
    """Links the records of `paths` (CSV, Parquet). mapping: theirs → ours. threshold None: chosen from the data.
    company: its own phones, and the country of phones without a country code, where the record has none.

    Raises ConfigError for what cannot be read or is not there.
    """
    say = progress or (lambda _: None)
    start = time.monotonic()
    con = connect()
    say("reading")
    files = read.read_files(con, paths, mapping or {}, also)
    columns = [row[0] for row in con.execute("describe fields").fetchall()]
    records = _count(con, "fields")
    read_as = _read_dates(con, columns)
    summary: dict[str, Any] = {
        "records": records,
        "sources": dict(
            con.execute("select source_system, count(*) from fields group by 1 order by min(rid)").fetchall()
        ),
        "files": [_file(report) for report in files],
        "dates": [vars(report) for report in read_as],
    }
    names = [name for name in _NAMES if name in columns]
    is_russian = _is_russian(con, names)
    nameless = _nameless(con, columns, names)
    if is_russian or nameless:
        say("standardising names, phones and e-mails")
        resolution.prepare(con, _as_records(con, columns), _no_identifiers(), company=company)
        find_nameless(con)
    summary["names"] = "Russian" if is_russian else "of any language"
    summary["nameless"] = nameless
    named_also = dict(zip([f"also_{i}" for i in range(len(also))], also, strict=True))
    say("reading names and numbers")
    prepare.scope_identifiers(con, columns)
    design = _design(con, columns, named_also, is_russian, bool(nameless), summary)
    labels = _link(con, design, named_also, threshold, say, summary)
    if nameless:
        say("looking for the holders of nameless contacts")
        labels, summary["nameless_linked"] = nameless_holders(con, labels)
    labels = _declared(con, columns, labels)
    con.register("labels", pa.table({"rid": np.arange(len(labels)), "label": labels}))
    found = con.sql(
        """
        select source_system, source_record_id,
            'c' || printf('%07d', cast(min(rid) over (partition by label) as integer)) as customer_id, rid
        from fields join labels using (rid) order by rid
        """
    ).to_arrow_table()
    con.unregister("labels")
    sizes = np.unique(np.asarray(found["customer_id"].to_numpy(zero_copy_only=False)), return_counts=True)[1]
    summary["customers"] = len(sizes)
    summary["largest_cluster"] = int(sizes.max())
    summary["seconds"] = round(time.monotonic() - start, 1)
    return Linked(found.drop_columns("rid"), summary)


def _count(con: duckdb.DuckDBPyConnection, table: str) -> int:
    return int(con.execute(f"select count(*) from {table}").fetchall()[0][0])


def _file(report: read.FileReport) -> dict[str, Any]:
    return {
        "file": report.file,
        "form": report.form,
        "records": report.records,
        "recognised": report.columns.recognised(),
        "left_out": report.columns.left_out,
        "made_keys": list(report.made_keys),
    }


def _read_dates(con: duckdb.DuckDBPyConnection, columns: Sequence[str]) -> list[dates.DateReport]:
    found = []
    for column in columns:
        if column == "birth_date" or (column.startswith("also_") and _is_date(con, column)):
            found += dates.read_dates(con, column)
    if "birth_date" in columns and "birth_year" in columns:
        # One file may have the date, the other its year.
        con.execute(
            "update fields set birth_date = nullif(regexp_extract(birth_year, ?), '') where birth_date is null",
            [dates.YEAR],
        )
    return found


def _is_date(con: duckdb.DuckDBPyConnection, column: str) -> bool:
    forms = "|".join(
        (
            "[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}.*",
            "[0-9]{1,2}[./-][0-9]{1,2}[./-]([0-9]{2}|[0-9]{4})",
            "(19|20)[0-9]{2}(0[0-9]|1[0-2])[0-3][0-9]",
        )
    )
    share = con.execute(
        f"select avg(cast(regexp_full_match({column}, '{forms}') as int)) from fields where {column} is not null"
    ).fetchall()[0][0]
    return (share or 0) > 0.8


def _declared(con: duckdb.DuckDBPyConnection, columns: Sequence[str], labels: np.ndarray) -> np.ndarray:
    """`labels` with what a source declares: a record that is part of another, a company's tax number."""
    company = _SET_APART["is_company"] if "is_company" in columns else "false"
    queries = []
    if "parent_record_id" in columns:
        queries.append(
            f"select c.rid as a, p.rid as b from fields c join (select * from fields where not ({company})) p"
            " on p.source_system = c.source_system and p.source_record_id = c.parent_record_id"
        )
    if "is_company" in columns and "tax_id" in columns:
        queries.append(
            f"select min(rid) over (partition by tax_id) as a, rid as b from fields where ({company}) and tax_id is not null"
        )
    if not queries:
        return labels
    edges = con.execute(" union all ".join(queries)).fetchnumpy()
    pairs = np.column_stack([edges["a"], edges["b"]]).astype(np.int64).reshape(-1, 2)
    return components(len(labels), np.vstack([np.column_stack([np.arange(len(labels)), labels]), pairs]))


# -- what the files hold ----------------------------------------------------------------------


def _nameless(con: duckdb.DuckDBPyConnection, columns: Sequence[str], names: Sequence[str]) -> int:
    """Records with a contact and no name, as telephony and newsletters have them; 0 where they are not worth a step."""
    contacts = [name for name in _CONTACTS if name in columns]
    if not contacts or not names:
        return 0
    found = con.execute(
        f"select count(*) from fields where coalesce({', '.join(names)}) is null and coalesce({', '.join(contacts)}) is not null"
    ).fetchall()[0][0]
    return int(found)


def _is_russian(con: duckdb.DuckDBPyConnection, names: Sequence[str]) -> bool:
    if not names:
        return False
    sample = con.sql(
        f"select {', '.join(('source_system', 'source_record_id', *names))} from fields"
        f" where coalesce({', '.join(names)}) is not null order by hash(rid) limit {SAMPLE}"
    ).to_arrow_table()
    standardise.load(con, sample, _no_identifiers())
    standardise.standardise(con)
    written = " || ".join(f"coalesce({name}, '')" for name in names)
    known, cyrillic, endings = con.execute(
        f"""
        select avg(cast(given_known as int)), avg(cast(regexp_matches({written}, '[А-Яа-я]') as int)),
            coalesce(avg(cast(regexp_matches(family, '(ov|ev|in|ski|enko|uk|ich)$') as int)), 0)
        from cards c join fields f using (source_system, source_record_id) where c.given is not null
        """
    ).fetchall()[0]
    # Robert and Maria are names in Russian too: in Latin letters the surnames must look it as well.
    return (known or 0) >= prepare.RUSSIAN_SHARE and (cyrillic >= MANY_CYRILLIC or endings >= MANY_ENDINGS)


def _no_identifiers() -> pa.Table:
    return pa.table({name: pa.array([], pa.string()) for name in IDENTIFIER_COLUMNS})


def _as_records(con: duckdb.DuckDBPyConnection, columns: Sequence[str]) -> pa.Table:
    return con.sql(
        f"select {', '.join(name for name in RECORD_COLUMNS if name in columns)} from fields order by rid"
    ).to_arrow_table()


def _design(
    con: duckdb.DuckDBPyConnection,
    columns: Sequence[str],
    also: Mapping[str, str],
    is_russian: bool,
    has_nameless: bool,
    summary: dict[str, Any],
) -> Design:
    """Makes `features` of the records that are compared, and says by what."""
    if is_russian or has_nameless:
        prepare.take_contacts(con, columns)
        dropped = prepare.ignored_values(con)
    else:
        dropped = [*prepare.read_contacts(con, columns), *prepare.drop_common(con, columns)]
    mode = prepare.read_names(con, columns, is_russian)
    design = prepare.design(con, columns, mode, list(also))
    if has_nameless:
        con.execute("delete from named where rid in (select rid from nameless)")
    for column in ("is_company", "deleted_at"):
        if column in columns:
            con.execute(f"delete from named where rid in (select rid from fields where {_SET_APART[column]})")
    compare.features(con, design)
    summary["dropped"] = [vars(entry) for entry in dropped]
    summary["comparisons"] = {also.get(name, name): why for name, why in design.why.items()}
    return design


def _link(
    con: duckdb.DuckDBPyConnection,
    design: Design,
    also: Mapping[str, str],
    threshold: float | None,
    say: Progress,
    summary: dict[str, Any],
) -> np.ndarray:
    """A group for each rid."""
    summary["candidate_pairs"] = 0
    if _count(con, "features") < 2 or not design.comparisons:
        summary["threshold_why"] = "nothing to compare: every record is a customer of its own"
        return np.arange(summary["records"] + 1)
    say("learning how much each column tells")
    fitted = fit.fit(con, design)
    say("finding pairs to compare")
    blocking = block.find_pairs(con, design)
    say(f"comparing {blocking.pairs:,} pairs")
    fit.score(con, design, fitted, "pairs", "scores")
    summary["candidate_pairs"] = blocking.pairs
    summary["left_out_blocks"] = sum(blocking.left_out.values())
    summary["weights"] = {also.get(name, name): bits for name, bits in _weights(design, fitted).items()}
    say("grouping")
    return _group(con, _count(con, "features"), fitted, threshold, summary)


def _weights(design: Design, fitted: fit.Fitted) -> dict[str, dict[str, float]]:
    """Comparison → level → bits."""
    return {
        c.name: {
            level[0]: round(float(bits), 1)
            for level, bits in zip(
                c.levels, fit.weights_of(fitted.m[c.name], fitted.u[c.name])[:-1], strict=True
            )
        }
        for c in design.comparisons
    }


def _group(
    con: duckdb.DuckDBPyConnection,
    records: int,
    fitted: fit.Fitted,
    threshold: float | None,
    summary: dict[str, Any],
) -> np.ndarray:
    prior = float(np.log2(fitted.matches / (records * (records - 1) / 2)))
    pairs = con.execute(
        f"select pid_l, pid_r, case when is_apart then {group.APART} else weight + {prior} end as w,"
        f" l.source_system = r.source_system as is_within, l.source_system as source"
        f" from scores join fields l on l.rid = pid_l join fields r on r.rid = pid_r where weight + {prior} > -10"
        " order by pid_l, pid_r"
    ).fetchnumpy()
    left, right = pairs["pid_l"].astype(np.int64), pairs["pid_r"].astype(np.int64)
    weight = np.asarray(pairs["w"], dtype=float)
    one_of = _sources_without_duplicates(con, pairs, weight, summary)
    if one_of is not None:
        weight = np.where(pairs["is_within"].astype(bool) & (one_of[left] >= 0), group.APART, weight)
    found = group.group(summary["records"] + 1, left, right, weight, threshold=threshold, one_of=one_of)
    summary["threshold"] = round(found.threshold, 4)
    summary["threshold_why"] = (
        "given"
        if threshold is not None
        else "even odds: the columns tell too little for a good F1"
        if found.is_poor
        else f"the best F1 to be expected ({found.expected_f1:.3f}: precision {found.expected_precision:.3f},"
        f" recall {found.expected_recall:.3f})"
    )
    summary["expected"] = {
        "precision": round(found.expected_precision, 4),
        "recall": round(found.expected_recall, 4),
        "f1": round(found.expected_f1, 4),
    }
    return found.labels


def _sources_without_duplicates(
    con: duckdb.DuckDBPyConnection,
    pairs: Mapping[str, np.ndarray],
    weight: np.ndarray,
    summary: dict[str, Any],
) -> np.ndarray | None:
    """For each record the number of its source, if that holds each person once, else -1; None: no such source."""
    sources = summary["sources"]
    summary["without_duplicates"] = []
    if len(sources) < 2:
        return None
    sure = fit.probability(weight) > 0.9
    within = pairs["is_within"].astype(bool)
    linked = np.unique(np.concatenate([pairs["pid_l"][sure & ~within], pairs["pid_r"][sure & ~within]]))
    for source, size in sources.items():
        duplicates = int((sure & within & (pairs["source"] == source)).sum())
        if size >= 20 and duplicates < FEW_DUPLICATES * size and len(linked) > 0.05 * summary["records"]:
            summary["without_duplicates"].append(source)
    if not summary["without_duplicates"]:
        return None
    one_of = np.full(summary["records"] + 1, -1, dtype=np.int64)
    numbered = con.execute(
        "select rid, list_position($1, source_system) - 1 as source from fields where list_contains($1, source_system)",
        [summary["without_duplicates"]],
    ).fetchnumpy()
    one_of[numbered["rid"]] = numbered["source"]
    return one_of


# -- the truth --------------------------------------------------------------------------------


def read_truth(path: Path, linked: Linked) -> pa.Table:
    """The truth of the linked records: KEY, entity_id, is_linkable where the file has it.

    Raises ConfigError where columns are missing or no record is known.
    """
    table, _ = read.read_table(path)
    found = linked.record_customers
    if "source_system" not in table.column_names and len(linked.summary["sources"]) == 1:
        only = next(iter(linked.summary["sources"]))
        table = table.append_column("source_system", pa.array([only] * table.num_rows))
    for name in (*KEY, "entity_id"):
        if name not in table.column_names:
            raise ConfigError(
                f"The truth {path.name} has no column {name}.", f"It needs {', '.join(KEY)} and entity_id."
            )
    con = duckdb.connect()
    con.register("truth", table)
    con.register("found", found)
    flag = (
        ", lower(is_linkable) in ('true', 't', '1', 'yes') as is_linkable"
        if "is_linkable" in table.column_names
        else ""
    )
    query = f"select source_system, source_record_id, entity_id{flag} from truth where entity_id <> ''"
    known = con.execute(
        f"select count(*) from ({query}) t semi join found using (source_system, source_record_id)"
    ).fetchall()
    if known[0][0] == 0:
        # The file named no source, and the truth calls it something else.
        made = all("source_system" in file["made_keys"] for file in linked.summary["files"])
        by_id = con.execute(
            f"select count(*) from ({query}) t semi join found using (source_record_id)"
        ).fetchall()[0][0]
        if not (made and len(linked.summary["files"]) == 1 and by_id):
            raise ConfigError(
                f"The truth {path.name} knows none of the records.",
                "Its source_system and source_record_id must be those of the files.",
            )
        only = next(iter(linked.summary["sources"]))
        query = f"select '{only.replace(chr(39), chr(39) * 2)}' as source_system, * exclude (source_system) from ({query})"
    twice = con.execute(
        f"select count(*) from (select 1 from ({query}) group by source_system, source_record_id having count(*) > 1)"
    ).fetchall()[0][0]
    if twice:
        raise ConfigError(f"The truth {path.name} names {twice} records more than once.", "One row a record.")
    return con.sql(query).to_arrow_table()


def scores(truth: pa.Table, linked: Linked) -> dict[str, Score]:
    return {
        "pairwise": pairwise(truth, linked.record_customers),
        "b_cubed": b_cubed(truth, linked.record_customers),
    }
