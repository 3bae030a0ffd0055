"""What is printed is text: no name from outside is read as markup."""

import re
from pathlib import Path

from rich.table import Table

import dagster_project
from dagster_project.terminal import terminal, working

NAME = "[/] [bold]x[/bold] :smile: [link=file:///etc].csv"
PACKAGE = Path(dagster_project.__file__).parent


def test_a_name_with_brackets_is_shown_as_it_is() -> None:
    console = terminal()
    table = Table(NAME)
    table.add_row(NAME)
    console.width = 200
    with console.capture() as shown:
        console.print(f"refused {NAME}")
        console.print(table)
    assert shown.get().count(NAME) == 3
    with working(console, NAME) as progress:
        progress(NAME)


def test_every_command_prints_to_this_console() -> None:
    others = {
        str(file.relative_to(PACKAGE))
        for file in PACKAGE.rglob("*.py")
        if re.search(r"\bConsole\(", file.read_text(encoding="utf-8"))
    }
    assert others == {"terminal.py"}
