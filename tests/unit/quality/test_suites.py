"""Suite files: what loads, and that every mistake names its file and position."""

import json
from pathlib import Path
from typing import Any

import pytest

from dagster_project.config import EXPECTATIONS_DIR
from dagster_project.errors import GateError
from dagster_project.quality import Suite, load_suite, load_suites
from dagster_project.quality.expect import build
from dagster_project.quality.suites import known_types

RULE = {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "id"}, "severity": "critical"}
ROW_RULE = RULE | {"meta": {"row_rule": "a row has an id"}}

QUERY = {
    "type": "unexpected_rows_expectation",
    "kwargs": {"unexpected_rows_query": "select count(*) as failed from {batch} as b"},
    "severity": "critical",
}


def write(folder: Path, path: str = "raw/odoo/res_partner", **changes: Any) -> Path:
    file = folder / f"{path}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"name": "n", "expectations": [RULE], "meta": {"key": ["id"]}} | changes))
    return file


def load(folder: Path, path: str = "raw/odoo/res_partner", **changes: Any) -> Suite:
    return load_suite(write(folder, path, **changes), folder)


def test_a_suite_knows_its_table(tmp_path: Path) -> None:
    raw = load(tmp_path, expectations=[RULE, ROW_RULE])
    assert (raw.path, raw.layer, raw.name, raw.table) == (
        ("raw", "odoo", "res_partner"),
        "raw",
        "odoo/res_partner",
        "res_partner",
    )
    assert (raw.schema, raw.key, raw.may_be_empty) == ("raw_odoo", ("id",), False)
    assert [e.position for e in raw.checks] == [0]
    assert [e.position for e in raw.row_rules] == [1]
    assert load(tmp_path, "marts/dim_customer").schema == "marts_build"
    assert load(tmp_path, "identity/edges").schema == "identity"


def test_suites_are_found_by_their_path(tmp_path: Path) -> None:
    write(tmp_path)
    write(tmp_path, "intermediate/orders")
    assert set(load_suites(tmp_path)) == {("raw", "odoo", "res_partner"), ("intermediate", "orders")}


def test_the_fingerprint_follows_the_rules(tmp_path: Path) -> None:
    first = load(tmp_path).fingerprint
    assert load(tmp_path, name="another").fingerprint == first
    assert load(tmp_path, expectations=[RULE | {"severity": "warning"}]).fingerprint != first
    assert load(tmp_path, meta={"key": ["id", "code"]}).fingerprint != first


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"expectations": []}, "expectations: must be a list of at least one"),
        ({"expectations": {}}, "expectations: must be a list of at least one"),
        ({"expectations": ["x"]}, r"expectations\[0\]: must be an object"),
        (
            {"expectations": [RULE, RULE | {"type": "expect_magic"}]},
            r"expectations\[1\].type: 'expect_magic' is no",
        ),
        (
            {"expectations": [RULE | {"severity": "high"}]},
            r"expectations\[0\].severity: must be one of critical",
        ),
        (
            {"expectations": [{k: v for k, v in RULE.items() if k != "severity"}]},
            r"expectations\[0\].severity",
        ),
        ({"expectations": [RULE | {"kwarg": {}}]}, r"expectations\[0\]: unknown key 'kwarg'"),
        ({"expectations": [RULE | {"kwargs": []}]}, r"expectations\[0\].kwargs: must be an object"),
        (
            {"expectations": [RULE | {"meta": {"rowrule": "x"}}]},
            r"expectations\[0\].meta: unknown key 'rowrule'",
        ),
        ({"expectations": [RULE | {"meta": {"row_rule": " "}}]}, "row_rule: must say in words"),
        (
            {"expectations": [ROW_RULE | {"type": "expect_compound_columns_to_be_unique"}]},
            "a row rule needs an expectation on the values of a column",
        ),
        (
            {"expectations": [ROW_RULE | {"kwargs": {"column": "id", "mostly": 0.9}}]},
            "a row rule holds for every row",
        ),
        (
            {"expectations": [RULE | {"kwargs": {"column": "id", "max_value": {"$PARAMETER": "yesterday"}}}]},
            r"expectations\[0\]: unknown \$PARAMETER 'yesterday'",
        ),
        (
            {"expectations": [RULE | {"meta": {"figures": "{failed} rows"}}]},
            "figures: only a query returns figures",
        ),
        *(
            ({"expectations": [QUERY | {"meta": {"figures": words}}]}, "figures: must be a sentence with")
            for words in ("", "no figure", "{failed", 1)
        ),
        ({"meta": {}}, "meta.key: must list"),
        ({"meta": None}, "meta: must be an object"),
        ({"meta": {"key": "id"}}, "meta.key: must list"),
        ({"meta": {"key": ["id"], "may_be_empty": "no"}}, "meta.may_be_empty: must be true or false"),
        ({"meta": {"key": ["id"], "keys": 1}}, "meta: unknown key 'keys'"),
        ({"name": None}, "name: must be text"),
        ({"suite": 1}, "the top: unknown key 'suite'"),
    ],
)
def test_a_mistake_names_file_and_position(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(GateError, match=said) as raised:
        load(tmp_path, **changes)
    assert "raw/odoo/res_partner.json" in raised.value.problem
    assert raised.value.remedy


def test_rows_of_identity_cannot_be_moved_out(tmp_path: Path) -> None:
    with pytest.raises(GateError, match="rows of layer identity cannot be moved out"):
        load(tmp_path, "identity/edges", expectations=[ROW_RULE])


def test_broken_json_names_line_and_column(tmp_path: Path) -> None:
    file = write(tmp_path)
    file.write_text('{"name": "n",\n "meta": }')
    with pytest.raises(GateError, match=r"res_partner\.json, line 2 column 10: not JSON"):
        load_suite(file, tmp_path)


def test_a_file_that_is_not_utf_8_is_named(tmp_path: Path) -> None:
    file = write(tmp_path)
    file.write_bytes(b'{"name": "\xff"}')
    with pytest.raises(GateError, match=r"res_partner\.json, byte 10: not UTF-8"):
        load_suite(file, tmp_path)


@pytest.mark.parametrize("path", ["raw/res_partner", "staging/t", "intermediate/a/b"])
def test_a_suite_in_no_layer_is_an_error(tmp_path: Path, path: str) -> None:
    with pytest.raises(GateError, match="not a place for a suite"):
        load(tmp_path, path)


def test_a_rule_that_great_expectations_would_drop_is_named(tmp_path: Path) -> None:
    suite = load(tmp_path, expectations=[RULE, RULE | {"kwargs": {"colum": "id"}}])
    with pytest.raises(GateError, match=r"res_partner\.json, expectations\[1\] .*column"):
        build(suite, suite.expectations)


def test_known_types_are_great_expectations_own() -> None:
    assert {"expect_column_values_to_be_between", "unexpected_rows_expectation"} <= known_types()
    assert all("expect" in kind for kind in known_types())


def test_every_raw_suite_rules_out_impossible_times() -> None:
    """Years 0001 and 9999 must not come through: each table with a watermark has a row rule for it."""
    for suite in load_suites(EXPECTATIONS_DIR).values():
        if suite.layer == "raw" and suite.path[1] in ("odoo", "suitecrm"):
            watermark = {"odoo": "write_date", "suitecrm": "date_modified"}[suite.path[1]]
            assert watermark in {column for rule in suite.row_rules for column in rule.columns}, suite.path
