"""docker-compose.yml, the Dockerfile and what they mount, read as data: no Docker engine runs here."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
ONCE = {"temporal-schema", "temporal-namespace", "migrate"}
LASTING = SERVICES.keys() - ONCE
SECRETS = {
    "POSTGRES_PASSWORD": "POSTGRES_PASSWORD",
    "PGPASSWORD": "PACELINE_POSTGRES_PASSWORD",
    "PACELINE_POSTGRES_PASSWORD": "PACELINE_POSTGRES_PASSWORD",
    "POSTGRES_PWD": "TEMPORAL_POSTGRES_PASSWORD",
    "SQL_PASSWORD": "TEMPORAL_POSTGRES_PASSWORD",
    "TEMPORAL_POSTGRES_PASSWORD": "TEMPORAL_POSTGRES_PASSWORD",
    "PACELINE_API_TOKEN": "PACELINE_API_TOKEN",
}
"""Variables that hold a secret, and the name in `.env` it must come from."""


def environment(service: str) -> dict[str, str]:
    return SERVICES[service].get("environment", {})


def test_the_whole_topology_is_there() -> None:
    assert {"postgresql", "temporal", "temporal-ui", "api", "worker", "migrate"} <= SERVICES.keys()


@pytest.mark.parametrize("service", sorted(LASTING))
def test_lasting_service_has_a_health_check_and_comes_back(service: str) -> None:
    check = SERVICES[service]["healthcheck"]
    assert check["test"][0] == "CMD"
    assert {"interval", "timeout", "retries", "start_period"} <= check.keys()
    assert SERVICES[service]["restart"] == "unless-stopped"


@pytest.mark.parametrize("service", sorted(ONCE))
def test_one_shot_is_tried_again_and_waited_for(service: str) -> None:
    assert SERVICES[service]["restart"].startswith("on-failure")
    waiting = [other for other in SERVICES.values() if service in other.get("depends_on", {})]
    assert waiting
    for other in waiting:
        assert other["depends_on"][service] == {"condition": "service_completed_successfully"}


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_service_waits_for_health_not_for_start(service: str) -> None:
    for other, condition in SERVICES[service].get("depends_on", {}).items():
        expected = "service_completed_successfully" if other in ONCE else "service_healthy"
        assert condition == {"condition": expected}


def test_api_and_worker_wait_for_tables_and_namespace() -> None:
    for service in ("api", "worker"):
        assert {"migrate", "temporal-namespace"} <= SERVICES[service]["depends_on"].keys()


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_secret_has_no_default(service: str) -> None:
    for name, value in environment(service).items():
        if name in SECRETS:
            assert value == f"${{{SECRETS[name]}:?set it in .env}}"
        else:
            assert not re.search("password|secret|token", name, re.IGNORECASE)
            assert not re.search(r"://[^@/]*:[^@/]*@", value), "a password in a URL"


def test_secrets_are_asked_for_where_they_are_needed() -> None:
    assert "POSTGRES_PASSWORD" in environment("postgresql")
    assert "PACELINE_API_TOKEN" in environment("api")
    for service in ("api", "worker", "migrate"):
        assert "PGPASSWORD" in environment(service)


def test_example_environment_names_every_secret_and_fills_in_none() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    entries = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    assert entries == dict.fromkeys(set(SECRETS.values()), "")


def test_filled_in_environment_is_neither_committed_nor_built_in() -> None:
    assert ".env" in (ROOT / ".gitignore").read_text().splitlines()
    assert (ROOT / ".dockerignore").read_text().splitlines()[1] == "*"


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_ports_are_published_on_loopback_only(service: str) -> None:
    for port in SERVICES[service].get("ports", []):
        assert port.startswith("127.0.0.1:")
    assert SERVICES[service].get("network_mode") is None


def test_database_is_not_published() -> None:
    assert "ports" not in SERVICES["postgresql"]


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_image_is_pinned_to_a_full_version(service: str) -> None:
    _, _, tag = SERVICES[service]["image"].partition(":")
    assert re.match(r"v?\d+\.\d+(\.\d+)?", tag), SERVICES[service]["image"]


def test_what_must_last_is_on_named_volumes() -> None:
    for service, place in (
        ("postgresql", "/var/lib/postgresql/data"),
        ("api", "/var/lib/paceline"),
        ("worker", "/var/lib/paceline"),
        ("worker", "/repositories"),
    ):
        mounted = {
            target: source for source, target, *_ in (v.split(":") for v in SERVICES[service]["volumes"])
        }
        assert mounted[place] in COMPOSE["volumes"]


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_mounted_file_exists_and_is_read_only(service: str) -> None:
    for volume in SERVICES[service].get("volumes", []):
        source, _, *options = volume.split(":")
        if source.startswith("."):
            assert (ROOT / source).is_file()
            assert options == ["ro"]


def test_scripts_are_sound_shell() -> None:
    scripts = sorted((ROOT / "deploy").rglob("*.sh"))
    assert scripts
    for script in scripts:
        subprocess.run(["sh", "-n", str(script)], check=True)
        assert "set -eu" in script.read_text()


def test_dynamic_configuration_is_in_the_form_that_the_server_reads() -> None:
    values = yaml.safe_load((ROOT / "deploy" / "temporal" / "dynamicconfig.yaml").read_text())
    assert values["history.transferProcessorMaxPollRPS"] == [{"value": 2000}]
    mount = next(v for v in SERVICES["temporal"]["volumes"] if "dynamicconfig" in v)
    assert environment("temporal")["DYNAMIC_CONFIG_FILE_PATH"] == mount.split(":")[1]


def test_own_services_run_commands_of_ours() -> None:
    assert {name: SERVICES[name]["command"] for name in ("api", "worker", "migrate")} == {
        "api": ["api"],
        "worker": ["worker"],
        "migrate": ["migrate"],
    }
    assert 'ENTRYPOINT ["paceline"]' in DOCKERFILE


def test_image_holds_every_package_and_only_locked_dependencies() -> None:
    for package in ("paceline", "workflows", "activities", "workers", "api", "migrations"):
        assert f"COPY {package} {package}\n" in DOCKERFILE
        assert f"!{package}" in (ROOT / ".dockerignore").read_text().splitlines()
    installs = re.findall(r"pip install (.*)", DOCKERFILE)
    assert "--require-hashes --requirement requirements.lock" in installs
    for arguments in installs:
        assert arguments.startswith(("--require-hashes --requirement ", "--no-deps /wheel/"))


def test_everything_the_image_copies_exists_and_is_let_through() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    for line in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE):
        for source in line.split():
            assert (ROOT / source).exists()
            assert f"!{source}" in ignored


def test_image_does_not_run_as_root() -> None:
    final_stage = DOCKERFILE.split("\nFROM ")[-1]
    users = re.findall(r"^USER (\S+)$", final_stage, re.MULTILINE)
    assert users == ["paceline"]
    assert "useradd --uid 10001" in final_stage
    for image in re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE):
        assert re.search(r":\d+\.\d+\.\d+", image)
