"""Raw tables as their sources have them, for tests that need no extraction."""

from dagster_project.config import PROJECT_ROOT
from dagster_project.sources import load_source
from dagster_project.sources.delivery import FILE


def ddl(source: str) -> str:
    """The tables of a source: the demo database's own script, or what files give (columns of text)."""
    script = PROJECT_ROOT / "demo_company" / "schemas" / f"{source}.sql"
    if script.exists():
        return script.read_text(encoding="utf-8")
    return "".join(
        f"create table {table.name} ("
        + ", ".join(f'"{name}" text' for name in (*table.required_columns, *table.optional, FILE))
        + ");\n"
        for table in load_source(source).tables
    )
