"""The source systems: what to read of each, how it changes, and the extraction into raw_<source>.

Belongs here: one module (`SOURCE`) or TOML file a system with its declaration, and the reading that they share.
Does not belong here: what the columns mean (dbt_project/models/staging), Dagster.
A source is added by its declaration, here or in the company's own folder (C360_SOURCES_DIR), its staging models
and its line in `vars.sources` of dbt_project/dbt_project.yml, which is the one list of sources.
"""

import importlib
from pathlib import Path

from dagster_project.config import load_settings, source_contracts
from dagster_project.errors import ConfigError
from dagster_project.sources.declaration import Source, Table

__all__ = ["Source", "Table", "load_source", "load_sources"]


def load_source(name: str) -> Source:
    """The declaration of a source: C360_SOURCES_DIR/<name>.toml, or <name>.toml or <name>.py here.

    Where its URL leads to files, <name>.files.toml goes first: a system may be read from its database or its logs.
    Raises ConfigError if there is none, or if it cannot work.
    """
    from dagster_project.sources.declared import read_declaration

    settings = load_settings()
    forms = (f"{name}.files.toml", f"{name}.toml") if settings.reads_files(name) else (f"{name}.toml",)
    for folder in (settings.sources_dir, Path(__file__).parent):
        for form in forms:
            if (file := folder / form).is_file():
                return read_declaration(file)
    module_name = f"{__name__}.{name}"
    try:
        return importlib.import_module(module_name).SOURCE
    except (ModuleNotFoundError, AttributeError) as error:
        if isinstance(error, ModuleNotFoundError) and error.name != module_name:
            raise
        raise ConfigError(
            f"Source {name!r} of vars.sources in dbt_project/dbt_project.yml has no declaration.",
            f"Write {settings.sources_dir / name}.toml, or take {name} out of the list.",
        ) from error


def load_sources() -> list[Source]:
    """Every source of the one list, in its order."""
    return [load_source(name) for name in source_contracts()]
