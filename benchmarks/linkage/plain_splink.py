"""Splink 5 without anything around it: one generic set-up for every file, as its documentation advises.

`python -m benchmarks.linkage.plain_splink OUT THRESHOLD,… FILE …` writes OUT with a column for each threshold.

Belongs here: columns lower-cased, Splink's own comparisons by kind of column, blocking on exact values and pairs of
them, u by random sampling, m by expectation maximisation, connected components. Does not belong here:
standardisation, guards or anything else of the project's.
"""

import json
import logging
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import duckdb
import splink.comparison_library as cl
from splink import DuckDBAPI, Linker, SettingsCreator, block_on

KINDS = {
    "given": ("given_name", "first_name"),
    "family": ("family_name", "surname"),
    "full": ("full_name",),
    "birth": ("birth_date", "date_of_birth", "dob"),
    "email": ("email",),
    "identifier": ("phone", "loyalty_card", "login_id", "tax_id", "soc_sec_id"),
    "place": ("city", "suburb", "birth_place", "parish"),
    "postcode": ("postcode",),
    "street": ("street", "address_1"),
    "category": ("state", "gender", "occupation", "address_2", "street_number"),
}
SEED = 360


def read(con: duckdb.DuckDBPyConnection, files: list[Path]) -> dict[str, list[str]]:
    """Makes `input` (unique_id, and every known column lower-cased) and says which columns are of which kind."""
    union = " union all by name ".join(
        f"select * from read_csv('{path}', header = true, all_varchar = true)" for path in files
    )
    con.execute(f"create table raw as {union}")
    there = {row[0] for row in con.execute("describe raw").fetchall()}
    kinds = {kind: [c for c in columns if c in there] for kind, columns in KINDS.items()}
    if kinds["full"] and kinds["given"] and kinds["family"]:
        # Some name in one field, some in two: only the whole name is there for all.
        given, family = kinds["given"][0], kinds["family"][0]
        con.execute(f"update raw set full_name = coalesce(full_name, concat_ws(' ', {given}, {family}))")
        kinds["given"], kinds["family"] = [], []
    cleaned = ", ".join(f"nullif(trim(lower({c})), '') as {c}" for columns in kinds.values() for c in columns)
    con.execute(
        f"create table input as select source_system || '|' || source_record_id as unique_id, {cleaned} from raw"
    )
    # A column that hardly anybody fills, or that says one thing only, tells Splink nothing and stops its training.
    for columns in kinds.values():
        for column in list(columns):
            filled, distinct = con.execute(
                f"select count({column}), count(distinct {column}) from input"
            ).fetchall()[0]
            if filled < 50 or distinct < 2:
                columns.remove(column)
    return kinds


def comparisons(kinds: dict[str, list[str]]) -> list[Any]:
    names = [cl.NameComparison(c) for kind in ("given", "family", "full") for c in kinds[kind]]
    births = [cl.DateOfBirthComparison(c, input_is_string=True) for c in kinds["birth"]]
    emails = [cl.EmailComparison(c) for c in kinds["email"]]
    identifiers = [cl.LevenshteinAtThresholds(c, [1, 2]) for c in kinds["identifier"]]
    places = [
        cl.JaroWinklerAtThresholds(c, [0.9]).configure(term_frequency_adjustments=True)
        for kind in ("place", "street")
        for c in kinds[kind]
    ]
    codes = [
        cl.ExactMatch(c).configure(term_frequency_adjustments=True)
        for kind in ("postcode", "category")
        for c in kinds[kind]
    ]
    return [*names, *births, *emails, *identifiers, *places, *codes]


def blocking(kinds: dict[str, list[str]]) -> list[Any]:
    given, family, full, birth = (kinds[kind][:1] for kind in ("given", "family", "full", "birth"))
    place = (kinds["postcode"] + kinds["place"])[:1]
    pairs = [
        given + family,
        family + birth,
        given + birth,
        given + place,
        family + place,
        full,
        birth + place,
    ]
    rules = [block_on(*columns) for columns in pairs if len(columns) == 2 or columns == full != []]
    return [block_on(c) for kind in ("email", "identifier") for c in kinds[kind]] + rules


def link(
    con: duckdb.DuckDBPyConnection, kinds: dict[str, list[str]], thresholds: list[float]
) -> dict[str, Any]:
    """Trains, predicts and clusters `input`; makes table `clusters_<n>` for each threshold. Returns what it did."""
    logging.getLogger("splink").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    chosen = comparisons(kinds)
    settings = SettingsCreator(
        link_type="dedupe_only",
        comparisons=chosen,
        blocking_rules_to_generate_predictions=blocking(kinds),
        retain_intermediate_calculation_columns=False,
        retain_matching_columns=False,
    )
    seconds: dict[str, float] = {}
    started = time.monotonic()
    linker = Linker(DuckDBAPI(connection=con).register("input"), settings)
    given, family, full, birth = (kinds[kind][:1] for kind in ("given", "family", "full", "birth"))
    sure = [given + family + birth, *([c] for c in kinds["email"] + kinds["identifier"])]
    rules = [block_on(*columns) for columns in sure if len(columns) != 2 or not birth]
    notes = []
    try:
        linker.training.estimate_probability_two_random_records_match(rules, recall=0.7)
    except ValueError as error:
        notes.append(f"prior: {type(error).__name__}")
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=SEED)
    # Each session learns what it does not block on.
    for columns in (
        given + family or full,
        birth,
        kinds["email"][:1],
        (kinds["postcode"] + kinds["place"])[:1] + given,
    ):
        if columns:
            try:
                linker.training.estimate_parameters_using_expectation_maximisation(
                    block_on(*columns), estimate_without_term_frequencies=True
                )
            except Exception as error:
                notes.append(f"session {'+'.join(columns)}: {type(error).__name__}")
    seconds["train"], started = time.monotonic() - started, time.monotonic()
    predicted = linker.inference.predict(threshold_match_probability=min(thresholds))
    seconds["predict"], started = time.monotonic() - started, time.monotonic()
    for n, threshold in enumerate(thresholds):
        clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(predicted, threshold)
        con.execute(
            f"create table clusters_{n} as select unique_id, cluster_id from {clusters.physical_name}"
        )
        if n == 0:
            seconds["cluster"] = time.monotonic() - started
    edges = con.execute(f"select count(*) from {predicted.physical_name}").fetchall()[0][0]
    return {"seconds": seconds, "edges": edges, "notes": notes}


def main(out: Path, thresholds: list[float], files: list[Path]) -> None:
    con = duckdb.connect()
    done = link(con, read(con, files), thresholds)
    columns = ", ".join(f'c{n}.cluster_id as "{threshold}"' for n, threshold in enumerate(thresholds))
    joins = " ".join(f"join clusters_{n} c{n} using (unique_id)" for n in range(len(thresholds)))
    con.execute(
        f"copy (select split_part(unique_id, '|', 1) as source_system, split_part(unique_id, '|', 2) as source_record_id,"
        f" {columns} from input {joins}) to '{out}' (header)"
    )
    print(json.dumps(done))


if __name__ == "__main__":
    main(Path(sys.argv[1]), [float(t) for t in sys.argv[2].split(",")], [Path(name) for name in sys.argv[3:]])
