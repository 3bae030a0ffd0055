"""Every number that a suite judges by is listed in expectations/README.md, with the reason why it holds at any size."""

import re
from collections.abc import Iterator

from dagster_project.config import EXPECTATIONS_DIR
from dagster_project.quality import Expectation, load_suites

# In a query: what a value is compared with, a factor, and the terms of greatest(…).
NUMBER = r"\d+(?:\.\d+)?"
COMPARED = re.compile(rf"(?:[<>=*/]\s*|greatest\(\s*)({NUMBER})(?![\w'])|(?<![\w.'])({NUMBER})\s*\*")


def limits(rule: Expectation) -> Iterator[str]:
    """The numbers and dates that decide whether `rule` holds; 0 is none."""
    query = rule.kwargs.get("unexpected_rows_query", "")
    found = [one or other for one, other in COMPARED.findall(query)]
    found += [str(rule.kwargs.get(name, 0)) for name in ("min_value", "max_value", "mostly", "value")]
    for number in found:
        if number.startswith("{"):
            continue  # a parameter
        if (shown := number.removesuffix(" 00:00:00").removeprefix("-")) != "0":
            yield shown


def test_every_number_of_a_suite_is_explained() -> None:
    readme = (EXPECTATIONS_DIR / "README.md").read_text(encoding="utf-8")
    explained = set(re.findall(r"`([\d.-]+)`", readme.split("## Why each number holds")[1]))
    used = {
        number: f"{'/'.join(suite.path)}: {rule.rule}"
        for suite in load_suites(EXPECTATIONS_DIR).values()
        for rule in suite.expectations
        for number in limits(rule)
    }
    assert {number: rule for number, rule in used.items() if number not in explained} == {}
    assert len(used) > 30
    assert explained - set(used) <= {"10"}, "the page explains what no suite has"
