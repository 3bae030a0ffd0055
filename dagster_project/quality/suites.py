"""Suites: expectations/<layer>/<table>.json, read and checked before any data is.

Belongs here: the files' form and every mistake in it, named by file and position. Does not belong here:
running a suite (gate.py). Great Expectations itself is not imported: it takes seconds, and whoever only
lists the suites (the asset graph) should not wait for it.
"""

import hashlib
import importlib.util
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from string import Formatter
from typing import Any, Literal

from dagster_project.errors import GateError
from dagster_project.warehouse import schema

Severity = Literal["critical", "warning", "info"]
SEVERITIES = ("critical", "warning", "info")
LAYERS = ("raw", "intermediate", "identity", "marts")
# Only these layers have rows that can leave and come back; identity and marts stand or fall as a whole.
QUARANTINED_LAYERS = ("raw", "intermediate")
# What {"$PARAMETER": …} may name; gate.py gives the values.
PARAMETERS = ("now", "tomorrow", "sources", "channels")
# Types that point at single rows: Great Expectations lists the rows that break them.
ROW_RULE_PREFIXES = (
    "expect_column_values_to_",
    "expect_column_value_lengths_to_",
    "expect_column_pair_values_",
)
CUSTOM_QUERY = "unexpected_rows_expectation"
COLUMN_KWARGS = ("column", "column_A", "column_B")


@dataclass(frozen=True)
class Expectation:
    """One rule. `row_rule` says in plain words why a row that breaks it is moved out; None: it is a check.

    `figures`: of a query that returns figures instead of rows, the sentence that they fill.
    """

    position: int
    type: str
    kwargs: Mapping[str, Any]
    severity: Severity
    description: str | None
    row_rule: str | None
    figures: str | None = None

    @property
    def rule(self) -> str:
        """The rule as a person reads it."""
        return self.row_rule or self.description or self.type

    @property
    def column(self) -> str | None:
        """The columns it looks at, comma separated; None where it looks at the table."""
        return ", ".join(self.columns) or None

    @property
    def columns(self) -> list[str]:
        """The columns that must exist for it to be evaluated."""
        named = [self.kwargs[name] for name in COLUMN_KWARGS if name in self.kwargs]
        return [*named, *self.kwargs.get("column_list", [])]


@dataclass(frozen=True)
class Suite:
    """The rules of one table. `path` is ("raw", source, table) or (layer, table)."""

    path: tuple[str, ...]
    file: Path
    expectations: tuple[Expectation, ...]
    key: tuple[str, ...]
    may_be_empty: bool = False
    document: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def layer(self) -> str:
        return self.path[0]

    @property
    def table(self) -> str:
        return self.path[-1]

    @property
    def name(self) -> str:
        """The table within its layer: `odoo/res_partner`, `orders`."""
        return "/".join(self.path[1:])

    @property
    def schema(self) -> str:
        """The schema in which the gate finds the table; marts are gated where they are built, unseen."""
        if self.layer == "raw":
            return schema.raw_schema(self.path[1])
        return schema.MARTS_BUILD if self.layer == "marts" else self.layer

    @property
    def row_rules(self) -> tuple[Expectation, ...]:
        return tuple(e for e in self.expectations if e.row_rule)

    @property
    def checks(self) -> tuple[Expectation, ...]:
        return tuple(e for e in self.expectations if not e.row_rule)

    @cached_property
    def fingerprint(self) -> str:
        """Changes when a rule or the key does: quarantined rows are then judged again."""
        rules = {"expectations": self.document["expectations"], "key": self.key}
        return hashlib.sha256(json.dumps(rules, sort_keys=True).encode()).hexdigest()[:16]


def load_suites(folder: Path) -> dict[tuple[str, ...], Suite]:
    """Every suite below `folder`, by its path. Raises GateError naming the file and the position in it."""
    suites = (load_suite(file, folder) for file in sorted(folder.rglob("*.json")))
    return {suite.path: suite for suite in suites}


def load_suite(file: Path, folder: Path) -> Suite:
    """The suite in `file`, which lies below `folder`. Raises GateError naming the file and the position."""
    path = file.relative_to(folder).with_suffix("").parts
    if path[0] not in LAYERS or len(path) != (3 if path[0] == "raw" else 2):
        raise GateError(
            f"{file}: not a place for a suite.",
            "Put it at raw/<source>/<table>.json or at intermediate|identity|marts/<table>.json.",
        )
    document = _document(file)
    meta = _meta(file, document.get("meta"))
    listed = document.get("expectations")
    if not isinstance(listed, list) or not listed:
        raise _wrong(file, "expectations", "must be a list of at least one expectation")
    expectations = tuple(_expectation(file, at, entry, path[0]) for at, entry in enumerate(listed))
    return Suite(path, file, expectations, tuple(meta["key"]), meta.get("may_be_empty", False), document)


def _document(file: Path) -> dict[str, Any]:
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise GateError(
            f"{file}, line {error.lineno} column {error.colno}: not JSON: {error.msg}.", "Mend the file."
        ) from None
    except UnicodeDecodeError as error:
        raise GateError(f"{file}, byte {error.start}: not UTF-8.", "Save the file as UTF-8.") from None
    _only(file, "the top", document, ("name", "expectations", "meta"))
    if not isinstance(document.get("name"), str):
        raise _wrong(file, "name", "must be text")
    return document


def _meta(file: Path, meta: Any) -> dict[str, Any]:
    _only(file, "meta", meta, ("key", "may_be_empty"))
    key = meta.get("key")
    if not isinstance(key, list) or not key or not all(isinstance(column, str) for column in key):
        raise _wrong(file, "meta.key", "must list the table's primary key columns")
    if not isinstance(meta.get("may_be_empty", False), bool):
        raise _wrong(file, "meta.may_be_empty", "must be true or false")
    return meta


def _expectation(file: Path, position: int, entry: Any, layer: str) -> Expectation:
    place = f"expectations[{position}]"
    _only(file, place, entry, ("type", "kwargs", "severity", "description", "meta"))
    kind, kwargs, meta = entry.get("type"), entry.get("kwargs", {}), entry.get("meta", {})
    if kind not in known_types():
        raise _wrong(file, f"{place}.type", f"{kind!r} is no expectation that Great Expectations knows")
    if not isinstance(kwargs, dict):
        raise _wrong(file, f"{place}.kwargs", "must be an object")
    if entry.get("severity") not in SEVERITIES:
        raise _wrong(file, f"{place}.severity", f"must be one of {', '.join(SEVERITIES)}")
    for name in _parameters(kwargs):
        if name not in PARAMETERS:
            raise _wrong(file, place, f"unknown $PARAMETER {name!r}; there are {', '.join(PARAMETERS)}")
    _only(file, f"{place}.meta", meta, ("row_rule", "figures"))
    row_rule = meta.get("row_rule")
    if "row_rule" in meta:
        if not isinstance(row_rule, str) or not row_rule.strip():
            raise _wrong(file, f"{place}.meta.row_rule", "must say in words why a row is moved out")
        if layer not in QUARANTINED_LAYERS:
            raise _wrong(file, f"{place}.meta.row_rule", f"rows of layer {layer} cannot be moved out")
        if not kind.startswith(ROW_RULE_PREFIXES):
            raise _wrong(file, f"{place}.type", "a row rule needs an expectation on the values of a column")
        if "mostly" in kwargs:
            raise _wrong(file, f"{place}.kwargs.mostly", "a row rule holds for every row")
    figures = meta.get("figures")
    if "figures" in meta:
        if kind != CUSTOM_QUERY:
            raise _wrong(file, f"{place}.meta.figures", "only a query returns figures")
        if not isinstance(figures, str) or not _names(figures):
            raise _wrong(file, f"{place}.meta.figures", "must be a sentence with a {column} of the query")
    return Expectation(position, kind, kwargs, entry["severity"], entry.get("description"), row_rule, figures)


def _names(sentence: str) -> set[str]:
    """The columns that a sentence names in braces; none where its braces do not pair."""
    try:
        return {name for _, name, _, _ in Formatter().parse(sentence) if name}
    except ValueError:
        return set()


def _parameters(value: Any) -> Iterable[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from [inner] if name == "$PARAMETER" else _parameters(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _parameters(inner)


def _only(file: Path, place: str, value: Any, allowed: tuple[str, ...]) -> None:
    if not isinstance(value, dict):
        raise _wrong(file, place, "must be an object")
    if unknown := sorted(set(value) - set(allowed)):
        raise _wrong(file, place, f"unknown key {unknown[0]!r}; there are {', '.join(allowed)}")


def _wrong(file: Path, place: str, what: str) -> GateError:
    return GateError(f"{file}, {place}: {what}.", "Mend the suite; expectations/README.md shows its form.")


@lru_cache
def known_types() -> frozenset[str]:
    """Great Expectations' own types: it keeps each in a module of the type's name."""
    found = importlib.util.find_spec("great_expectations")
    if found is None or found.origin is None:
        raise GateError("Great Expectations is not installed.", "Run `make install`.")
    modules = (Path(found.origin).parent / "expectations" / "core").glob("*expect*.py")
    return frozenset(module.stem for module in modules)
