"""The linkage model: what is compared, how it is trained, and the artefact that scoring uses.

Belongs here: comparisons, training, saving and loading of a Model. Does not belong here: which pairs are
compared (link.py) and what is done with a score (guard.py, cluster.py).

Scoring never retrains: term frequencies are part of the model, so a pair's weight does not drift as data grows.
"""

import datetime as dt
import hashlib
import json
import logging
import warnings
from dataclasses import dataclass
from math import inf
from string import ascii_lowercase
from typing import Any

import duckdb
import pyarrow as pa
from splink import DuckDBAPI, Linker, SettingsCreator, block_on

from dagster_project.errors import IdentityError
from dagster_project.identity.engine import typo, within
from dagster_project.identity.identifiers import LONGEST
from dagster_project.identity.profiles import PROFILE_COLUMNS

SEED = 360
# Raised when keys or comparisons come to mean something else under the same names: older models are then refused.
FORMAT = 1
# Shares settle long before the data ends: training reads no more profiles and pairs than these.
MAX_TRAINING_PROFILES = 300_000
MAX_U_PAIRS = 7e5
MAX_EM_PAIRS = 2e5
# Beyond so many pairs only the likely ones get their weights by comparison.
MANY_PAIRS = 500_000
_SCORED_COLUMNS = (
    *("unique_id", "given", "givens", "patronymic", "family", "families", "birth_date", "phones", "phone_1"),
    *("emails", "email_1", "mailboxes", "mailbox_1", "street", "house", "flat", "city"),
)
# No level's m falls below this part of its default.
MIN_M_SHARE = 20
TERM_FREQUENCY_COLUMNS = ("given", "family", "patronymic", "city")
TERM_FREQUENCIES = pa.schema(
    [("column_name", pa.string()), ("value", pa.string()), ("frequency", pa.float64())]
)
# Two levels of a comparison that training never saw, or turned upside down, keep these m and u.
Level = tuple[str, str, float, float]


def _typo(column: str) -> str:
    return typo(f"{column}_l", f"{column}_r")


# Name: null condition, levels (label, condition, m, u) from most to least alike, the last one all others.
COMPARISONS: dict[str, tuple[str, tuple[Level, ...]]] = {
    "given": (
        "given_l is null or given_r is null",
        (
            ("same", "given_l = given_r", 0.86, 0.02),
            ("variant", "list_has_any(givens_l, givens_r)", 0.03, 0.004),
            ("typo", _typo("given"), 0.04, 0.004),
            ("other", "ELSE", 0.07, 0.972),
        ),
    ),
    "family": (
        "family_l is null or family_r is null",
        (
            ("same", "family_l = family_r", 0.85, 0.004),
            ("part", "list_has_any(families_l, families_r)", 0.02, 0.0005),
            (
                "typo",
                "case when jaro_winkler_similarity(family_l, family_r) >= 0.93 then true"
                f" else {_typo('family')} end",
                0.06,
                0.001,
            ),
            ("other", "ELSE", 0.07, 0.9945),
        ),
    ),
    "patronymic": (
        "patronymic_l is null or patronymic_r is null",
        (
            ("same", "patronymic_l = patronymic_r", 0.92, 0.025),
            ("typo", _typo("patronymic"), 0.04, 0.004),
            ("other", "ELSE", 0.04, 0.971),
        ),
    ),
    "birth_date": (
        "birth_date_l is null or birth_date_r is null",
        (
            ("same", "birth_date_l = birth_date_r", 0.88, 0.00006),
            (
                "close",
                f"{within('birth_date_l', 'birth_date_r', '1')} or (left(birth_date_l, 4) ="
                " left(birth_date_r, 4) and substr(birth_date_l, 6, 2) = substr(birth_date_r, 9, 2)"
                " and substr(birth_date_l, 9, 2) = substr(birth_date_r, 6, 2))",
                0.06,
                0.001,
            ),
            ("year", "left(birth_date_l, 4) = left(birth_date_r, 4)", 0.02, 0.015),
            ("other", "ELSE", 0.04, 0.98394),
        ),
    ),
    "phone": (
        "phones_l is null or phones_r is null",
        (
            ("same", "phone_1_l = phone_1_r or list_has_any(phones_l, phones_r)", 0.75, 0.00005),
            ("typo", within("phone_1_l", "phone_1_r", "1"), 0.04, 0.00005),
            ("other", "ELSE", 0.21, 0.9999),
        ),
    ),
    "email": (
        "emails_l is null or emails_r is null",
        (
            ("same", "email_1_l = email_1_r or list_has_any(emails_l, emails_r)", 0.7, 0.00003),
            ("mailbox", "list_has_any(mailboxes_l, mailboxes_r)", 0.06, 0.00004),
            (
                "typo",
                "case when least(length(mailbox_1_l), length(mailbox_1_r)) < 7 then false"
                f" else {within('mailbox_1_l', 'mailbox_1_r', '1')} end",
                0.04,
                0.0001,
            ),
            ("other", "ELSE", 0.2, 0.99983),
        ),
    ),
    "address": (
        "street_l is null or street_r is null",
        (
            (
                "flat",
                "street_l = street_r and house_l = house_r and flat_l = flat_r",
                0.65,
                0.00005,
            ),
            ("house", "street_l = street_r and house_l = house_r", 0.1, 0.0002),
            ("street", "street_l = street_r", 0.05, 0.01),
            ("other", "ELSE", 0.2, 0.98975),
        ),
    ),
    "city": (
        "city_l is null or city_r is null",
        (("same", "city_l = city_r", 0.9, 0.15), ("other", "ELSE", 0.1, 0.85)),
    ),
}
_TERM_FREQUENCY_LEVELS = {name: "same" for name in ("given", "family", "patronymic", "city")}
# Each training session leaves out what it blocks on, so that every comparison is seen by several.
_SESSIONS = (("phone_1",), ("email_1",), ("family", "given"), ("birth_date",))


@dataclass(frozen=True)
class Model:
    """Parameters (Splink's settings), term frequencies (TERM_FREQUENCIES) and how they came about."""

    version: str
    trained_at: dt.datetime
    settings: dict[str, Any]
    training: dict[str, Any]
    term_frequencies: pa.Table

    @property
    def names_from(self) -> float:
        """The match weight from which names alone link two cards (calibration.py); infinite: they never do."""
        start = self.training.get("names", {}).get("from")
        return inf if start is None else float(start)


def train_model(con: duckdb.DuckDBPyConnection, trained_at: dt.datetime) -> Model:
    """Trains on the table `profiles`: u by random sampling, m by expectation maximisation, both seeded.

    Too little data for a comparison leaves its default parameters; `training` says which.
    """
    strong = con.execute("select count(*) from profiles where is_strong").fetchall()[0][0]
    con.execute(
        f"create or replace table training_profiles as select {', '.join(PROFILE_COLUMNS)} from profiles where is_strong"
        + (
            f" and hash(unique_id) % {strong} < {MAX_TRAINING_PROFILES}"
            if strong > MAX_TRAINING_PROFILES
            else ""
        )
        + " order by unique_id"
    )
    linker = _linker(con, "training_profiles", _settings())
    report: dict[str, Any] = {"format": FORMAT, "profiles": strong, "sessions": {}, "defaults": []}
    if strong >= 2:
        _quietly(
            linker.training.estimate_u_using_random_sampling, max_pairs=MAX_U_PAIRS, seed=SEED, num_chunks=1
        )
        report["prior"] = _prior(linker)
        for session in _SESSIONS:
            report["sessions"]["+".join(session)] = _train_session(con, linker, session)
    settings = linker.misc.save_model_to_json(out_path=None)
    report["defaults"] = _mend(settings)
    frequencies = (
        con.sql(
            " union all ".join(
                f"select '{column}' as column_name, {column} as value,"
                f" count(*) / sum(count(*)) over () as frequency from profiles where is_strong"
                f" and length({column}) <= {LONGEST}"
                f" group by {column}"
                for column in TERM_FREQUENCY_COLUMNS
            )
        )
        .to_arrow_table()
        .cast(TERM_FREQUENCIES)
        .sort_by([("column_name", "ascending"), ("value", "ascending")])
    )
    _sweep(con)
    con.execute("drop table training_profiles")
    _round(settings)
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    digest.update(str(frequencies.to_pydict()).encode())
    return Model("m-" + digest.hexdigest()[:12], trained_at, settings, report, frequencies)


def check(model: Model) -> None:
    """Raises IdentityError where this code compares otherwise than the code that trained `model` did."""
    trained = {
        c["output_column_name"]: _levels(c["comparison_levels"]) for c in model.settings["comparisons"]
    }
    ours = {name: _levels(_comparison(name)["comparison_levels"]) for name in COMPARISONS}
    differing = sorted(name for name in trained.keys() | ours.keys() if trained.get(name) != ours.get(name))
    frequencies = set(model.term_frequencies["column_name"].to_pylist())
    if model.training.get("format", FORMAT) != FORMAT:
        reason = f"is of format {model.training['format']}, this code of format {FORMAT}"
    elif differing:
        reason = f"was trained by other code: it compares {', '.join(differing)} by other columns or levels"
    elif list(trained) != list(ours):
        reason = "was trained by other code: it compares in another order"
    elif unknown := sorted(frequencies - set(TERM_FREQUENCY_COLUMNS)):
        reason = f"has frequencies of {', '.join(unknown)}, which this code does not weigh"
    else:
        return
    raise IdentityError(
        f"The model {model.version} {reason}.",
        "Run `c360 train`: it trains a new one on the cards there are and puts it in use.",
    )


def _levels(levels: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(level["sql_condition"], level["label_for_charts"]) for level in levels]


def score(con: duckdb.DuckDBPyConnection, model: Model, pairs: str, always: str | None = None) -> None:
    """Makes `scores` for the pairs (pid_l < pid_r) of table `pairs`.

    scores: pid_l, pid_r, match_weight (log2 odds), match_probability, levels (what each comparison found, a word each
    in the order of COMPARISONS: a letter, `-` for a value missing, `a` for the least alike and so on, and after it the
    weight of a rare or frequent value in thousandths of a bit; views.py reads them).
    `always` (a query of pid_l, pid_r) says which pairs the caller needs however unlikely they are: of many pairs,
    those that are neither in it nor as likely as not may then be missing.
    """
    count = con.execute(f"select count(*) from {pairs}").fetchall()[0][0]
    if count == 0:
        con.execute(
            "create or replace table scores (pid_l bigint, pid_r bigint, match_weight double,"
            " match_probability double, levels varchar)"
        )
        return
    if always is not None and count > MANY_PAIRS:
        # Most pairs are strangers: their weights by comparison would fill the memory for nothing.
        predicted = _predict(con, model, pairs, threshold=0.5, by_comparison=False)
        con.execute(
            f"create or replace table likely_pairs as select unique_id_l as pid_l, unique_id_r as pid_r from {predicted}"
            f" union select pid_l, pid_r from ({always}) semi join {pairs} using (pid_l, pid_r)"
        )
        _sweep(con)
        pairs = "likely_pairs"
    predicted = _predict(con, model, pairs)
    levels = ", ".join(_word(name) for name in COMPARISONS)
    con.execute(
        f"""
        create or replace table scores as
        select unique_id_l as pid_l, unique_id_r as pid_r, match_weight, match_probability,
            concat_ws(' ', {levels}) as levels
        from {predicted};
        drop table if exists likely_pairs;
        """
    )
    _sweep(con)


def _predict(
    con: duckdb.DuckDBPyConnection,
    model: Model,
    pairs: str,
    *,
    threshold: float | None = None,
    by_comparison: bool = True,
) -> str:
    """The name of Splink's table of predictions for `pairs`; sweep it away after use."""
    con.execute(
        f"""
        create or replace table scored_profiles as
        select {", ".join(_SCORED_COLUMNS)} from profiles
        where pid in (select pid_l from {pairs} union select pid_r from {pairs});

        create or replace table blocked_pairs as
        select '0' as match_key, pid_l as join_key_l, pid_r as join_key_r from {pairs};
        """
    )
    kept = {
        "retain_matching_columns": by_comparison,
        "retain_intermediate_calculation_columns": by_comparison,
    }
    linker = _linker(con, "scored_profiles", model.settings | kept)
    con.register("frequencies", model.term_frequencies)
    for column in TERM_FREQUENCY_COLUMNS:
        con.execute(
            f"create or replace table tf_{column} as select value as {column}, frequency as tf_{column}"
            f" from frequencies where column_name = '{column}'"
        )
        lookup = linker._db_api.register(f"tf_{column}")
        linker.table_management.register_term_frequency_lookup(lookup, column)
    con.unregister("frequencies")
    linker.table_management.register_blocked_pairs_for_predict(linker._db_api.register("blocked_pairs"))
    predict = linker.inference.predict
    predicted = _quietly(predict, threshold_match_probability=threshold, warning_mode="never").physical_name
    con.execute("drop table blocked_pairs; drop table scored_profiles")
    return str(predicted)


def _word(name: str) -> str:
    letters = "-" + ascii_lowercase[: len(COMPARISONS[name][1])]
    letter = f"'{letters}'[gamma_{name} + 2]"
    if name not in _TERM_FREQUENCY_LEVELS:
        return letter
    return f"{letter} || coalesce(cast(nullif(cast(round(1000 * mw_tf_adj_{name}) as integer), 0) as varchar), '')"


def _settings() -> SettingsCreator:
    return SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name="unique_id",
        comparisons=[_comparison(name) for name in COMPARISONS],
        blocking_rules_to_generate_predictions=[block_on("phone_1"), block_on("email_1")],
        retain_intermediate_calculation_columns=True,
        probability_two_random_records_match=0.0005,
        # Late iterations only drive a level that no match has towards zero, where Splink gives up.
        max_iterations=10,
        em_convergence=0.001,
    )


def _comparison(name: str) -> dict[str, Any]:
    null, levels = COMPARISONS[name]
    described: list[dict[str, Any]] = [
        {"sql_condition": null, "label_for_charts": "missing", "is_null_level": True}
    ]
    for label, condition, m, u in levels:
        level: dict[str, Any] = {
            "sql_condition": condition,
            "label_for_charts": label,
            "m_probability": m,
            "u_probability": u,
        }
        if _TERM_FREQUENCY_LEVELS.get(name) == label:
            level |= {"tf_adjustment_column": name, "tf_minimum_u_value": 0.0001}
        described.append(level)
    return {"output_column_name": name, "comparison_levels": described}


def _linker(con: duckdb.DuckDBPyConnection, table: str, settings: SettingsCreator | dict[str, Any]) -> Linker:
    # Splink's module sets its own level and handler: told once, it keeps quiet.
    logging.getLogger("splink.internals").setLevel(logging.ERROR)
    return Linker(DuckDBAPI(connection=con).register(table), settings, validate_settings=False)


def _sweep(con: duckdb.DuckDBPyConnection) -> None:
    """Drops what Splink left behind: pairs and comparison vectors by the million."""
    found = con.execute(
        "select table_name from duckdb_tables()"
        " where database_name = current_database() and starts_with(table_name, '__splink__')"
    ).fetchall()
    for (name,) in found:
        con.execute(f'drop table "{name}"')


def _quietly(work: Any, *arguments: Any, **named: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return work(*arguments, **named)


def _prior(linker: Linker) -> float | None:
    # What exact agreements find is taken for 60 % of what there is.
    rules = [
        block_on("email_1", "given"),
        block_on("phone_1", "given"),
        block_on("family", "given", "birth_date"),
    ]
    try:
        _quietly(linker.training.estimate_probability_two_random_records_match, rules, recall=0.6)
    except ValueError:
        return None
    prior = linker._settings_obj._probability_two_random_records_match
    if not 0 < prior < 0.5:
        linker._settings_obj._probability_two_random_records_match = 0.0005
        return None
    return float(prior)


def _train_session(con: duckdb.DuckDBPyConnection, linker: Linker, columns: tuple[str, ...]) -> str:
    from splink.internals.exceptions import EMTrainingException

    pairs = con.execute(
        f"select coalesce(sum(n * (n - 1) / 2), 0) from (select count(*) as n from training_profiles"
        f" where {' and '.join(f'{c} is not null' for c in columns)} group by {', '.join(columns)})"
    ).fetchall()[0][0]
    if pairs < 50:
        return f"left out: {int(pairs)} pairs"
    whole = linker._settings_obj.core_model_settings.copy()
    try:
        _quietly(
            linker.training.estimate_parameters_using_expectation_maximisation,
            block_on(*columns),
            estimate_without_term_frequencies=True,
            max_pairs=MAX_EM_PAIRS if pairs > MAX_EM_PAIRS else None,
        )
    except (EMTrainingException, ValueError) as error:
        # A session takes the comparisons it blocks on out of the model, and leaves them out where it fails.
        linker._settings_obj.core_model_settings = whole
        return f"failed: {type(error).__name__}"
    _hold_up(linker)
    return f"{int(pairs)} pairs"


def _hold_up(linker: Linker) -> None:
    """What one session drove towards zero would underflow in the next, where several such levels meet."""
    for comparison in linker._settings_obj.comparisons:
        levels = [level for level in comparison.comparison_levels if not level.is_null_level]
        for level, (_, _, m, _) in zip(levels, COMPARISONS[comparison.output_column_name][1], strict=True):
            if isinstance(level.m_probability, float):
                level.m_probability = max(level.m_probability, m / MIN_M_SHARE)


def _mend(settings: dict[str, Any]) -> list[str]:
    """Gives levels that were not learned, or comparisons learned upside down, their defaults; names them."""
    mended = []
    prior = settings["probability_two_random_records_match"]
    for comparison in settings["comparisons"]:
        name = comparison["output_column_name"]
        levels = [level for level in comparison["comparison_levels"] if not level.get("is_null_level")]
        for level, (_, _, m, u) in zip(levels, COMPARISONS[name][1], strict=True):
            for key, default in (("m_probability", m), ("u_probability", u)):
                if not isinstance(level.get(key), float) or not 0 < level[key] <= 1:
                    level[key] = default
                    mended.append(f"{name}.{level['label_for_charts']}.{key[0]}")
            # Where hardly any match has a level, training drives m to nothing, and one such pair is damned whatever else.
            if level["m_probability"] <= m / MIN_M_SHARE:
                level["m_probability"] = m / MIN_M_SHARE
                mended.append(f"{name}.{level['label_for_charts']}.m")
            # Random pairs hold a few true ones: in small data they would make a shared phone look common.
            u_seen = level["u_probability"]
            level["u_probability"] = max(u_seen - prior * level["m_probability"], min(u_seen, u))
        best, worst = levels[0], levels[-1]
        if (
            not best["m_probability"] > best["u_probability"]
            or not worst["m_probability"] < worst["u_probability"]
        ):
            for level, (_, _, m, u) in zip(levels, COMPARISONS[name][1], strict=True):
                level["m_probability"], level["u_probability"] = m, u
            mended.append(name)
    return mended


def _round(settings: dict[str, Any]) -> None:
    """Nine digits: sums over threads differ in their last ones, and the same data must give the same version."""
    settings.pop("linker_uid", None)  # random, and nothing to the model
    settings["probability_two_random_records_match"] = float(
        f"{settings['probability_two_random_records_match']:.9g}"
    )
    for comparison in settings["comparisons"]:
        for level in comparison["comparison_levels"]:
            for key in ("m_probability", "u_probability"):
                if key in level:
                    level[key] = float(f"{level[key]:.9g}")
