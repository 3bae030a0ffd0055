"""Typed settings: the environment (prefix C360_) and `.env`, nothing else.

Belongs here: every setting, its meaning and its default. A missing one is an error that names it.
Does not belong here: connecting to anything (warehouse/, sources/).
"""

import os
import re
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from dagster_project.errors import ConfigError

PROJECT_ROOT = Path(__file__).resolve().parent.parent
DBT_PROJECT_DIR = PROJECT_ROOT / "dbt_project"
EXPECTATIONS_DIR = PROJECT_ROOT / "expectations"
ENV_PREFIX = "C360_"
FRESH_HOURS = "72"  # how far a source may be behind the latest one before a gate warns
DEFAULT_PHONE_REGION = "RU"
PLACES = ("file://", "s3://", "http://", "https://")  # what a source without a database may lead to
# The mark of a setting that dbt's models read too: `name: Annotated[str, FOR_DBT] = …` is all that it takes.
FOR_DBT = "dbt reads it as the environment variable of this name"
# The demo company's systems write local time in this zone.
DEMO_TIME_ZONE = "Europe/Moscow"


class Settings(BaseSettings):
    """One instance is one environment. Times are IANA zones, paths absolute, databases' URLs SQLAlchemy's."""

    # An empty variable is not set: compose files and shells pass on what nobody filled in.
    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, env_file=PROJECT_ROOT / ".env", extra="allow", env_ignore_empty=True
    )

    profile: Literal["demo", "production"] = "demo"
    home: Path = PROJECT_ROOT / ".local"
    # The company's own declarations of sources, one TOML file each.
    sources_dir: Path = PROJECT_ROOT / "sources"
    warehouse_url: str | None = None
    # May create databases and roles: the demo company and the first set-up need it, refreshes do not.
    warehouse_admin_url: str | None = None
    # Dagster's own storage in production, as deploy/dagster.yaml reads it.
    dagster_storage_url: str | None = None
    # The company's calendar, and the zone of every source that has none of its own. Unset: the demo company's in
    # the demo, else `vars.company_time_zone` of dbt_project.yml.
    time_zone: Annotated[str, FOR_DBT] = ""
    refresh_cron: str = "0 3 * * *"
    # The company's own numbers, comma separated: never a customer's identifier.
    company_phones: Annotated[str, FOR_DBT] = ""
    # The country (ISO, two letters) of a phone without a country code, where neither its record nor its source says one.
    phone_region: str = DEFAULT_PHONE_REGION
    # Tables (source.table, or layer.table of a gated one; comma separated) that may lose all their rows without
    # stopping the refresh.
    may_be_emptied: str = ""

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        return value and known_zone(value)

    @model_validator(mode="after")
    def _company_zone(self) -> "Settings":
        if not self.time_zone:
            is_demo = self.profile == "demo"
            self.time_zone = DEMO_TIME_ZONE if is_demo else dbt_vars()["company_time_zone"]
        return self

    @field_validator("phone_region")
    @classmethod
    def _known_region(cls, value: str) -> str:
        return _region(value)

    @field_validator("refresh_cron")
    @classmethod
    def _five_fields(cls, value: str) -> str:
        from croniter import croniter

        if not croniter.is_valid(value):
            raise ValueError(f"{value!r} is no cron expression such as 0 3 * * *")
        return value

    @field_validator("home", "sources_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().resolve()

    @field_validator("home")
    @classmethod
    def _usable(cls, value: Path) -> Path:
        # Dagster's history is SQLite, whose addresses end at a question mark.
        if not value.name or any(sign in str(value) for sign in "?\n"):
            raise ValueError(
                "it must be a folder below /, without a question mark or a line break in its path"
            )
        return value

    @property
    def demo_files(self) -> Path:
        """Where the demo company's systems without a database drop their files: a folder each."""
        return self.home / "demo_files"

    @property
    def company_phone_list(self) -> list[str]:
        return [phone.strip() for phone in self.company_phones.split(",") if phone.strip()]

    @property
    def tables_that_may_be_emptied(self) -> frozenset[str]:
        return frozenset(name.strip() for name in self.may_be_emptied.split(",") if name.strip())

    def source_url(self, source: str) -> str | None:
        """C360_SOURCE_<NAME>_URL, checked for form; None where the demo's own database serves."""
        setting = f"{ENV_PREFIX}SOURCE_{source.upper()}_URL"
        value = self._extra(f"source_{source}_url")
        if not value:
            if self.profile == "production":
                raise ConfigError(
                    f"{setting} is not set.",
                    f"Set it to the {source} database's SQLAlchemy URL (or the folder's or bucket's), or take "
                    f"{source} out of vars.sources in dbt_project/dbt_project.yml.",
                )
            return None
        return value if value.startswith(PLACES) else checked_url(setting, value)

    def reads_files(self, source: str) -> bool:
        """Whether C360_SOURCE_<NAME>_URL leads to a folder or a bucket."""
        return self._extra(f"source_{source}_url").startswith(("file://", "s3://"))

    def source_secrets(self, source: str) -> dict[str, str]:
        """What an API wants besides its URL: C360_SOURCE_<NAME>_TOKEN, or _REFRESH_TOKEN and its companions."""
        names = ("token", "refresh_token", "client_id", "client_secret", "redirect_uri")
        return {name: value for name in names if (value := self._extra(f"source_{source}_{name}"))}

    def source_time_zone(self, source: str) -> str:
        """The zone of a source that writes local time: C360_SOURCE_<NAME>_TIME_ZONE, or the company's."""
        zone = self._extra(f"source_{source}_time_zone")
        if not zone:
            return self.time_zone
        try:
            return known_zone(zone)
        except ValueError as error:
            setting = f"{ENV_PREFIX}SOURCE_{source.upper()}_TIME_ZONE"
            raise ConfigError(f"{setting}: {error}.", "Fix it in the environment or in .env.") from error

    def source_fresh_hours(self, source: str) -> str:
        """How many hours a source may be behind the latest one, as dbt reads it; `none` where it may be any.

        C360_SOURCE_<NAME>_FRESH_HOURS, or three days.
        """
        hours = self._extra(f"source_{source}_fresh_hours").strip().lower() or FRESH_HOURS
        if hours != "none" and not (re.fullmatch(r"[0-9]+([.][0-9]+)?", hours) and float(hours) > 0):
            raise ConfigError(
                f"{ENV_PREFIX}SOURCE_{source.upper()}_FRESH_HOURS is neither a number of hours above 0 nor none.",
                "Fix it in the environment or in .env.",
            )
        return hours

    @property
    def dbt_settings(self) -> dict[str, str]:
        """What dbt's models read, as environment variables: each setting marked FOR_DBT, and those of each source."""
        marked = [name for name, field in type(self).model_fields.items() if FOR_DBT in field.metadata]
        given = {f"{ENV_PREFIX}{name.upper()}": str(getattr(self, name)) for name in marked}
        for source in source_contracts():
            prefix = f"{ENV_PREFIX}SOURCE_{source.upper()}"
            given[f"{prefix}_TIME_ZONE"] = self.source_time_zone(source)
            given[f"{prefix}_FRESH_HOURS"] = self.source_fresh_hours(source)
        return given

    def source_phone_region(self, source: str) -> str | None:
        """C360_SOURCE_<NAME>_PHONE_REGION: the country of a source's phones without a country code; None: the company's."""
        region = self._extra(f"source_{source}_phone_region")
        if not region:
            return None
        return known_region(f"{ENV_PREFIX}SOURCE_{source.upper()}_PHONE_REGION", region)

    def _extra(self, name: str) -> str:
        # pydantic-settings reads unknown C360_ names from .env only; the environment goes first.
        return os.environ.get(f"{ENV_PREFIX}{name.upper()}", "") or str(
            (self.model_extra or {}).get(f"{ENV_PREFIX.lower()}{name}", "")
            or (self.model_extra or {}).get(name, "")
        )


def known_zone(value: str) -> str:
    """`value` if it is an IANA time zone. Raises ValueError."""
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{value!r} is not an IANA time zone such as Europe/Moscow") from error
    return value


def _region(value: str) -> str:
    from phonenumbers import SUPPORTED_REGIONS

    if (region := value.strip().upper()) not in SUPPORTED_REGIONS:
        raise ValueError(f"{value!r} is not the ISO code of a country, as RU or US")
    return region


def known_region(setting: str, value: str) -> str:
    """The country that `value` is the ISO code of (two letters). Raises ConfigError naming `setting`."""
    try:
        return _region(value)
    except ValueError as error:
        raise ConfigError(f"{setting}: {error}.", "Give a code of two letters.") from None


def checked_url(setting: str, value: str) -> str:
    """`value` if SQLAlchemy can read it and it names its driver. Raises ConfigError naming `setting`."""
    try:
        url = make_url(value)
    except (ArgumentError, ValueError) as error:
        raise ConfigError(
            f"{setting} is not a database URL.",
            "Write it as driver://user:password@host:port/database, "
            "for example postgresql+psycopg://… or mysql+pymysql://…",
        ) from error
    if "+" not in url.drivername:
        raise ConfigError(
            f"{setting} does not name its driver.",
            "Begin it with postgresql+psycopg:// or mysql+pymysql://",
        )
    return value


def place_of(url: URL) -> str:
    """Host, port, database and user, as far as `url` names them; never the password."""
    server = f"{url.host or 'this machine'}{f':{url.port}' if url.port else ''}"
    database = f"/{url.database}" if url.database else ""
    return f"{server}{database}{f' (user {url.username})' if url.username else ''}"


@lru_cache
def dbt_vars() -> dict[str, Any]:
    """`vars` of dbt_project.yml."""
    return yaml.safe_load((DBT_PROJECT_DIR / "dbt_project.yml").read_text(encoding="utf-8"))["vars"]


def source_contracts() -> dict[str, list[str]]:
    """Source → the conformed tables it fills: `vars.sources` of dbt_project.yml, the one list of sources."""
    return dbt_vars()["sources"]


def load_settings() -> Settings:
    """The environment's settings. Raises ConfigError that names each setting that is wrong."""
    try:
        settings = Settings()
    except ValidationError as error:
        wrong = "; ".join(
            f"{ENV_PREFIX}{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors()
        )
        raise ConfigError(
            f"Settings are wrong: {wrong}.", "Fix them in the environment or in .env."
        ) from None
    if not next(path for path in (settings.home, *settings.home.parents) if path.exists()).is_dir():
        raise ConfigError(
            f"C360_HOME {settings.home} is no folder.", "Choose a folder; it is made if it is not there."
        )
    for source in source_contracts():
        settings.source_time_zone(source)
    return settings
