"""Declarations in files, for a company that adds a system without touching Python: <name>.toml.

Belongs here: TOML to a Source, every mistake named by file and key. Does not belong here: the vocabulary
(declaration.py; a file has the same words).
"""

import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from dagster_project.errors import ConfigError
from dagster_project.sources.declaration import Source


def read_declaration(file: Path) -> Source:
    """The source that `file` declares; it bears the file's name, without endings. Raises ConfigError naming file and key."""
    try:
        text = file.read_text(encoding="utf-8")
        document = tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{file} cannot be read ({type(error).__name__}).", "It is TOML in UTF-8."
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file} is not TOML: {error}.", "Mend the file.") from None
    tables = document.get("tables")
    if isinstance(tables, dict):
        document["tables"] = [_named(name, table) for name, table in tables.items()]
    try:
        return _adapter().validate_python({"name": file.name.split(".")[0], **document})
    except ValidationError as error:
        first = error.errors()[0]
        wrong = f"{_place(first['loc'], list(tables or ()))}: {first['msg'][:1].lower()}{first['msg'][1:]}"
        raise ConfigError(f"{file}, {wrong}.", "docs/connecting.md shows the keys.") from None
    except ConfigError as error:
        raise ConfigError(f"{file}: {error.problem}", error.remedy) from None


def _named(name: str, table: Any) -> Any:
    return {"name": name, **table} if isinstance(table, dict) else table


def _place(location: tuple[int | str, ...], tables: list[str]) -> str:
    """`tables.spend.files.pattern`, as the file has it."""
    parts = list(map(str, location))
    if parts[0] == "tables" and len(parts) > 1 and tables:
        parts[1] = tables[int(parts[1])]
    return ".".join(parts)


@lru_cache
def _adapter() -> TypeAdapter[Source]:
    return TypeAdapter(Source)
