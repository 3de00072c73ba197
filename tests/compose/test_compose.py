"""docker-compose.yaml: valid, the local processes and settings, and no secret in it."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from perennial.declare.project import Project
from perennial.declare.settings import Settings
from perennial.deploy import env_file, supervisor

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yaml").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
VARIABLE = re.compile(r"\$\{(\w+)(?:(:[-?])([^}]*))?\}")
OURS = {name: each for name, each in SERVICES.items() if "PERENNIAL_PROJECT" in each["environment"]}


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """The local supervisor's processes and their commands, for a fresh copy of this project."""
    root = tmp_path_factory.mktemp("project")
    for name in ("data", "models", "dags", "feature_repo"):
        (root / name).symlink_to(ROOT / name)
    found = supervisor.watchers(Project(root, Settings(project=None, ledger_url=None)))
    return {each["name"]: each["args"][2:] for each in found}


def test_it_is_valid_by_the_specification() -> None:
    schema = json.loads(Path(__file__).with_name("compose-spec.json").read_text(encoding="utf-8"))
    checker = jsonschema.Draft202012Validator(schema)
    assert [error.message for error in checker.iter_errors(COMPOSE)] == []
    wrong = {**COMPOSE, "services": {"gateway": {"image": "x", "comand": ["x"]}}}
    assert list(checker.iter_errors(wrong)), "the check can fail"
    assert "version" not in COMPOSE


def test_its_services_are_the_supervisors_processes_with_the_same_commands(
    watched: dict[str, list[str]],
) -> None:
    commands = {name: each["command"] for name, each in OURS.items()}
    assert {name: commands[name] for name in watched if name in commands} == {
        name: ["perennial", *arguments] for name, arguments in watched.items()
    }
    assert commands.keys() - watched.keys() == {"airflow-init", "airflow-worker"}


def test_every_declared_model_has_its_two_slots_where_the_gateway_asks(
    watched: dict[str, list[str]],
) -> None:
    template = SERVICES["gateway"]["environment"]["PERENNIAL_SLOT_HOST"]
    settings = Settings(project=None, slot_host=template)
    slots = [
        arguments[2::2] for arguments in watched.values() if arguments[0] == "slot"
    ]  # slot --model M --slot S
    assert len(slots) >= 2
    assert {settings.host_of(*each) for each in slots} <= OURS.keys()


def test_all_processes_share_the_same_state() -> None:
    shared = {
        "PERENNIAL_PROJECT", "PERENNIAL_LEDGER_URL", "PERENNIAL_MLFLOW_URI", "PERENNIAL_SLOT_HOST",
        "PERENNIAL_FEATURE_STORE", "PERENNIAL_REDIS", "PERENNIAL_SIMULATIONS",
    }  # fmt: skip
    values = [{name: each["environment"][name] for name in shared} for each in OURS.values()]
    assert all(each == values[0] for each in values)
    volumes = {"var:/project/var", "lake:/project/data/lake"}
    assert all(volumes <= set(each["volumes"]) for each in OURS.values())
    assert (ROOT / "feature_repo" / values[0]["PERENNIAL_FEATURE_STORE"]).is_file()


def test_its_settings_are_known_ones() -> None:
    known = {f"PERENNIAL_{name.upper()}" for name in Settings.model_fields}
    named = {name for each in OURS.values() for name in each["environment"]}
    ours = {name for name in named if name.startswith("PERENNIAL_")}
    assert ours - known == {"PERENNIAL_REDIS"}  # feature_store.redis.yaml names it


def test_only_the_gateway_and_the_web_ui_are_published_and_on_loopback() -> None:
    ports = {name: each["ports"] for name, each in SERVICES.items() if "ports" in each}
    assert set(ports) == {"gateway", "airflow-api-server"}
    assert all(port.startswith("${PUBLISH_ADDRESS:-127.0.0.1}:") for (port,) in ports.values())
    assert ports["gateway"][0].endswith(f":{Settings.model_fields['gateway_port'].default}")
    assert ports["airflow-api-server"][0].endswith(
        f":{Settings.model_fields['airflow_port'].default}"
    )
    assert not any("network_mode" in each or "privileged" in each for each in SERVICES.values())


def test_no_secret_is_in_it_and_none_has_a_default() -> None:
    for name, how, default in VARIABLE.findall(TEXT):
        if name in env_file.SECRETS:
            assert (how, default) == (":?", "run make secrets"), name
    for name, each in SERVICES.items():
        for variable, value in each["environment"].items():
            if re.search(r"PASSWORD|SECRET|KEY|_URL|CONN|REDIS", variable):
                bare = VARIABLE.sub("", str(value))
                assert not re.search(r"://[^/@]*:[^@/]+@|password=.", bare), (name, variable)
    for word in ("PASSWORD", "SECRET", "FERNET"):
        for line in TEXT.splitlines():
            if re.match(rf"\s+\w*{word}\w*:", line):
                assert VARIABLE.search(line), line


def test_every_variable_is_documented_without_a_value() -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    documented = dict(re.findall(r"^(\w+)=(.*)$", example, re.MULTILINE))
    assert {name for name, *_ in VARIABLE.findall(TEXT)} == set(documented)
    assert set(documented.values()) == {""}
    assert set(env_file.SECRETS) <= set(documented)
    for name, _, default in VARIABLE.findall(TEXT):
        if name not in env_file.SECRETS and default:
            assert f"[{default}]" in example, f"{name}: {default}"


def test_what_others_wait_for_can_be_healthy() -> None:
    for name, each in SERVICES.items():
        waits = each.get("depends_on", {})
        for other, how in waits.items():
            if how["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[other], f"{name} waits for {other}"
    looped = {
        "freshener",
        "controller",
        "airflow-worker",
        "airflow-init",
    }  # they end when they fail
    assert {name for name, each in SERVICES.items() if "healthcheck" not in each} == looped


def test_the_image_holds_no_secret_and_no_data_and_runs_as_nobody_special() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert {".env", ".git", ".venv", "var", "data/lake"} <= set(ignored)
    steps = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert re.search(r"^USER perennial$", steps, re.MULTILINE)
    assert "requirements.lock" in steps
    assert "--torch-backend cpu" in steps
    assert not re.search(r"^\s*(ARG|ENV)\s.*(PASSWORD|SECRET|TOKEN)", steps, re.MULTILINE)
    made = (ROOT / "Makefile").read_text(encoding="utf-8")
    version = re.search(r"^UV_VERSION := (.+)$", made, re.MULTILINE)
    assert version is not None
    assert set(re.findall(r"astral-sh/uv:(\S+)", steps)) == {version.group(1)}


def test_secrets_are_written_once_for_their_owner_only(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    assert env_file.write_secrets(file) == list(env_file.SECRETS)
    first = file.read_text(encoding="utf-8")
    assert file.stat().st_mode & 0o777 == 0o600
    values = dict(line.split("=", 1) for line in first.splitlines())
    assert len(set(values.values())) == len(env_file.SECRETS)
    assert all(re.fullmatch(r"[\w\-=]{32,}", value) for value in values.values())
    assert env_file.write_secrets(file) == []
    assert file.read_text(encoding="utf-8") == first


def test_what_a_person_wrote_stays_and_empty_secrets_are_filled(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("# mine\nGATEWAY_PORT=3001\nREDIS_PASSWORD=known\nAIRFLOW_PASSWORD=", "utf-8")
    new = env_file.write_secrets(file)
    assert "REDIS_PASSWORD" not in new
    assert "AIRFLOW_PASSWORD" in new
    lines = file.read_text(encoding="utf-8").splitlines()
    assert lines[:3] == ["# mine", "GATEWAY_PORT=3001", "REDIS_PASSWORD=known"]
    assert "AIRFLOW_PASSWORD=" not in lines


def test_the_command_tells_what_it_did_and_no_secret(tmp_path: Path) -> None:
    command = ["python3", "-S", str(ROOT / "plugins/perennial/deploy/env_file.py"), ".env"]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert "POSTGRES_PASSWORD" in said
    values = [line.split("=", 1)[1] for line in (tmp_path / ".env").read_text().splitlines()]
    assert not any(value in said for value in values)
    again = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "every secret is there already" in again.stdout


def test_git_never_takes_the_secrets() -> None:
    assert ".env" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()


def test_the_two_feature_stores_differ_in_nothing_but_the_online_store() -> None:
    files = ("feature_store.yaml", "feature_store.redis.yaml")
    stores = [yaml.safe_load((ROOT / "feature_repo" / each).read_text("utf-8")) for each in files]
    online = [store.pop("online_store")["type"] for store in stores]
    assert stores[0] == stores[1]
    assert online[0] != online[1]
