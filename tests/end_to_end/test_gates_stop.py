"""A gate that stops, whichever it is: readers keep the state they had; a raw one puts its source on hold.

Belongs here: one whole refresh for each suite of identity and one of each other layer. That publishing waits for
every suite is asked of the definitions (tests/assets/test_definitions.py).
"""

import json
from collections.abc import Iterator

import pytest

from dagster_project.config import EXPECTATIONS_DIR
from tests.end_to_end.conftest import Company, twin_of

IDENTITY = tuple(f"identity/{file.stem}" for file in sorted((EXPECTATIONS_DIR / "identity").glob("*.json")))
RAW, SOUND = "raw/surveys/nps", "none"
SUITES = ("intermediate/returns", *IDENTITY, "marts/fct_return_line", RAW, SOUND)
REFRESHES = """
import dataclasses, json
from graphlib import TopologicalSorter
from types import SimpleNamespace
import dagster as dg
from dagster_project import checks
from dagster_project.assets import dbt, raw
from dagster_project.config import load_settings
from dagster_project.quality import Expectation, GateOutcome, Status
from dagster_project.refresh import refresh
from dagster_project.sources.arrival import TableLoad
from dagster_project.warehouse import open_warehouse

judge, broken = checks.run_gate, None
def gate(warehouse, suite, **given):
    if suite.path != broken:
        return GateOutcome(suite.table, Status.PASSED, (), (), 0, 0, 0, 0, 0.0)
    rule = Expectation(
        *(len(suite.expectations), "expect_table_row_count_to_be_between", {"min_value": 10**12}),
        *("critical", "a rule that cannot hold", None),
    )
    # As a rule that somebody added: what had passed is validated again.
    document = suite.document | {"expectations": [*suite.document["expectations"], "another"]}
    suite = dataclasses.replace(suite, expectations=(*suite.expectations, rule), document=document)
    return judge(warehouse, suite, **given)

# Nothing changed at the sources: reading them and building the same tables once more takes most of a refresh.
def read(source, *_, **__):
    tables = [TableLoad(table.name, rows_at_source=0) for table in source.tables]
    return SimpleNamespace(source=source.name, load_id=None, tables=tables)

def built(context, *_, **__):
    names = {key: name for name, key in context.assets_def.keys_by_output_name.items()}
    parents = context.assets_def.asset_deps
    for key in TopologicalSorter({key: parents[key] & set(names) for key in names}).static_order():
        yield dg.Output(None, names[key])

checks.run_gate, dbt.stream, raw.extract = gate, built, read
settings = load_settings()
warehouse = open_warehouse(settings)
found = {}
for name in NAMES:
    broken = tuple(name.split("/"))
    done = refresh(settings, warehouse, lambda *_: None)
    found[name] = [done.run_id, done.success, done.blocked + [f.failed for f in done.failures], done.held]
print(json.dumps(found))
"""


@pytest.fixture
def unread(company: Company, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    """A copy of the company: what its ledgers say of these refreshes, which read nothing, is true of no other."""
    with twin_of(company, tmp_path_factory.mktemp("unread") / "home") as copied:
        yield copied


@pytest.mark.slow
@pytest.mark.timeout(900)  # a refresh for each suite
def test_a_critical_rule_of_any_suite_stops_publishing_and_a_raw_one_its_source(unread: Company) -> None:
    before = unread.state()
    done = unread.patched_refresh(f"NAMES = {SUITES!r}\n{REFRESHES}\nimport sys; sys.exit()", timeout=800)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert len(IDENTITY) > 1 and set(found) == set(SUITES)
    published = {run_id for (run_id,) in unread.ask("select distinct run_id from ops.publications")}
    for name, (run_id, success, stopped, held) in found.items():
        if name == SOUND:
            assert (success, stopped, held, run_id in published) == (True, [], [], True)
        elif name == RAW:
            assert (success, stopped, run_id in published) == (True, [], True)
            assert len(held) == 1 and held[0].startswith("surveys is "), held
            assert "a rule that cannot hold" in held[0]
        else:
            assert (success, held, run_id in published) == (False, [], False), name
            assert len(stopped) == 1 and "a rule that cannot hold" in stopped[0], (name, stopped)
    assert unread.state() == before
