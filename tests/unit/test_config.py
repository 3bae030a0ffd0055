"""Settings: what is missing or wrong is named."""

from pathlib import Path

import pytest

from dagster_project.config import Settings, checked_url, load_settings, source_contracts
from dagster_project.errors import ConfigError
from dagster_project.sources import load_source, load_sources


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
    ],
)
def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=says):
        load_settings()


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
