"""docker-compose.yml, by running its very commands as processes: there is no Docker engine in CI.

The services' commands, health checks, `env_file` and environment are read from the file; only host names and
ports become this machine's.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml
from dotenv import dotenv_values

from dagster_project.assets.raw import source_url
from dagster_project.config import PROJECT_ROOT
from dagster_project.sources import load_sources
from dagster_project.warehouse.connect import embedded_server
from dagster_project.warehouse.embedded import EmbeddedServer
from tests.end_to_end.conftest import new_company

COMPOSE = yaml.safe_load((PROJECT_ROOT / "docker-compose.yml").read_text())
RUN = """
mutation($job: String!) {
  launchRun(executionParams: {selector: {repositoryLocationName: "seamless360",
      repositoryName: "__repository__", jobName: $job}}) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
    ... on RunConfigValidationInvalid { errors { message } }
  }
}"""
STATUS = """query($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"""


class Deployment:
    """The compose file's services as processes on 127.0.0.1."""

    def __init__(self, home: Path, server: EmbeddedServer, sources: dict[str, str]) -> None:
        self.home = home
        self.server = server
        self.ports = {"code-location": _free_port(), "webserver": _free_port()}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        shutil.copytree(PROJECT_ROOT / "deploy", home / "deploy")
        filled_in = {
            "C360_OWNER_PASSWORD": "owner-secret",
            "C360_DAGSTER_PASSWORD": "dagster-secret",
            "C360_POSTGRES_PASSWORD": server.password(),
            **sources,
        }
        example = (PROJECT_ROOT / ".env.example").read_text()
        lines = (f"{name}='{value}'\n" for name, value in filled_in.items())
        (home / ".env").write_text(example + "".join(lines))

    def environment(self, service: str) -> dict[str, str]:
        declared = COMPOSE["services"][service]["environment"]
        from_file = dotenv_values(self.home / COMPOSE["services"][service]["env_file"])
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("C360_", "DAGSTER_"))}
        resolved = {name: self._local(self._substitute(str(value))) for name, value in declared.items()}
        return (
            kept
            | {name: value or "" for name, value in from_file.items()}
            | resolved
            | {"C360_HOME": str(self.home / "work"), "DAGSTER_HOME": str(self.home / "deploy")}
        )

    def command(self, words: list[str]) -> list[str]:
        program = Path(sys.executable).parent / words[0]
        ports = {"4000": self.ports["code-location"], "3000": self.ports["webserver"]}
        return [str(program), *(str(ports.get(word, self._local(word))) for word in words[1:])]

    def run(self, service: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(COMPOSE["services"][service]["command"]),
            env=self.environment(service),
            cwd=PROJECT_ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def start(self, service: str) -> None:
        log = (self.home / f"{service}.log").open("wb")
        self.processes[service] = subprocess.Popen(
            self.command(COMPOSE["services"][service]["command"]),
            env=self.environment(service),
            cwd=PROJECT_ROOT,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def wait_healthy(self, service: str, seconds: int = 120) -> None:
        """Runs the service's own health check until it passes."""
        kind, *test = COMPOSE["services"][service]["healthcheck"]["test"]
        assert kind == "CMD"
        deadline = time.monotonic() + seconds
        while True:
            done = subprocess.run(
                self.command(test),
                env=self.environment(service),
                cwd=PROJECT_ROOT,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            if done.returncode == 0:
                return
            log = (self.home / f"{service}.log").read_text()[-3000:]
            assert self.processes[service].poll() is None, f"{service} ended: {log}"
            assert time.monotonic() < deadline, f"{service} is not healthy: {done.stderr[-500:]} {log}"
            time.sleep(1)

    def graphql(self, query: str, **variables: Any) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.ports['webserver']}/graphql",
            json.dumps({"query": query, "variables": variables}).encode(),
            {"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.loads(answer.read())["data"]
        except urllib.error.HTTPError as error:
            pytest.fail(f"GraphQL: {error.code} {error.read().decode()[:2000]}")

    def stop(self) -> None:
        for process in self.processes.values():
            os.killpg(process.pid, signal.SIGTERM)
        for process in self.processes.values():
            try:
                process.wait(3)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)

    def _substitute(self, text: str) -> str:
        given = dotenv_values(self.home / ".env")

        def value(match: re.Match[str]) -> str:
            name, default = match["name"], match["default"]
            if filled_in := given.get(name):
                return filled_in
            assert default is not None, f"{name} has no value"
            return default

        return re.sub(r"\$\{(?P<name>\w+)(?::-(?P<default>[^}]*)|:\?[^}]*)?\}", value, text)

    def _local(self, text: str) -> str:
        port = self.server.url().port
        text = text.replace("@postgres:5432", f"@127.0.0.1:{port}")
        text = text.replace("http://127.0.0.1:3000", f"http://127.0.0.1:{self.ports['webserver']}")
        if text == "4000":
            return str(self.ports["code-location"])
        return {"code-location": "127.0.0.1", "0.0.0.0": "127.0.0.1"}.get(text, text)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    """Source systems on one server; the production warehouse is made from nothing by the service `init`."""
    company = new_company(tmp_path / "sources", customers=120)
    server = embedded_server(company.settings.home)
    with company.warehouse.admin_engine("postgres").connect() as admin:
        company.warehouse.engine.dispose()
        admin.exec_driver_sql("drop database c360 with (force)")
        for role in ("c360_owner", "c360_bi", "c360_agent"):
            admin.exec_driver_sql(f"drop role {role}")
    sources = {
        f"C360_SOURCE_{source.name.upper()}_URL": source_url(company.settings, source, company.warehouse)
        for source in load_sources()
    }
    made = Deployment(tmp_path, server, sources)
    yield made
    made.stop()
    server.stop()


@pytest.mark.slow
def test_the_compose_file_starts_and_a_run_launched_over_graphql_publishes(deployment: Deployment) -> None:
    for _ in range(2):  # the second time there is nothing left to do
        done = deployment.run("init")
        assert done.returncode == 0, done.stdout + done.stderr
    for service in ("code-location", "webserver", "daemon"):
        deployment.start(service)
        if service != "daemon":
            deployment.wait_healthy(service)
    deployment.wait_healthy("daemon", seconds=180)

    launched = deployment.graphql(RUN, job="daily_refresh_job")["launchRun"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    run_id = launched["run"]["runId"]

    status = _wait(lambda: deployment.graphql(STATUS, id=run_id)["runOrError"]["status"])
    assert status == "SUCCESS", (deployment.home / "code-location.log").read_text()[-5000:]

    url = deployment.server.url("c360_owner", "owner-secret", "c360")
    with sa.create_engine(url, poolclass=sa.NullPool).connect() as connection:
        assert connection.scalar(sa.text("select count(*) from marts.dim_customer")) > 100
    storage = deployment.server.url("c360_dagster", "dagster-secret", "dagster")
    with sa.create_engine(storage, poolclass=sa.NullPool).connect() as connection:
        assert (
            connection.scalar(sa.text("select status from runs where run_id = :id"), {"id": run_id})
            == "SUCCESS"
        )


def _wait(status: Callable[[], str], seconds: int = 240) -> str:
    deadline = time.monotonic() + seconds
    while (now := status()) not in ("SUCCESS", "FAILURE", "CANCELED"):
        assert time.monotonic() < deadline, f"the run is still {now}"
        time.sleep(2)
    return now


def test_images_are_pinned_no_service_is_root_and_no_secret_has_a_default() -> None:
    dockerfile = (PROJECT_ROOT / "Dockerfile").read_text()
    images = [COMPOSE["services"]["postgres"]["image"], *re.findall(r"^FROM (\S+)", dockerfile, re.M)]
    for image in images:
        assert re.search(r":\d+\.\d+", image), f"{image} is not pinned"
    assert re.search(r"^USER (?!root)", dockerfile, re.M)
    ours = {name: s for name, s in COMPOSE["services"].items() if name != "postgres"}
    assert all(service["user"] not in ("root", "0") for service in ours.values())
    text = (PROJECT_ROOT / "docker-compose.yml").read_text()
    for name in re.findall(r"\$\{(\w*(?:PASSWORD|URL))(?::-[^}]+)\}", text):
        pytest.fail(f"{name} has a default")
    assert all(
        "healthcheck" in COMPOSE["services"][s] for s in ("postgres", "code-location", "webserver", "daemon")
    )
