"""Raw tables as their sources have them, for tests that need no extraction."""

import re

from dagster_project.config import PROJECT_ROOT
from dagster_project.sources import load_source
from dagster_project.sources.delivery import FILE
from dagster_project.sources.reflect import declared_column


def ddl(source: str) -> str:
    """The tables of a source: the demo database's own script and what it lacks of the declaration, or what files give."""
    script = PROJECT_ROOT / "demo_company" / "schemas" / f"{source}.sql"
    if script.exists():
        made = script.read_text(encoding="utf-8")
        return made + "".join(_lacking(source, made))
    return "".join(
        f"create table {table.name} ("
        + ", ".join(f'"{name}" text' for name in (*table.required_columns, *table.optional, FILE))
        + ");\n"
        for table in load_source(source).tables
    )


def _lacking(source: str, made: str) -> list[str]:
    """Declared columns and tables that a release or a set of modules lacks: extraction gives them to raw."""
    statements = []
    for table in load_source(source).tables:
        found = re.search(rf"create table {table.name} \((.*?)\n\);", made, re.DOTALL)
        if found is None:
            names = dict.fromkeys((*table.required_columns, *table.optional))
            columns = ", ".join(f'"{name}" {declared_column(table, name).ddl}' for name in names)
            statements.append(f"create table {table.name} ({columns});\n")
            continue
        names = set(re.findall(r'^ +"?(\w+)', found[1], re.MULTILINE))
        for name in table.optional:
            if name not in names:
                kind = declared_column(table, name).ddl
                statements.append(f'alter table {table.name} add "{name}" {kind};\n')
    return statements
