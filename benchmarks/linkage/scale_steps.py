"""What scale.py runs in processes of their own: `python -m benchmarks.linkage.scale_steps STEP CARDS`.

Each prints its figures as the last line, in JSON. Seconds count the work alone, without starting Python.

`fill` makes the cards; `ours` is a first refresh: reading from PostgreSQL, training, linking, writing; `changed` is
the next one, after one card in a hundred changed and the server has cleaned up; `splink` is Splink alone (train,
predict, cluster) on the same cards, already standardised and in memory, with the same comparisons and exact, phonetic
and partial blocking keys as ours, trained as its functions do when they are given no more than they ask for; `sampled`
is the same, trained on as few pairs as the step trains on.
"""

import json
import sys
import time
from typing import Any

import duckdb
import sqlalchemy as sa
from splink import SettingsCreator, block_on

from benchmarks.linkage.crowd import crowd
from dagster_project import identity
from dagster_project.config import load_settings
from dagster_project.identity import model, profiles, store
from dagster_project.identity.engine import connect
from dagster_project.identity.resolution import THRESHOLD, prepare
from dagster_project.warehouse import open_warehouse

# What the step's own training asks of Splink.
_SAMPLED_U = {"max_pairs": model.MAX_U_PAIRS, "num_chunks": 1}
_SAMPLED_EM = {"max_pairs": model.MAX_EM_PAIRS, "estimate_without_term_frequencies": True}
# Blocking as bare Splink would have it on the same columns.
_BLOCKING = (
    *(("phone_1",), ("email_1",), ("mailbox_1",), ("family", "birth_date"), ("given", "birth_date")),
    *(("given", "patronymic", "family"), ("given", "family", "city"), ("street", "house", "given")),
    *(("street", "house", "family"), ("given", "substr(phone_1, -7)")),
)


def fill(size: int) -> dict[str, Any]:
    warehouse = open_warehouse(load_settings())
    records, identifiers = crowd(size)
    with warehouse.begin() as connection:
        tables = connection.scalars(sa.text("select tablename from pg_tables where schemaname = 'identity'"))
        connection.execute(sa.text(f"truncate {', '.join(f'identity.{name}' for name in tables)}"))
        for name in ("customer_records", "customer_record_identifiers"):
            connection.execute(sa.text(f"drop table if exists intermediate.{name} cascade"))
    warehouse.write(records, "intermediate", "customer_records")
    warehouse.write(identifiers, "intermediate", "customer_record_identifiers")
    with warehouse.begin() as connection:
        for name in ("customer_records", "customer_record_identifiers"):
            # As the contract has it.
            connection.execute(sa.text(f"create index on intermediate.{name} (source_record_id)"))
    with warehouse.admin_engine().connect() as connection:
        connection.execute(sa.text("vacuum analyze intermediate.customer_records"))
        connection.execute(sa.text("checkpoint"))
    return {"cards": records.num_rows}


def ours(size: int) -> dict[str, Any]:
    warehouse = open_warehouse(load_settings())
    told: list[tuple[str, float]] = []
    started = time.monotonic()
    training = _timed_training()
    summary = identity.refresh(
        warehouse,
        "bench-1",
        progress=lambda text: told.append((text, round(time.monotonic() - started, 1))),
        state_folder=load_settings().home / "identity",
    )
    seconds = time.monotonic() - started
    return {
        "seconds": seconds,
        "train": training[0],
        "pairs": summary.candidate_pairs,
        "customers": summary.customers,
        "largest": summary.largest_cluster,
        "told": told,
    }


def changed(size: int) -> dict[str, Any]:
    warehouse = open_warehouse(load_settings())
    with warehouse.begin() as connection:
        count = connection.execute(
            sa.text(
                "update intermediate.customer_records set city = 'Омск', updated_at = updated_at + interval '1 day'"
                " where hashtext(source_record_id) % 100 = 0"
            )
        ).rowcount
    with warehouse.admin_engine().connect() as connection:
        # As a server does by itself in the day between two refreshes.
        connection.execute(sa.text("vacuum analyze"))
        connection.execute(sa.text("checkpoint"))
    started = time.monotonic()
    summary = identity.refresh(warehouse, "bench-2", state_folder=load_settings().home / "identity")
    return {"seconds": time.monotonic() - started, "changed": count, "customers": summary.customers}


def splink(size: int) -> dict[str, Any]:
    return _bare({}, {})


def sampled(size: int) -> dict[str, Any]:
    return _bare(_SAMPLED_U, _SAMPLED_EM)


def _bare(of_u: dict[str, Any], of_em: dict[str, Any]) -> dict[str, Any]:
    warehouse = open_warehouse(load_settings())
    con = connect()
    prepare(con, *store.read_cards(warehouse))
    # Every card for itself: bare Splink knows no profiles.
    con.execute("create or replace table members as select rid, rid as pid from cards")
    profiles.describe(con)
    con.execute(f"create table bare as select {', '.join(profiles.PROFILE_COLUMNS)} from profiles")
    frame = con.sql("select * from bare").to_arrow_table()
    con.close()

    con = duckdb.connect()
    con.execute("create table bare as select * from frame")
    del frame
    settings = SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name="unique_id",
        comparisons=[model._comparison(name) for name in model.COMPARISONS],
        blocking_rules_to_generate_predictions=[block_on(*columns) for columns in _BLOCKING],
    )
    started = time.monotonic()
    linker = model._linker(con, "bare", settings)
    certain = [block_on("email_1", "given"), block_on("family", "given", "birth_date")]
    linker.training.estimate_probability_two_random_records_match(certain, recall=0.6)
    linker.training.estimate_u_using_random_sampling(**of_u, seed=model.SEED)
    for session in model._SESSIONS:
        linker.training.estimate_parameters_using_expectation_maximisation(block_on(*session), **of_em)
    trained = time.monotonic()
    predicted = linker.inference.predict(threshold_match_probability=0.5)
    done = time.monotonic()
    clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(predicted, THRESHOLD)
    clustered = time.monotonic()
    found = con.execute(f"select count(distinct cluster_id) from {clusters.physical_name}").fetchall()[0][0]
    pairs = con.execute(f"select count(*) from {predicted.physical_name}").fetchall()[0][0]
    return {
        "seconds": clustered - started,
        "train": trained - started,
        "predict": done - trained,
        "cluster": clustered - done,
        "pairs": pairs,
        "customers": found,
    }


def _timed_training() -> list[float]:
    """The seconds that training takes, measured around the function that the pipeline calls."""
    from dagster_project.identity import pipeline

    seconds = [0.0]
    train = pipeline.train_model

    def timed(*arguments: Any, **named: Any) -> model.Model:
        started = time.monotonic()
        trained = train(*arguments, **named)
        seconds[0] += time.monotonic() - started
        return trained

    pipeline.train_model = timed
    return seconds


if __name__ == "__main__":
    steps = {step.__name__: step for step in (fill, ours, changed, splink, sampled)}
    print(json.dumps(steps[sys.argv[1]](int(sys.argv[2]))))
