"""The source systems: what to read of each, how it changes, and the extraction into raw_<source>.

Belongs here: one module a system with its declaration (`SOURCE`), and the reading that they share.
Does not belong here: what the columns mean (dbt_project/models/staging), Dagster.
A source is added by its module here, its staging models and its line in `vars.sources` of
dbt_project/dbt_project.yml, which is the one list of sources.
"""

import importlib

from dagster_project.config import source_contracts
from dagster_project.errors import ConfigError
from dagster_project.sources.declaration import Source, Table

__all__ = ["Source", "Table", "load_source", "load_sources"]


def load_source(name: str) -> Source:
    """The declaration in dagster_project/sources/<name>.py. Raises ConfigError if there is none."""
    module_name = f"{__name__}.{name}"
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name != module_name:
            raise
        raise ConfigError(
            f"Source {name!r} of vars.sources in dbt_project/dbt_project.yml has no declaration.",
            f"Write dagster_project/sources/{name}.py with a SOURCE, or take {name} out of the list.",
        ) from error
    return module.SOURCE


def load_sources() -> list[Source]:
    """Every source of the one list, in its order."""
    return [load_source(name) for name in source_contracts()]
