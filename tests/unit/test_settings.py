"""Settings are named in five places; a name that one of them lacks or invents fails here."""

import re

import yaml
from dotenv import dotenv_values

from dagster_project.config import ENV_PREFIX, PROJECT_ROOT, Settings, source_contracts

# What a source's settings end in; the program reads them without declaring one a source.
SECRETS = ("TOKEN", "REFRESH_TOKEN", "CLIENT_ID", "CLIENT_SECRET", "REDIRECT_URI")
OF_A_SOURCE = ("URL", "TIME_ZONE", "PHONE_REGION", "FRESH_HOURS", *SECRETS)
DECLARED = {f"{ENV_PREFIX}{name.upper()}" for name in Settings.model_fields}
COMPOSE_TEXT = (PROJECT_ROOT / "docker-compose.yml").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load(COMPOSE_TEXT)
OURS = {name: service for name, service in COMPOSE["services"].items() if "env_file" in service}
# What compose itself asks for, and what its Dagster files read.
PASSWORDS = set(re.findall(r"\$\{(C360_\w+)", COMPOSE_TEXT))
ADDRESSES = {
    name
    for file in (PROJECT_ROOT / "deploy").iterdir()
    for name in re.findall(r"env: (C360_\w+)", file.read_text(encoding="utf-8"))
}
EXAMPLE = (PROJECT_ROOT / ".env.example").read_text(encoding="utf-8")
IN_EXAMPLE = set(re.findall(r"^(?:# )?(C360_\w+)=", EXAMPLE, re.MULTILINE))
GUIDE = (PROJECT_ROOT / "docs" / "connecting.md").read_text(encoding="utf-8")
IN_TABLE = set(re.findall(r"^\| `(C360_[A-Z0-9_<>]+)` \|", GUIDE, re.MULTILINE))


def general(names: set[str]) -> set[str]:
    """The names, those of one source as C360_SOURCE_<NAME>_<END>."""
    ends = "|".join(sorted(OF_A_SOURCE, key=len, reverse=True))
    one = re.compile(rf"{ENV_PREFIX}SOURCE_(?:<NAME>|[A-Z0-9_]+?)_({ends})")
    return {
        one.sub(rf"{ENV_PREFIX}SOURCE_<NAME>_\1", name) if one.fullmatch(name) else name for name in names
    }


SOURCE_SETTINGS = {f"{ENV_PREFIX}SOURCE_<NAME>_{end}" for end in OF_A_SOURCE}


def test_the_example_the_guide_and_the_program_name_the_same_settings() -> None:
    assert IN_TABLE == DECLARED | SOURCE_SETTINGS | PASSWORDS
    assert general(IN_EXAMPLE) == IN_TABLE
    # Every source of the one list has its line in the example.
    assert {f"{ENV_PREFIX}SOURCE_{source.upper()}_URL" for source in source_contracts()} <= IN_EXAMPLE


def test_no_page_names_a_setting_that_there_is_not() -> None:
    known = DECLARED | SOURCE_SETTINGS | PASSWORDS | ADDRESSES
    pages = [*(PROJECT_ROOT / "docs").glob("*.md"), PROJECT_ROOT / "README.md"]
    for page in pages:
        named = set(re.findall(r"\bC360_[A-Z0-9_<>]*[A-Z0-9>]\b", page.read_text(encoding="utf-8")))
        assert general(named) <= known, page.name


def test_the_source_settings_are_those_that_the_program_reads() -> None:
    made = Settings(  # type: ignore[call-arg]
        _env_file=None,
        **dict.fromkeys((f"source_x_{end.lower()}" for end in (*SECRETS, "URL")), "s3://b"),
        **{"source_x_time_zone": "UTC", "source_x_phone_region": "US", "source_x_fresh_hours": "5"},
    )
    assert set(made.source_secrets("x")) == {end.lower() for end in SECRETS}
    assert made.source_url("x") == "s3://b"
    assert made.source_time_zone("x") == "UTC"
    assert (made.source_phone_region("x"), made.source_fresh_hours("x")) == ("US", "5")


def test_compose_gives_every_setting_of_env_to_every_service_and_demands_no_source() -> None:
    assert set(OURS) == {"init", "code-location", "webserver", "daemon"}
    for name, service in OURS.items():
        assert service["env_file"] == ".env", name
        given = {key for key in service["environment"] if key.startswith(ENV_PREFIX)}
        assert given <= DECLARED | PASSWORDS | ADDRESSES, name
        # What a company sets is its own: only what the compose file itself decides goes before .env.
        assert not {key for key in general(given) if key in SOURCE_SETTINGS | {"C360_TIME_ZONE"}}, name
        is_administrator = bool(service["environment"]["C360_WAREHOUSE_ADMIN_URL"])
        assert is_administrator == (name == "init")
        assert service["environment"]["C360_POSTGRES_PASSWORD"] == ""
    assert {
        f"{ENV_PREFIX}{name}" for name in ("OWNER_PASSWORD", "DAGSTER_PASSWORD", "POSTGRES_PASSWORD")
    } == PASSWORDS


def test_the_example_is_a_file_that_compose_and_the_program_read_alike() -> None:
    values = dotenv_values(PROJECT_ROOT / ".env.example")
    assert values["C360_REFRESH_CRON"] == "0 3 * * *"
    assert Settings(_env_file=PROJECT_ROOT / ".env.example").refresh_cron == "0 3 * * *"  # type: ignore[call-arg]
