"""Settings: what is missing or wrong is named, and what dbt reads is what was set."""

import re
from pathlib import Path
from zoneinfo import available_timezones

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from dagster_project.config import (
    DBT_PROJECT_DIR,
    PROJECT_ROOT,
    Settings,
    checked_url,
    load_settings,
    place_of,
    source_contracts,
)
from dagster_project.errors import ConfigError
from dagster_project.refresh import dagster_home
from dagster_project.sources import load_source, load_sources
from dagster_project.sources.failures import translate
from dagster_project.warehouse.connect import unreachable
from dagster_project.warehouse.dbt import dbt_environment


def settings(**values: object) -> Settings:
    return Settings(_env_file=None, **values)  # type: ignore[arg-type]


def test_a_missing_source_url_is_named_in_production_and_optional_in_the_demo() -> None:
    with pytest.raises(ConfigError, match="C360_SOURCE_ODOO_URL is not set") as refused:
        settings(profile="production").source_url("odoo")
    assert "vars.sources" in refused.value.remedy
    assert settings(profile="demo").source_url("odoo") is None


def test_a_source_url_comes_from_the_environment_or_the_env_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    env = tmp_path / ".env"
    env.write_text(
        "C360_SOURCE_ODOO_URL=postgresql+psycopg://file@h/odoo\nC360_SOURCE_ASTERISK_TIME_ZONE=Asia/Omsk\n"
    )
    from_file = Settings(_env_file=env)
    assert from_file.source_url("odoo") == "postgresql+psycopg://file@h/odoo"
    assert from_file.source_time_zone("asterisk") == "Asia/Omsk"

    monkeypatch.setenv("C360_SOURCE_ODOO_URL", "postgresql+psycopg://environment@h/odoo")
    assert from_file.source_url("odoo") == "postgresql+psycopg://environment@h/odoo"


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("not a url", "is not a database URL"),
        ("postgresql://u@h/d", "does not name its driver"),
        ("mysql://u@h/d", "does not name its driver"),
    ],
)
def test_a_url_that_cannot_work_names_its_setting(value: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as refused:
        checked_url("C360_SOURCE_X_URL", value)
    assert "C360_SOURCE_X_URL" in refused.value.problem


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("C360_TIME_ZONE", "Mars/Olympus", "TIME_ZONE"),
        ("C360_PROFILE", "staging", "PROFILE"),
        ("C360_REFRESH_CRON", "at three", "REFRESH_CRON"),
        ("C360_SOURCE_ADS_TIME_ZONE", "MSK", "C360_SOURCE_ADS_TIME_ZONE: 'MSK' is not an IANA time zone"),
        ("C360_PHONE_REGION", "Russia", "PHONE_REGION"),
    ],
)
def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=says):
        load_settings()


def test_phones_have_a_region_of_their_source_else_the_companys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("C360_PHONE_REGION", "de")
    monkeypatch.setenv("C360_SOURCE_ODOO_PHONE_REGION", "us")
    made = settings()
    assert (made.phone_region, made.source_phone_region("odoo")) == ("DE", "US")
    assert made.source_phone_region("asterisk") is None
    monkeypatch.setenv("C360_SOURCE_ODOO_PHONE_REGION", "America")
    with pytest.raises(ConfigError, match="C360_SOURCE_ODOO_PHONE_REGION: 'America'"):
        settings().source_phone_region("odoo")


@pytest.mark.parametrize("name", [*Settings.model_fields, "source_odoo_url", "source_asterisk_time_zone"])
def test_an_empty_variable_is_not_set(monkeypatch: pytest.MonkeyPatch, name: str, tmp_path: Path) -> None:
    env = tmp_path / ".env"
    env.write_text(f"C360_{name.upper()}=\n", encoding="utf-8")
    unset = settings()
    monkeypatch.setenv(f"C360_{name.upper()}", "")
    for made in (settings(), Settings(_env_file=env)):
        assert made.model_dump(include=set(Settings.model_fields)) == unset.model_dump()
        assert made.source_url("odoo") is None
        assert made.source_time_zone("asterisk") == unset.time_zone


def test_a_home_that_no_history_could_be_kept_in_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for home in ("/srv/what?", "/", "/srv/two\nlines"):
        monkeypatch.setenv("C360_HOME", home)
        with pytest.raises(ConfigError, match=r"C360_HOME: .*question mark"):
            load_settings()


def test_lists_are_read_from_commas() -> None:
    made = settings(company_phones=" +74951234567, 88001234567,", may_be_emptied="odoo.loyalty_card")
    assert made.company_phone_list == ["+74951234567", "88001234567"]
    assert made.tables_that_may_be_emptied == {"odoo.loyalty_card"}


def test_every_source_of_the_one_list_is_declared() -> None:
    assert [source.name for source in load_sources()] == list(source_contracts())


def test_a_source_without_declaration_says_which_file_to_write() -> None:
    with pytest.raises(ConfigError, match="'nosuch'") as refused:
        load_source("nosuch")
    assert "sources/nosuch.toml" in refused.value.remedy


def test_each_source_has_a_limit_of_freshness_of_its_own() -> None:
    made = settings(source_surveys_fresh_hours="750.5", source_ads_fresh_hours="None")
    given = dbt_environment(None, made)
    limits = {source: given[f"C360_SOURCE_{source.upper()}_FRESH_HOURS"] for source in source_contracts()}
    assert limits == dict.fromkeys(source_contracts(), "72") | {"surveys": "750.5", "ads": "none"}
    for wrong in ("0", "-1", "three days", "1e3"):
        with pytest.raises(ConfigError, match="C360_SOURCE_ADS_FRESH_HOURS is neither a number of hours"):
            dbt_environment(None, settings(source_ads_fresh_hours=wrong))


def test_every_setting_of_the_models_reaches_dbt() -> None:
    made = settings(
        time_zone="Asia/Vladivostok",
        company_phones="+74951234567",
        source_ads_time_zone="Asia/Omsk",
    )
    given = dbt_environment(None, made)
    zones = {source: given[f"C360_SOURCE_{source.upper()}_TIME_ZONE"] for source in source_contracts()}
    assert zones == dict.fromkeys(source_contracts(), "Asia/Vladivostok") | {"ads": "Asia/Omsk"}
    assert (given["C360_TIME_ZONE"], given["C360_COMPANY_PHONES"]) == ("Asia/Vladivostok", "+74951234567")
    # What a model reads by env_var comes from here, or from the connection of profiles.yml.
    read = {
        name
        for file in DBT_PROJECT_DIR.rglob("*.sql")
        for name in re.findall(r"env_var\(\s*'(C360_\w+)'", file.read_text(encoding="utf-8"))
    } - {"C360_SOURCE_"}
    assert "C360_TIME_ZONE" in read
    assert read <= set(given)


def test_the_company_s_zone_is_the_demo_s_own_in_the_demo_and_dbt_s_elsewhere() -> None:
    assert settings(profile="demo").time_zone == "Europe/Moscow"
    assert settings(profile="production").time_zone == "UTC"
    assert settings(profile="production", time_zone="Asia/Omsk").source_time_zone("ads") == "Asia/Omsk"


def test_no_model_holds_a_time_zone_of_its_own() -> None:
    zones = {name for name in available_timezones() if "/" in name and not name.startswith("Etc/")}
    files = [
        *DBT_PROJECT_DIR.rglob("*.sql"),
        DBT_PROJECT_DIR / "dbt_project.yml",
        *(PROJECT_ROOT / "examples").rglob("*.sql"),
    ]
    assert len(files) > 100
    for file in files:
        words = set(re.findall(r"[A-Z]\w+/[\w/+-]+", file.read_text(encoding="utf-8")))
        assert not words & zones, (
            f"{file} names {words & zones}; use company_time_zone() or source_time_zone()"
        )


def test_a_home_that_is_a_file_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for home in (tmp_path / "file", tmp_path / "file" / "below"):
        monkeypatch.setenv("C360_HOME", str(home))
        with pytest.raises(ConfigError, match=f"C360_HOME {home} is no folder"):
            load_settings()


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("mysql+pymysql://u:secret@db:3307/shop", "db:3307/shop (user u)"),
        ("mysql+pymysql://db/shop", "db/shop"),
        ("postgresql+psycopg://u@/shop", "this machine/shop (user u)"),
        ("postgresql+psycopg://", "this machine"),
    ],
)
def test_a_place_is_named_as_far_as_its_url_does(url: str, place: str) -> None:
    assert place_of(make_url(url)) == place
    refused = sa.exc.OperationalError("select", {}, Exception("no"))
    for error in (translate(refused, "shop", make_url(url), "reading"), unreachable(make_url(url), refused)):
        assert place in error.problem and "None" not in error.problem and "secret" not in error.problem


def test_a_dagster_home_that_dagster_would_refuse_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    assert dagster_home(settings()) == tmp_path
    for home in ("relative", str(tmp_path / "missing")):
        monkeypatch.setenv("DAGSTER_HOME", home)
        with pytest.raises(ConfigError, match=f"DAGSTER_HOME is {home}"):
            dagster_home(settings())
